"""The HTTP ring: a predictor behind `POST /pose`."""
