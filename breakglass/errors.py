"""Every failure a caller may act on; portal/http/errors.py maps them to codes."""

from typing import ClassVar


class BreakglassError(Exception):
    """Base of the tree: catch this at the edge, never in the domain."""

    code: ClassVar[str] = "error"


class NotFound(BreakglassError):
    """What was named does not exist, or the caller may not know that it does."""

    code = "not_found"


class NotPermitted(BreakglassError):
    """The caller is known, and may not do this."""

    code = "not_permitted"


class Conflict(BreakglassError):
    """The record moved on since the caller last looked at it."""

    code = "conflict"


class SentAlready(Conflict):
    """The form was sent before, with other words; `bypass_id` is what it made."""

    code = "sent_already"

    def __init__(self, message: str, *, bypass_id: str) -> None:
        super().__init__(message)
        self.bypass_id = bypass_id


class DigestMismatch(Conflict):
    """The decision was made on other terms than the ones on record."""

    code = "digest_mismatch"


class ReauthenticationRequired(NotPermitted):
    """The last authentication is older than a signed decision allows."""

    code = "reauthentication_required"


class SignInRefused(NotPermitted):
    """What an identity provider sent back does not prove who the person is."""

    code = "sign_in_refused"


class PasskeyRequired(ReauthenticationRequired):
    """The tier asks for a passkey with each approval, and none came along."""

    code = "passkey_required"


class PasskeyRefused(NotPermitted):
    """A passkey's answer does not hold, or may not count here and now."""

    code = "passkey_refused"


class PolicyViolation(BreakglassError):
    """The policy, or a rule of the product, does not allow this.

    `field` names the form field at fault, or is empty.
    """

    code = "policy_violation"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class InvalidInput(PolicyViolation):
    """A value is malformed: too long, of the wrong alphabet, not offered."""

    code = "invalid_input"


class SelfApproval(PolicyViolation):
    """The person who asked tried to approve."""

    code = "self_approval"


class Unavailable(BreakglassError):
    """Something outside did not answer in time. Trying again later may help."""

    code = "unavailable"


class ReceiptsOff(Unavailable):
    """No key is set up that could sign a receipt. Nothing was decided."""

    code = "receipts_off"


class LogReadOnly(Unavailable):
    """The tenant's log takes no entries until two admins re-anchor it."""

    code = "log_read_only"


class SigningFailed(Unavailable):
    """A signature could not be made, or did not verify.

    `stage` is where it failed (identity, certificate, log, verify, network);
    `retryable` says whether the same signature may succeed later.
    """

    code = "signing_failed"

    def __init__(self, message: str, *, stage: str, retryable: bool) -> None:
        super().__init__(message)
        self.stage = stage
        self.retryable = retryable
