"""UniPose: a photo in, joints out."""

__version__ = "0.1.0"
