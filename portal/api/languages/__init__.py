"""
What gates of other makes say, each a translation onto the one decision.

A language reads a body into a question, and puts the answer, or the refusal, into its
own words. It decides nothing.
"""
