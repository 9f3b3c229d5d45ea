"""The HTTP service: a predictor behind `POST /pose`."""
