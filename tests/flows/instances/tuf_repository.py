"""A static TUF repository: a trusted root and a signing config, over HTTP."""

import hashlib
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

TOP_LEVEL = ("root", "timestamp", "snapshot", "targets")


class Repository:
    """Files under one folder; `publish` makes the next version of them."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "root.json"
        self._signer = CryptoSigner.generate_ecdsa()
        self._version = 0

    def publish(self, targets, *, lasts=timedelta(days=30)):
        """Publishes files by name: text; `lasts` may be negative for expired ones."""
        self._version += 1
        version = self._version
        (self.folder / "targets").mkdir(parents=True, exist_ok=True)
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
        listed = Targets(version=version, expires=end)
        for name, text in targets.items():
            data = text.encode()
            listed.targets[name] = TargetFile.from_data(name, data, ["sha256"])
            digest = hashlib.sha256(data).hexdigest()
            (self.folder / "targets" / f"{digest}.{name}").write_bytes(data)
        meta = {"targets.json": MetaFile(version)}
        stamp = datetime.now(UTC).replace(microsecond=0) + lasts
        self._write(f"{version}.targets.json", listed)
        self._write(
            f"{version}.snapshot.json",
            Snapshot(version=version, expires=end, meta=meta),
        )
        self._write(
            "timestamp.json",
            Timestamp(version=version, expires=stamp, snapshot_meta=MetaFile(version)),
        )
        if version == 1:
            root = Root(expires=end, consistent_snapshot=True)
            for role in TOP_LEVEL:
                root.add_key(self._signer.public_key, role)
            self._write("1.root.json", root)
            self.root.write_bytes((self.folder / "1.root.json").read_bytes())

    def _write(self, name, signed):
        metadata = Metadata(signed)
        metadata.sign(self._signer)
        metadata.to_file(str(self.folder / name))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        pass


@contextmanager
def served(folder):
    """Yields the address under which the folder is served."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)
