"""Training: configuration, data, losses, the loop and what it writes."""
