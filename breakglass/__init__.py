"""The domain: requests, approvals, grants, decisions, post-mortems; no HTTP."""
