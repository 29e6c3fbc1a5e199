"""The per-tenant hash-chained log: append, verify, checkpoint statements."""
