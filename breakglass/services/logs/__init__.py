"""The logs: sealed, published, checked, set read-only, anchored anew, exported."""
