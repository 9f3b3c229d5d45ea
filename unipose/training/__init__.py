"""Training: configuration, data, losses, the training loop and what it writes."""
