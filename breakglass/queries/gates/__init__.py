"""Reads about gates: how they fare, what was found, what messages say."""
