"""Whole jobs: an image, a video or a folder of both, from file to result."""
