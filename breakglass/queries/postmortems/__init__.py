"""Reads about post-mortems: what pre-fills one, and who wrote what when."""
