"""Approving: what is signed, whose voice counts, what stands beside it."""
