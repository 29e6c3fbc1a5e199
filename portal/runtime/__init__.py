"""Starts and stops the servers: PostgreSQL, Valkey, the authority, web, workers."""
