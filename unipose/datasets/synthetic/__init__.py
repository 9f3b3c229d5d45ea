"""Synthetic data: drawn figures as images and clips, to train and test on offline."""
