"""People: accounts, identities, passkeys, roles, and what they prefer."""
