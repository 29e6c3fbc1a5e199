"""Provenance of deploys, signed at the real embedded authority."""
