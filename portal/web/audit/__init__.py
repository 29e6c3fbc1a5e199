"""The audit browser: the log, an entry, exports, re-anchoring."""
