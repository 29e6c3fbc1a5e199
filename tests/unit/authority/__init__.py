"""The embedded authority's own parts, without database and network."""
