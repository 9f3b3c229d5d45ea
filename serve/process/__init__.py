"""Server processes: sockets, protocols, logs, workers, graceful shutdown."""
