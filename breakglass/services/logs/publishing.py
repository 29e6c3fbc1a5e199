"""
Checkpoints leave the database: a file that only grows, and a signed webhook.

The third place, the instance's transparency log, has each of them by construction: a
bundle is only stored once it carries that log's proof of its own statement, and the
line below holds the bundle.
"""

import fcntl
import json
import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.db.models import QuerySet
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from breakglass import clock
from breakglass.audit import chain
from breakglass.errors import Unavailable
from breakglass.models import Checkpoint, Tenant

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_SEND_SECONDS: Final = (2.0, 5.0)
# A run starts no send after this: its task ends at 50 seconds, and others wait.
_BUDGET_SECONDS: Final = 20.0


def file_of(tenant: Tenant) -> Path:
    """Returns where the tenant's checkpoints are appended."""
    return Path(settings.CHECKPOINT_DIR) / f"{tenant.slug}.jsonl"


def write_due() -> int:
    """Appends signed checkpoints to the files outside, oldest first; counts them."""
    done = 0
    for checkpoint in _signed(published_at__isnull=True):
        try:
            done += _append_to_file(checkpoint)
        except OSError as error:
            logger.warning("checkpoint.unpublished", extra={"why": error.strerror})
            break
    return done


def send_due() -> int:
    """
    Sends signed checkpoints to the operator's webhook, oldest first; counts them.

    Stops at the first that fails, and writes down why: the order is what a receiver
    relies on. The next run tries again. Call it outside a transaction: it sends.
    """
    if not settings.CHECKPOINT_WEBHOOK_URL:
        return 0
    ends, done = time.monotonic() + _BUDGET_SECONDS, 0
    for checkpoint in _signed(sent_at__isnull=True):
        if time.monotonic() > ends:
            break
        row = Checkpoint.objects.filter(pk=checkpoint.pk)
        try:
            _send(checkpoint)
        except Unavailable as error:
            row.update(send_error=str(error)[:300])
            logger.warning("checkpoint.unsent", extra={"checkpoint": checkpoint.pk})
            break
        row.update(sent_at=clock.db_now(), send_error="")
        done += 1
    return done


def line_of(checkpoint: Checkpoint) -> str:
    """Returns the one line of JSON that stands for a signed checkpoint outside."""
    root = checkpoint.tree_root
    line: dict[str, Any] = {
        "tenant": str(checkpoint.tenant.public_id),
        "slug": checkpoint.tenant.slug,
        "size": checkpoint.size,
        "head": bytes(checkpoint.head_hash).hex(),
        "root": bytes(root).hex() if root is not None else "",
        "sealed_at": chain.timestamp(checkpoint.sealed_at),
        # A bundle over a digest alone does not carry what it signs.
        "statement": bytes(checkpoint.statement.statement).decode(),
        "bundle": json.loads(bytes(checkpoint.statement.bundle.bundle)),
    }
    return json.dumps(line, separators=(",", ":"))


def _signed(**which: bool) -> QuerySet[Checkpoint]:
    rows = Checkpoint.objects.filter(statement__bundle__isnull=False, **which)
    return rows.order_by("pk").select_related("tenant", "statement__bundle")[:_AT_ONCE]


def _append_to_file(checkpoint: Checkpoint) -> bool:
    """
    Adds one line and syncs it; after a crash it may come twice, never be lost.

    The lock keeps the lines in order when two workers publish at once. A line that a
    crash cut off is ended first, so that it spoils no other.
    """
    file = file_of(checkpoint.tenant)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    with file.open("a+b") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        row = Checkpoint.objects.filter(pk=checkpoint.pk, published_at__isnull=True)
        if not row.exists():
            return False  # somebody else wrote it while this one waited
        torn = lines.seek(0, os.SEEK_END) > 0 and not _ends_with_newline(lines.fileno())
        lines.write(b"\n" * torn + line_of(checkpoint).encode() + b"\n")
        lines.flush()
        os.fsync(lines.fileno())
        row.update(published_at=clock.db_now())
    return True


def _ends_with_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, 1, size - 1) == b"\n"


def _send(checkpoint: Checkpoint) -> None:
    """
    Posts one line, signed as Standard Webhooks say; raises Unavailable.

    Only the operator sets the address, so it may lie inside the network; redirects
    are refused, since then somebody else would choose it.
    """
    url, now = settings.CHECKPOINT_WEBHOOK_URL, datetime.now(UTC)
    if urlsplit(url).scheme not in {"http", "https"}:
        raise Unavailable("the checkpoint webhook is not an http or https address")
    body = line_of(checkpoint)
    name = f"checkpoint-{checkpoint.tenant.public_id}-{checkpoint.pk}"
    try:
        signer = Webhook(settings.CHECKPOINT_WEBHOOK_SECRET)
        signature = signer.sign(msg_id=name, timestamp=now, data=body)
    except (ValueError, RuntimeError, EmptyWebhookSecretError) as error:
        msg = "BREAKGLASS_CHECKPOINT_WEBHOOK_SECRET is not base64, or is empty"
        raise Unavailable(msg) from error
    _post(
        url,
        body=body.encode(),
        headers={
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        },
    )


def _post(url: str, *, body: bytes, headers: dict[str, str]) -> None:
    """Posts without proxies of the environment; the answer's body is not read."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                url,
                data=body,
                headers=headers,
                timeout=_SEND_SECONDS,
                allow_redirects=False,
                stream=True,
            )
    except requests.RequestException as error:
        msg = f"the webhook did not answer ({type(error).__name__})"
        raise Unavailable(msg) from error
    if not answer.ok or answer.is_redirect:
        raise Unavailable(f"the webhook answered {answer.status_code}")
