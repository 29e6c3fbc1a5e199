"""
Every way to tamper with an archive (security.md 3.2), one function each.

`@kind` enters a function into the table. It gets the archive's files (its own copy), a
random source and the other tenant's files; it returns the forged files, or None where
there is nothing of that sort to forge. All but a few fit the manifest to what they
did, and relink the chain where a forger would: the deeper checks have to find it.
"""

import json
import unicodedata

from breakglass.audit import chain
from tests.property.tamper import editing
from tests.property.tamper.editing import body, document, finish, lines, remanifest

KINDS = {}
PART_KINDS = {}
BIG = 10 * 1024 * 1024


def kind(function):
    """Enters a way to tamper with a whole log."""
    KINDS[function.__name__] = function
    return function


def part_kind(function):
    """Enters a way to tamper with a part of a log; also with a whole one."""
    PART_KINDS[function.__name__] = function
    return kind(function)


def of_part(function):
    """Enters a way that only a part of a log knows."""
    PART_KINDS[function.__name__] = function
    return function


# --- bits and bytes -----------------------------------------------------------------


@part_kind
def flip_a_bit_of_any_file(files, rng, other):
    """The one class that leaves the manifest alone."""
    name = rng.choice(sorted(files))
    files[name] = editing.flip_bytes(rng, files[name])
    return files


@part_kind
def flip_a_bit_of_a_body(files, rng, other):
    found = lines(files)
    line = rng.choice(found)
    line["body"] = editing.flip(rng, line["body"])
    if rng.random() < 0.5:
        line["hash"] = editing.digest(line["body"])
    return remanifest(editing.put(files, found))


@part_kind
def change_a_column_of_an_entry(files, rng, other):
    found = lines(files)
    line = rng.choice(found)
    name = rng.choice(["seq", "hash"])
    line[name] = editing.flip(rng, line[name])
    return remanifest(editing.put(files, found))


@part_kind
def flip_a_bit_of_a_signature_or_statement(files, rng, other):
    names = [n for n in files if n.startswith(("bundles/", "statements/", "requests/"))]
    name = rng.choice(sorted(names))
    files[name] = editing.flip_bytes(rng, files[name])
    return remanifest(files)


@part_kind
def change_a_column_of_a_checkpoint(files, rng, other):
    found = lines(files, "checkpoints.jsonl")
    line = rng.choice(found)
    name = rng.choice(sorted(line))
    if name.startswith("previous") and not line["previous_size"]:
        name = "sealed_at"
    line[name] = editing.flip(rng, line[name])
    return remanifest(editing.put(files, found, "checkpoints.jsonl"))


@part_kind
def change_a_column_of_a_row(files, rng, other):
    rows = document(files, "rows.json")
    table = rng.choice(sorted(name for name, found in rows.items() if found))
    row = rng.choice(rows[table])
    name = rng.choice(sorted(row))
    row[name] = editing.flip(rng, row[name])
    return remanifest(editing.put_document(files, "rows.json", rows))


@part_kind
def change_a_field_of_the_manifest(files, rng, other):
    """Not `made_at`: nothing else says when a file was written (the residual list)."""
    manifest = document(files, "manifest.json")
    names = ["type", "tenant", "scope", "export", "requested_by", "reason"]
    if manifest["scope"]["kind"] == "log":
        names += ["size", "head"]
    name = rng.choice(names)
    manifest[name] = editing.flip(rng, manifest[name])
    return editing.put_document(files, "manifest.json", manifest)


@part_kind
def change_a_key_or_name_of_the_trust_note(files, rng, other):
    trust = document(files, "trust.json")
    part = rng.choice(["tenant", "workload", "approver_issuers", "webauthn", "roots"])
    if part == "roots":
        root = trust["roots"][0]["trusted_root"]
        of = rng.choice(["tlogs", "ctlogs"])
        root[of][0]["publicKey"]["rawBytes"] = (
            "AAAA" + root[of][0]["publicKey"]["rawBytes"]
        )
    elif part == "tenant":
        trust["tenant"]["id"] = editing.flip(rng, trust["tenant"]["id"])
    else:
        trust[part] = editing.flip(rng, trust[part])
    return remanifest(editing.put_document(files, "trust.json", trust))


@part_kind
def replace_the_trust_root_in_every_file(files, rng, other):
    """With keys of the forger's: the reader's own note is what finds it."""
    trust, config = document(files, "trust.json"), document(files, "trust_config.json")
    root = document(files, "trusted_root.json")
    root["tlogs"][0]["publicKey"]["rawBytes"] = "A" * 124
    trust["roots"][0]["trusted_root"] = config["trustedRoot"] = root
    for name, value in (
        ("trust.json", trust),
        ("trust_config.json", config),
        ("trusted_root.json", root),
    ):
        editing.put_document(files, name, value)
    return remanifest(files)


@part_kind
def swap_the_keys_of_the_logs(files, rng, other):
    root = document(files, "trusted_root.json")
    first, second = root["tlogs"][0]["publicKey"], root["ctlogs"][0]["publicKey"]
    first["rawBytes"], second["rawBytes"] = second["rawBytes"], first["rawBytes"]
    return remanifest(editing.put_document(files, "trusted_root.json", root))


@part_kind
def leave_out_or_add_a_file(files, rng, other):
    if rng.random() < 0.7:
        del files[rng.choice(sorted(set(files) - {"manifest.json", "proofs.jsonl"}))]
    else:
        name = rng.choice(["extra.txt", f"bundles/{'0' * 64}.sigstore.json"])
        files[name] = b"{}"
    return remanifest(files)


# --- whole entries ------------------------------------------------------------------


