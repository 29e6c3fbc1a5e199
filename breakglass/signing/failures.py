"""What the sigstore library raises, told as a stage and a hope of success."""

from typing import Final

import requests
from sigstore.errors import Error as SigstoreError
from sigstore.oidc import ExpiredIdentity, IdentityError

from breakglass.errors import SigningFailed
from breakglass.texts import text

# What reading an answer raises that is well-formed and not what was asked for.
_UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError, SigstoreError)


def classified(error: Exception) -> SigningFailed:
    """
    Turns what the library raised into a failure of ours.

    Never repeats what the other side said: it may hold a token. Messages name what
    an operator can look for in the log of the service.
    """
    if isinstance(error, SigningFailed):
        return error
    if isinstance(error, (ExpiredIdentity, IdentityError)):
        return SigningFailed(
            text("the identity token was refused"), stage="identity", retryable=True
        )
    answer = _answer_of(error)
    if answer is not None and answer.status_code >= requests.codes.bad_request:
        again = answer.status_code >= requests.codes.server_error or (
            answer.status_code == requests.codes.too_many_requests
        )
        msg = text(
            "the signing service answered %(status_code)s",
            status_code=answer.status_code,
        )
        return SigningFailed(msg, stage="service", retryable=again)
    if isinstance(error, (requests.RequestException, OSError)):
        msg = text(
            "the signing service did not answer (%(value)s)", value=type(error).__name__
        )
        return SigningFailed(msg, stage="network", retryable=True)
    if isinstance(error, _UNREADABLE) or type(error).__module__.startswith("sigstore."):
        msg = text(
            "the signing service's answer cannot be used (%(value)s): is "
            "this the instance of the trust config?",
            value=type(error).__name__,
        )
        return SigningFailed(msg, stage="service", retryable=True)
    msg = text(
        "the signature could not be made (%(value)s)", value=type(error).__name__
    )
    return SigningFailed(msg, stage="library", retryable=False)


def _answer_of(error: BaseException) -> requests.Response | None:
    """
    Returns the HTTP answer behind an error, if there is one.

    FulcioClientError's own message is always empty, so the cause has to be asked.
    """
    for link in (error, error.__cause__, error.__context__):
        answer = getattr(link, "response", None)
        if isinstance(answer, requests.Response):
            return answer
    return None
