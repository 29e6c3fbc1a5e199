"""What `manage.py check --deploy` says beyond Django's own checks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info

from breakglass.errors import ReceiptsOff
from breakglass.signing import receipts


def receipt_keys(
    app_configs: Sequence[Any] | None,  # noqa: ARG001  # Django passes it by name
    **_: Any,
) -> list[CheckMessage]:
    """Says where receipts cannot be signed: not made yet, or not readable."""
    paths: list[str] = settings.RECEIPT_KEYS
    if not any(Path(path).exists() for path in paths):
        return [
            Info(
                "no key for receipts is set up: gates that ask for one hear enforce",
                hint="manage.py receipt_key init, see BREAKGLASS_RECEIPT_KEYS",
                id="breakglass.I001",
            )
        ]
    try:
        receipts.keys_in(paths)
    except ReceiptsOff as error:
        return [Error(str(error), id="breakglass.E001")]
    return []