@kind
def delete_an_entry(files, rng, other):
    found = lines(files)
    at = rng.choice([0, rng.randrange(len(found)), len(found) - 1])
    del found[at]
    start = at if rng.random() < 0.6 else None
    return finish(files, found, start=start)


@kind
def truncate(files, rng, other):
    found = lines(files)
    return finish(files, found[: rng.randrange(1, len(found))])


@kind
def swap_two_entries(files, rng, other):
    found = lines(files)
    one, two = sorted(rng.sample(range(len(found)), 2))
    found[one], found[two] = found[two], found[one]
    return finish(files, found, start=one if rng.random() < 0.6 else None)


@kind
def repeat_an_entry(files, rng, other):
    found = lines(files)
    at = rng.randrange(len(found))
    found.insert(at, dict(found[at]))
    return finish(files, found, start=at if rng.random() < 0.6 else None)


@kind
def insert_an_entry(files, rng, other):
    found = lines(files)
    at = rng.randrange(1, len(found))
    content = body(found[at - 1])
    content |= {"event": "channel.changed", "bypass_id": ""}
    content["facts"] = {"kind": "slack", "name": "ops", "is_active": True}
    line = {"seq": at + 1, "hash": "", "body": ""}
    editing.set_body(line, content)
    found.insert(at, line)
    return finish(files, found, start=at)


@kind
def take_an_entry_of_another_tenant(files, rng, other):
    found, theirs = lines(files), lines(other)
    at = rng.randrange(min(len(found), len(theirs)))
    found[at] = theirs[at]
    return finish(files, found, start=at if rng.random() < 0.6 else None)


@kind
def take_the_log_of_another_tenant(files, rng, other):
    files["entries.jsonl"] = other["entries.jsonl"]
    return finish(files, lines(files))


@kind
def renumber(files, rng, other):
    found = lines(files)
    at, step = rng.randrange(len(found)), rng.choice([1, 2, 10])
    for line in found[at:]:
        content = body(line)
        content["seq"] = line["seq"] = line["seq"] + step
        editing.set_body(line, content)
    return finish(files, found)


@kind
def change_a_fact_and_rehash_the_rest(files, rng, other):
    found = lines(files)
    at = rng.randrange(len(found))
    content = body(found[at])
    name = rng.choice(sorted(content["facts"]))
    content["facts"][name] = editing.flip(rng, content["facts"][name])
    editing.set_body(found[at], content)
    return finish(files, found, start=at)


@kind
def change_a_header_and_rehash_the_rest(files, rng, other):
    found = lines(files)
    at = rng.randrange(len(found))
    content = body(found[at])
    name = rng.choice(["event", "actor", "bypass_id", "at", "tenant"])
    content[name] = editing.flip(rng, content[name])
    editing.set_body(found[at], content)
    return finish(files, found, start=at)


@kind
def put_a_clock_before_its_predecessor(files, rng, other):
    found = lines(files)
    at = rng.randrange(1, len(found))
    content = body(found[at])
    content["at"] = "2020" + content["at"][4:]
    editing.set_body(found[at], content)
    return finish(files, found, start=at)


@kind
def go_back_to_an_older_version(files, rng, other):
    found = lines(files)
    at = rng.randrange(len(found))
    content = body(found[at])
    content["type"] = rng.choice(
        ["breakglass/audit-entry/v0", "breakglass/audit-entry", "legacy", ""]
    )
    editing.set_body(found[at], content)
    return finish(files, found, start=at)


@part_kind
def put_a_legacy_line(files, rng, other):
    found = lines(files)
    at = rng.randrange(len(found))
    old = {"seq": found[at]["seq"], "legacy": True, "event": body(found[at])["event"]}
    found[at]["body"] = json.dumps(old)
    found[at]["hash"] = editing.digest(found[at]["body"])
    return remanifest(editing.put(files, found))


# --- the same text, written otherwise -----------------------------------------------


def _rewritten(files, rng, rewrite, *, events=()):
    found = lines(files)
    at = rng.randrange(len(found))
    if events:
        at = editing.index_of(rng, found, *events)
    if at is None:
        return None
    text = rewrite(found[at]["body"])
    if text == found[at]["body"]:
        return None
    found[at]["body"], found[at]["hash"] = text, editing.digest(text)
    for index in range(at + 1, len(found)):  # what follows links to the new bytes
        content = body(found[index])
        content["prev"] = found[index - 1]["hash"]
        editing.set_body(found[index], content)
    return finish(files, found)


@kind
def write_text_in_another_normal_form(files, rng, other):
    def decompose(text):
        content = json.loads(text)
        words = content["facts"]["justification"]
        content["facts"]["justification"] = unicodedata.normalize(
            "NFD" if unicodedata.is_normalized("NFC", words) else "NFC", words
        )
        return chain.canonical(content).decode()

    events = ("request.opened", "grant.issued")
    return _rewritten(files, rng, decompose, events=events)


@kind
def serialise_again(files, rng, other):
    how = rng.choice([{"indent": 1}, {"sort_keys": False}, {"ensure_ascii": True}])
    return _rewritten(files, rng, lambda text: json.dumps(json.loads(text), **how))


@kind
def name_a_key_twice(files, rng, other):
    key = rng.choice(["seq", "event", "facts"])
    return _rewritten(files, rng, lambda text: text[:-1] + f',"{key}":1}}')


@kind
def put_a_nul(files, rng, other):
    nul = rng.choice(["\\u0000", "\x00"])
    return _rewritten(
        files, rng, lambda text: text.replace('"name":"', f'"name":"{nul}', 1)
    )


@kind
def put_ten_megabytes(files, rng, other):
    if rng.random() < 0.8:  # one in five: they are slow to make
        return None
    return _rewritten(
        files, rng, lambda text: text.replace('"name":"', '"name":"' + "x" * BIG, 1)
    )
