"""How a forger edits an archive: its lines, its chain, its manifest."""

import json
from hashlib import sha256

from breakglass.audit import chain

FLIPPABLE = 7  # of the eight bits: the highest would leave ASCII


def lines(files, name="entries.jsonl"):
    """Returns the parsed lines of a file."""
    return [json.loads(line) for line in files[name].splitlines()]


def put(files, found, name="entries.jsonl"):
    """Writes lines back."""
    files[name] = b"".join(
        json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        for line in found
    )
    return files


def document(files, name):
    """Returns a file as JSON."""
    return json.loads(files[name])


def put_document(files, name, value):
    """Writes JSON back."""
    files[name] = json.dumps(value, ensure_ascii=False).encode()
    return files


def digest(text):
    """The hash of an entry's text."""
    return chain.entry_hash(text.encode("utf-8", "surrogatepass")).hex()


def body(line):
    """Returns a line's body, parsed."""
    return json.loads(line["body"])


def set_body(line, content):
    """Puts a body, canonical and hashed."""
    line["body"] = chain.canonical(content).decode()
    line["hash"] = digest(line["body"])


def rechain(found, start=0):
    """Renumbers and relinks from an index on, without any key."""
    prev = found[start - 1]["hash"] if start else chain.GENESIS.hex()
    for index in range(start, len(found)):
        content = body(found[index])
        content["seq"] = found[index]["seq"] = index + 1
        content["prev"] = prev
        set_body(found[index], content)
        prev = found[index]["hash"]
    return found


def finish(files, found, *, start=None):
    """Stores entries, relinked from `start` on, and fits the manifest to them."""
    if start is not None:
        rechain(found, start)
    put(files, found)
    manifest = document(files, "manifest.json")
    manifest["size"] = found[-1]["seq"]
    manifest["head"] = found[-1]["hash"]
    put_document(files, "manifest.json", manifest)
    return remanifest(files)


def remanifest(files):
    """Makes the manifest name every file as it now is: the first wall is gone."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: sha256(raw).hexdigest()
        for name, raw in files.items()
        if name != "manifest.json"
    }
    files["manifest.json"] = json.dumps(manifest, ensure_ascii=False).encode()
    return files


def flip(rng, value):
    """Returns the value with one bit of it changed, of the same kind if it can be."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value ^ (1 << rng.randrange(8))
    if isinstance(value, str) and value:
        at = rng.randrange(len(value))
        return value[:at] + flip_letter(rng, value[at]) + value[at + 1 :]
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value))
        return {**value, key: flip(rng, value[key])}
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        return [*value[:at], flip(rng, value[at]), *value[at + 1 :]]
    return "x"


def flip_letter(rng, letter):
    """Returns another letter, one bit away where that can be written."""
    flipped = chr(ord(letter) ^ (1 << rng.randrange(FLIPPABLE)))
    return flipped if flipped.isprintable() else chr(ord(letter) + 1)


def flip_bytes(rng, raw):
    """Returns the bytes with one bit changed."""
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]


def index_of(rng, found, *events):
    """Returns the index of a random entry of these events, or None."""
    fitting = [i for i, line in enumerate(found) if body(line)["event"] in events]
    return rng.choice(fitting) if fitting else None
