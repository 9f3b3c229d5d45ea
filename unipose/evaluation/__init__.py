"""Predictions on a labelled set, and what they are worth."""
