"""A person's own pages: sign-in, profile, passkeys, identities."""
