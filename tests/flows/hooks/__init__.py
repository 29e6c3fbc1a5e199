"""Webhooks, told over real sockets."""
