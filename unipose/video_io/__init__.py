"""Video in and out: frames, sound, and poses as lines of text."""
