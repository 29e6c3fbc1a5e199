"""Telling: who hears of what, expanded from a promise and delivered."""
