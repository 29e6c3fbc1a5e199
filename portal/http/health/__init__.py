"""What probes and metrics are told."""
