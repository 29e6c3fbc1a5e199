"""The one error of this room: what failed and what to do, in one sentence."""


class RuntimeProblem(Exception):
    """Something outside our code stops a server; the message is for the operator."""
