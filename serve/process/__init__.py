"""What an operator sees: processes, sockets, logs, a clean stop."""
