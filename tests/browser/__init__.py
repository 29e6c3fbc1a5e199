"""Journeys in a real Chromium against the live server (style.md 9)."""
