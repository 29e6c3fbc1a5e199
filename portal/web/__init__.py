"""Pages: find the tenant, parse the form, call one service or query, answer."""
