"""HTTP and WebSocket: schemas, uploads, limits, authentication, errors."""
