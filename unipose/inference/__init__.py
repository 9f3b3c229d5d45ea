"""Images to poses: the predictor, its recurrent form, and person detectors."""
