"""Tenants: what one starts with, its policies, channels and trust."""
