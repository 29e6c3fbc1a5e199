"""Loopback ports: one that is free, and a clear word about one that is not."""

import errno
import socket

from portal.runtime.problems import RuntimeProblem


def free_port(preferred: int | None = None, *, host: str = "127.0.0.1") -> int:
    """Returns the preferred port if nobody has it, else one that is free now."""
    if preferred is not None and is_free(preferred, host=host):
        return preferred
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Says whether the port can be bound on the host."""
    try:
        _bind(port, host)
    except OSError:
        return False
    return True


def require_free(port: int, *, host: str = "127.0.0.1") -> None:
    """Raises RuntimeProblem with one sentence that says why the port cannot serve."""
    try:
        _bind(port, host)
    except OSError as exc:
        raise RuntimeProblem(_refusal(port, host, exc)) from exc
    if host == "127.0.0.1" and _in_use(port, "::1"):
        # People open "localhost", and most programs try its IPv6 address first.
        raise RuntimeProblem(_busy(port, "localhost ([::1])"))


def _bind(port: int, host: str) -> None:
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        # As servers do: connections that linger in TIME_WAIT do not count as busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _in_use(port: int, host: str) -> bool:
    try:
        _bind(port, host)
    except OSError as exc:
        return exc.errno == errno.EADDRINUSE  # else this machine has no such address
    return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _busy(port: int, host: str) -> str:
    return (
        f"Port {port} on {host} is in use: stop what listens there (another "
        "`make demo`?), or choose another one with PORT=…"
    )


def _refusal(port: int, host: str, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return _busy(port, host)
    if exc.errno == errno.EACCES:
        return f"Port {port} needs more rights: choose one above 1023 with PORT=…"
    return f"Cannot listen on {host} port {port}: {exc.strerror or exc}."
