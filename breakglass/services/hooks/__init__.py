"""Webhooks: addresses that are told, what they are told, and the telling."""
