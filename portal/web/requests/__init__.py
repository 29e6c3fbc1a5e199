"""Requests: the form, the list, the page, and what is done on it."""
