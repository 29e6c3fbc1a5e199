"""The parts of verification.py: reading entries and bundles, and comparing rows."""
