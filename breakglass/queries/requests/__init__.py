"""Reads about requests: one, many, one that is only being typed."""
