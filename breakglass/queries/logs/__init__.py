"""Reads of the logs: entries by keyset, exports, how each log stands."""
