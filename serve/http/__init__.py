"""What a client sees: addresses, schemas, limits, errors."""
