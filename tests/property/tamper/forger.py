"""A thief of the portal's keys: signs for real, as the portal or as anybody."""

import json
from base64 import b64decode
from hashlib import sha256

from breakglass.audit.tree import Tree
from breakglass.signing import SignerIdentity, statements
from breakglass.signing.keyless import signer_from_settings
from tests.property.tamper import editing
from tests.property.tamper.editing import body, lines

PORTAL = "portal@breakglass.internal"


def sign(statement, email, subject=""):
    """Returns a real bundle over the statement in that name."""
    who = SignerIdentity(subject=subject or email, email=email)
    return signer_from_settings().sign(statement=statement, identity=who)


def statement_of(files, bundle):
    """Returns the bytes that a bundle of the archive signs."""
    raw = json.loads(files[f"bundles/{bundle}.sigstore.json"])
    payload = sha256(_payload(raw)).hexdigest()
    return files[f"statements/{payload}.json"]


def _payload(bundle):

    return b64decode(bundle["dsseEnvelope"]["payload"])


def resigned(world):
    """Returns right statements under wrong names, by checkpoint size or digest."""
    made = {}
    for line in lines(world.files, "checkpoints.jsonl"):
        statement = statement_of(world.files, line["bundle"])
        made[line["size"]] = [sign(statement, f"peer@{world.slug}.example")]
    for line in lines(world.files):
        content = body(line)
        if content["event"] != "request.approved":
            continue
        statement = statement_of(world.files, content["facts"]["bundle_sha256"])
        made[sha256(statement).hexdigest()] = [
            sign(statement, f"oncall@{world.slug}.example"),
            sign(statement, PORTAL),
        ]
    return made


class Forger:
    """
    Rewrites a whole archive with the portal's and the authority's keys in hand.

    Edit `entries`, add statements with `signed`, then `files()`: relinked, sealed and
    signed anew, rows and manifest fitted. What is left to find it is the evidence.
    """

    def __init__(self, world):
        self.world = world
        self.base = dict(world.files)
        self.entries = [body(line) for line in lines(world.files)]
        self.rows = editing.document(self.base, "rows.json")

    def index(self, event, bypass_id=""):
        """The index of the first entry of an event (about a bypass)."""
        return next(
            i
            for i, entry in enumerate(self.entries)
            if entry["event"] == event and bypass_id in ("", entry["bypass_id"])
        )

    def entry(self, event, bypass_id=""):
        """The first entry of an event (about a bypass), to edit in place."""
        return self.entries[self.index(event, bypass_id)]

    def insert(self, at, event, *, actor, facts, bypass_id=""):
        """Adds an entry before an index, at the time of the one before it."""
        before = self.entries[at - 1]
        made = {**before, "event": event, "actor": actor, "facts": facts}
        self.entries.insert(at, {**made, "bypass_id": bypass_id})

    def append(self, event, *, actor, facts, bypass_id=""):
        """Adds an entry at the end."""
        self.insert(
            len(self.entries), event, actor=actor, facts=facts, bypass_id=bypass_id
        )

    def signed(self, statement, email, subject=""):
        """Signs a statement in a name; returns the bundle's digest."""
        raw = sign(statement, email, subject)
        name = sha256(raw).hexdigest()
        self.base[f"bundles/{name}.sigstore.json"] = raw
        self.base[f"statements/{sha256(statement).hexdigest()}.json"] = statement
        return name

    def files(self):
        """Returns the forged archive."""
        self._refit_seals()
        found = [{"seq": 0, "hash": "", "body": json.dumps(e)} for e in self.entries]
        editing.rechain(found)
        self._seal(found)
        editing.put_document(self.base, "rows.json", self.rows)
        files = editing.finish(self.base, found)
        return editing.remanifest(self._swept(files, found))

    def _refit_seals(self):
        """Each seal's entry says where it stands: sizes move with what was edited."""
        for at, entry in enumerate(self.entries):
            if entry["event"] == "log.sealed":
                entry["facts"]["size"] = at
            if entry["event"] == "evidence.exported":
                entry["facts"]["size"] = at

    def _seal(self, found):
        """Signs every checkpoint anew, in order, and relinks what names its head."""
        made, before = [], None
        for at in range(len(found)):
            content = body(found[at])
            if content["event"] == "evidence.exported":
                content["facts"]["head"] = content["prev"]
            elif content["event"] == "log.sealed":
                before = self._checkpoint(found, at, before)
                made.append(before)
                content["facts"]["head"] = before["head"]
                if "root" in content["facts"]:
                    content["facts"]["root"] = before["root"]
            else:
                continue
            editing.set_body(found[at], content)
            editing.rechain(found, at + 1)
        editing.put(self.base, made, "checkpoints.jsonl")

    def _checkpoint(self, found, size, before):
        head = found[size - 1]["hash"]
        old = lines(self.world.files, "checkpoints.jsonl")[0]
        signed = json.loads(statement_of(self.world.files, old["bundle"]))["predicate"]
        leaves = [bytes.fromhex(line["hash"]) for line in found[:size]]
        said = {
            "tenant": signed["tenant"],
            "slug": signed["slug"],
            "size": size,
            "head": head,
            "root": Tree(leaves).root(size).hex(),
            "previous_size": before["size"] if before else 0,
            "previous_head": before["head"] if before else "",
            "sealed_at": body(found[size - 1])["at"],
        }
        statement = statements.statement(
            name=f"{said['slug']}/{size}",
            sha256=bytes.fromhex(head),
            predicate_type=statements.CHECKPOINT_TYPE,
            predicate=said,
        )
        kept = ("size", "head", "root", "previous_size", "previous_head", "sealed_at")
        line = {name: said[name] for name in kept}
        return {**line, "bundle": self.signed(statement, PORTAL)}

    def _swept(self, files, found):
        """Takes out what nothing names any more."""
        named = {
            str(body(line)["facts"].get("bundle_sha256", ""))
            for line in found
            if isinstance(body(line)["facts"], dict)
        }
        named |= {line["bundle"] for line in lines(files, "checkpoints.jsonl")}
        kept = {f"bundles/{name}.sigstore.json" for name in named}
        for name in sorted(kept & set(files)):
            statement = _payload(json.loads(files[name]))
            kept.add(f"statements/{sha256(statement).hexdigest()}.json")
        return {
            name: raw
            for name, raw in files.items()
            if not name.startswith(("bundles/", "statements/")) or name in kept
        }
