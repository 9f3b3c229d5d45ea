"""What `serve.load` and `serve.soak` put a service through: it is no part of the service."""
