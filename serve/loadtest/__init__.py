"""Load and soak tests of a running service; no part of the service itself."""
