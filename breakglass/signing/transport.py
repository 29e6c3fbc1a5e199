"""A requests adapter with a deadline: the sigstore library sets no timeout."""

import time
from collections.abc import Mapping
from datetime import timedelta

import requests
from requests.adapters import HTTPAdapter

CONNECT_SECONDS = 2.0


class DeadlineAdapter(HTTPAdapter):
    """
    Gives every call what is left of one deadline for the whole signature.

    Source: sigstore.md section 6; sigstore-python 4.5 passes no timeout to Fulcio
    and Rekor, and a server that accepts and never answers would hang for ever.
    """

    def __init__(self, *, deadline: timedelta) -> None:
        self._ends_at = time.monotonic() + deadline.total_seconds()
        super().__init__(max_retries=0)

    def send(  # noqa: PLR0917 - requests' own signature
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - requests' own signature
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - requests' own signature
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Sends with the remaining time; raises requests.Timeout when none is left."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            msg = "the deadline for signing has passed"
            raise requests.Timeout(msg, request=request)
        return super().send(
            request,
            stream=stream,
            timeout=timeout or (min(CONNECT_SECONDS, left), left),
            verify=verify,
            cert=cert,
            proxies=proxies,
        )


def mount(session: requests.Session, adapter: HTTPAdapter) -> None:
    """Makes a session use the adapter, and ignore proxies of the environment."""
    session.trust_env = False
    session.mount("http://", adapter)
    session.mount("https://", adapter)
