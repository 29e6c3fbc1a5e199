"""
Rotates, and is killed before its Nth change to the file system.

Run as ``python -m tests.conformance.authority.killed``, with orders on stdin. The audit
hook sees every open for writing, rename, removal and directory sync below DIR, in the
process as it really runs; SIGKILL leaves nothing a chance to tidy up.
"""

import os
import signal
import sys
from pathlib import Path

from breakglass.authority.rotation import Wish, rotate

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}


def main() -> None:
    """Reads ``DIR\tDATABASE_URL\tN`` a line, answers with the exit status."""
    for line in sys.stdin:
        base, database_url, last = line.rstrip("\n").split("\t")
        child = os.fork()  # what is imported once serves every kill
        if child == 0:
            rotate_until(base, database_url, int(last))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the answer


def rotate_until(base: str, database_url: str, last: int) -> None:
    left = last

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if not (event == "open" and is_change(arguments)) and event not in CHANGES:
            return
        if not str(arguments[0]).startswith(base):
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    rotate(Path(base), database_url=database_url, wish=Wish(reason="killed"))


def is_change(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2]
    assert isinstance(flags, int)
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_DIRECTORY))


if __name__ == "__main__":
    main()
