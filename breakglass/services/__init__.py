"""One verb, one transaction: the only code that changes what the log records."""
