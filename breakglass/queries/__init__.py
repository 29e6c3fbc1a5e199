"""Reads: tenant first, keyword-only, no writes (the lock_ loaders are for services)."""
