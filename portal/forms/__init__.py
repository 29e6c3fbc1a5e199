"""Forms turn text into typed values; whether it is allowed is for the service."""
