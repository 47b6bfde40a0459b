"""What an operator sees of the service: logs, metrics, traces. Knows nothing of what it reports on."""
