"""Person detectors: boxes for images that come without any."""
