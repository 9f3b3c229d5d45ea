"""Drawn figures, as images and as clips, to train and test on offline."""
