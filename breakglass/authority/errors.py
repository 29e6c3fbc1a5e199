"""What can go wrong in the authority, told apart by who has to act."""


class AuthorityTrouble(Exception):
    """Base of everything that the authority raises on purpose."""


class InstallationTrouble(AuthorityTrouble):
    """The directory, its keys or its database need an operator."""


class NotUsable(InstallationTrouble):
    """A value given by the operator is malformed: a usage error."""


class Unavailable(AuthorityTrouble):
    """The store does not answer; trying again later may help."""


class Refused(AuthorityTrouble):
    """A request is not granted. Carries the HTTP status that says why."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class TokenRefused(Refused):
    """A token exchange is not granted. Carries the RFC 6749 section 5.2 error code."""

    def __init__(self, message: str, *, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.code = code
