"""The domain: requests, approvals, grants, decisions, post-mortems. It knows no HTTP."""
