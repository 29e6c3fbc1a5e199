"""Signing in, staying signed in, and signing in again for a decision."""
