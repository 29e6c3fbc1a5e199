"""The library's clients for one signature, each of them under our deadline."""

import requests
from sigstore.models import ClientTrustConfig
from sigstore.sign import SigningContext

from breakglass.errors import SigningFailed
from breakglass.signing.transport import DeadlineAdapter, mount


def signing_context(
    trust_config: str, adapter: DeadlineAdapter, *, tls_ca: str
) -> SigningContext:
    """A context for one signature: Fulcio's session is not safe to share by threads."""
    config = ClientTrustConfig.from_json(trust_config)
    services = config.signing_config
    fulcio, log = services.get_fulcio(), services.get_tlogs()[0]
    stamps = services.get_tsas()
    for client in (fulcio, log, *stamps):
        mount(_session_of(client), adapter, tls_ca=tls_ca)
    return SigningContext(
        fulcio=fulcio,
        rekor=log,
        trusted_root=config.trusted_root,
        tsa_clients=stamps,
    )


def _session_of(client: object) -> requests.Session:
    """
    Returns a client's session of this thread.

    Fulcio's has a public name. A log's and a timestamp authority's have none, and
    without the adapter their calls had no deadline: should the library rename them,
    signing stops here, with a name, before anything was sent.
    """
    session = getattr(client, "session", None) or getattr(client, "_session", None)
    if not isinstance(session, requests.Session):
        msg = f"{type(client).__name__} of the library shows no session to bound"
        raise SigningFailed(msg, stage="library", retryable=False)
    return session
