"""Reads about people: accounts, passkeys, and their own page."""
