"""Provenance of deploys: whom a gate trusts, what it gives, what that proves."""
