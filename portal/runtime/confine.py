"""
Becomes another program: as whom it runs, and that it dies with its parent.

Run by path as `python -I -S confine.py …`: it uses the standard library only, so it
starts in some ten milliseconds and needs no virtual environment. Doing this in a
program of its own rather than in `preexec_fn` keeps Python code out of the fragile
moment between fork and exec.

    confine.py FOOTING run PARENT SIGNAL COMMAND [ARGUMENT …]
    confine.py FOOTING check FOLDER …

FOOTING is `own` (stay who we are), `namespace` (look like "nobody" in a user namespace
of its own, for programs that refuse root or want a named user) or `nobody` (be it).
"""

import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
USUAL_NOBODY = 65534

CANNOT_REACH = 3
CANNOT_STAND = 4


def nobody() -> tuple[int, int]:
    """Returns uid and gid of the user without rights; initdb wants one with a name."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        named = [found for found in pwd.getpwall() if found.pw_uid != 0]
        if not named:
            return USUAL_NOBODY, USUAL_NOBODY
        entry = named[0]
    return entry.pw_uid, entry.pw_gid


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _enter_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    inside_uid, inside_gid = nobody()
    if _libc().unshare(CLONE_NEWUSER) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    # The kernel wants setgroups denied before an unprivileged gid map is written.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{inside_uid} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{inside_gid} {gid} 1", encoding="ascii")


def _become_nobody() -> None:
    uid, gid = nobody()
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _take_footing(name: str) -> None:
    try:
        if name == "namespace":
            _enter_namespace()
        elif name == "nobody":
            _become_nobody()
    except (OSError, AttributeError) as exc:
        sys.stderr.write(f"cannot run as {name}: {exc}\n")
        raise SystemExit(CANNOT_STAND) from exc


def die_with(parent: int, death_signal: int) -> None:
    """Asks for a signal when the parent dies; only Linux has this, the warden helps."""
    if not sys.platform.startswith("linux"):
        return
    # After the change of user, because the kernel clears the wish on such a change.
    _libc().prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    # The parent may have died before the wish was heard.
    if os.getppid() != parent:
        raise SystemExit(1)


def _run(parent: int, death_signal: int, command: list[str]) -> None:
    # A shell's background job ignores SIGINT, and children inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    die_with(parent, death_signal)
    try:
        os.execv(command[0], command)  # noqa: S606  # no shell is the point
    except OSError as exc:
        sys.stderr.write(f"cannot run {command[0]}: {exc.strerror}\n")
        raise SystemExit(127) from exc


def main(arguments: list[str]) -> None:
    """Takes the footing, then looks at folders or becomes the program."""
    footing, verb, *rest = arguments
    _take_footing(footing)
    if verb == "check":
        reached = all(os.access(folder, os.R_OK | os.X_OK) for folder in rest)
        raise SystemExit(0 if reached else CANNOT_REACH)
    _run(int(rest[0]), int(rest[1]), rest[2:])


if __name__ == "__main__":
    main(sys.argv[1:])
