"""A process of its own that approves, and is killed between two steps of it."""

import os
import signal
import traceback
from dataclasses import dataclass

from django.db import connections

from breakglass.models import Approval, Bundle, Grant
from breakglass.services import grants
from breakglass.services.approving import approvals, counting, signatures
from breakglass.signing import fallback, identity, keyless


@dataclass(frozen=True)
class Step:
    """The call after whose return the process dies."""

    name: str
    owner: object
    call: str


STEPS = [
    Step("the decision is committed", approvals, "_commit"),
    Step("the identity token is there", identity, "exchange"),
    Step("the signature is back, not verified", keyless.KeylessSigner, "sign"),
    Step("it is verified, not stored", keyless.KeylessVerifier, "verify"),
    Step("the bundle's row is written, not committed", Bundle, "save"),
    Step("the bundle is stored", signatures, "_store"),
    Step("the approval's row is written, not committed", Approval, "save"),
    Step("the approval's entry is written, not committed", counting, "_append"),
    Step("the grant's row is written, not committed", Grant, "save"),
    Step("the grant is whole, not committed", grants, "issue"),
    Step("everything is committed, nobody was told", counting, "record"),
]
FALLBACK_SIGNED = Step("the fallback has signed, not stored", fallback, "sign")
STATEMENT_STORED = Step("the grant's bundle is stored", signatures, "_store")
STATEMENT_RECORDED = Step("the grant's bundle is recorded", signatures, "_record")


def killed(call, *, after=None):
    """
    Runs `call` in a fork of this process, which dies by SIGKILL after the step.

    Without a step it dies when the call has returned. Connections are closed before,
    so that the two share none; what PostgreSQL had not committed then is gone.
    """
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        _live_and_die(call, after)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), "the child came to another end: see its traceback"
    assert os.WTERMSIG(status) == signal.SIGKILL


def _live_and_die(call, step):
    """Never returns: whatever happens, nothing of the test goes on in the child."""
    try:
        if step is not None:
            _die_after(step)
        call()
        if step is None:
            _die()
    except BaseException:  # noqa: BLE001 - the parent sees that it did not die
        traceback.print_exc()
    finally:
        os._exit(3)


def _die_after(step):
    honest = getattr(step.owner, step.call)

    def fatal(*args, **kwargs):
        honest(*args, **kwargs)
        _die()

    setattr(step.owner, step.call, fatal)


def _die():
    os.kill(os.getpid(), signal.SIGKILL)
