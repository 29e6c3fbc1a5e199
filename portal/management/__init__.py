"""Commands that concern the installation rather than the domain."""
