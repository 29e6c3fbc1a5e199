"""Ways to tamper with signatures, checkpoints, rows and passkeys; see mutators.py."""

import json
from base64 import b64decode
from hashlib import sha256

from tests.property.tamper import editing
from tests.property.tamper.editing import body, document, finish, lines, remanifest
from tests.property.tamper.mutators import kind, of_part, part_kind

SIGNED = ("request.approved", "grant.signed")


def _checkpoints(files):
    return lines(files, "checkpoints.jsonl")


def _put(files, found):
    return remanifest(editing.put(files, found, "checkpoints.jsonl"))


def _drop_bundle(files, name):
    """Removes a bundle and its statement, so that neither is left over."""
    raw = files.pop(f"bundles/{name}.sigstore.json")
    signed = json.loads(raw)["dsseEnvelope"]["payload"]
    files.pop(f"statements/{sha256(_unb64(signed)).hexdigest()}.json", None)


def _unb64(text):

    return b64decode(text)


def _store(files, raw):
    """Adds a bundle under its own name, with the statement that it signs."""
    name = sha256(raw).hexdigest()
    statement = _unb64(json.loads(raw)["dsseEnvelope"]["payload"])
    files[f"bundles/{name}.sigstore.json"] = raw
    files[f"statements/{sha256(statement).hexdigest()}.json"] = statement
    return name


# --- signatures ---------------------------------------------------------------------


@kind
def drop_the_signature_of_an_entry(files, rng, other):
    found = lines(files)
    at = editing.index_of(rng, found, *SIGNED)
    content = body(found[at])
    _drop_bundle(files, content["facts"]["bundle_sha256"])
    if rng.random() < 0.5:
        return remanifest(files)
    content["facts"]["bundle_sha256"] = None
    editing.set_body(found[at], content)
    return finish(files, found, start=at)


@kind
def swap_the_signatures_of_two_entries(files, rng, other):
    found = lines(files)
    one, two = (editing.index_of(rng, found, "request.approved") for _ in range(2))
    if one == two:
        return None
    first, second = body(found[one]), body(found[two])
    for name in rng.choice(
        [("bundle_sha256",), ("bundle_sha256", "statement_sha256", "identity")]
    ):
        first["facts"][name], second["facts"][name] = (
            second["facts"][name],
            first["facts"][name],
        )
    editing.set_body(found[one], first)
    editing.set_body(found[two], second)
    return finish(files, found, start=min(one, two))


@kind
def swap_two_bundle_files(files, rng, other):
    names = sorted(n for n in files if n.startswith("bundles/"))
    one, two = rng.sample(names, 2)
    files[one], files[two] = files[two], files[one]
    return remanifest(files)


@kind
def sign_a_checkpoint_as_somebody_else(files, rng, other, resigned):
    """The statement is right, and so is the log: the name on it is not."""
    found = _checkpoints(files)
    line = rng.choice(found)
    raw = rng.choice(resigned[line["size"]])
    _drop_bundle(files, line["bundle"])
    line["bundle"] = _store(files, raw)
    return _put(files, found)


@kind
def sign_an_approval_as_somebody_else(files, rng, other, resigned):
    found = lines(files)
    at = editing.index_of(rng, found, "request.approved")
    content = body(found[at])
    raw = rng.choice(resigned[content["facts"]["statement_sha256"]])
    _drop_bundle(files, content["facts"]["bundle_sha256"])
    content["facts"]["bundle_sha256"] = _store(files, raw)
    editing.set_body(found[at], content)
    return finish(files, found, start=at)


@part_kind
def take_a_signature_of_another_tenant(files, rng, other):
    mine = sorted(n for n in files if n.startswith("bundles/"))
    theirs = sorted(n for n in other if n.startswith("bundles/"))
    files[rng.choice(mine)] = other[rng.choice(theirs)]
    return remanifest(files)


@kind
def take_an_approval_of_another_request(files, rng, other):
    """As a whole: entry, bundle and all, moved to where one is missing."""
    found = lines(files)
    one, two = (editing.index_of(rng, found, "request.approved") for _ in range(2))
    if one == two or found[one]["seq"] == found[two]["seq"]:
        return None
    taken, place = body(found[one]), body(found[two])
    if taken["bypass_id"] == place["bypass_id"]:
        return None
    place["facts"], place["actor"] = taken["facts"], taken["actor"]
    editing.set_body(found[two], place)
    return finish(files, found, start=two)


# --- checkpoints --------------------------------------------------------------------


@kind
def leave_out_a_checkpoint(files, rng, other):
    found = _checkpoints(files)
    gone = found.pop(rng.randrange(len(found)))
    _drop_bundle(files, gone["bundle"])
    return _put(files, found)


@kind
def move_the_newest_checkpoint_back(files, rng, other):
    found = _checkpoints(files)
    last, before = found[-1], rng.choice(found[:-1])
    last["size"], last["head"], last["root"] = (
        before["size"],
        before["head"],
        before["root"],
    )
    return _put(files, found)


@kind
def add_a_second_checkpoint_of_a_size(files, rng, other):
    found = _checkpoints(files)
    at = rng.randrange(len(found))
    head = rng.choice([found[at]["head"], "ab" * 32])
    found.insert(at + 1, {**found[at], "head": head})
    return _put(files, found)


@kind
def swap_the_signatures_of_two_checkpoints(files, rng, other):
    found = _checkpoints(files)
    one, two = rng.sample(found, 2)
    one["bundle"], two["bundle"] = two["bundle"], one["bundle"]
    return _put(files, found)


@kind
def drop_the_signature_of_a_checkpoint(files, rng, other):
    found = _checkpoints(files)
    line = rng.choice(found)
    _drop_bundle(files, line["bundle"])
    line["bundle"] = None
    return _put(files, found)


@kind
def swap_the_order_of_two_checkpoints(files, rng, other):
    found = _checkpoints(files)
    one, two = rng.sample(range(len(found)), 2)
    found[one], found[two] = found[two], found[one]
    return _put(files, found)


# --- rows ---------------------------------------------------------------------------


@part_kind
def change_the_state_of_a_row(files, rng, other):
    rows = document(files, "rows.json")
    table = rng.choice(["requests", "grants", "deploys", "postmortems"])
    row = rng.choice(rows[table])
    states = ["active", "expired", "revoked", "approved", "pending", "succeeded"]
    row["state"] = rng.choice([s for s in states if s != row["state"]])
    return remanifest(editing.put_document(files, "rows.json", rows))


@part_kind
def move_the_end_of_a_grant(files, rng, other):
    rows = document(files, "rows.json")
    grant = rng.choice(rows["grants"])
    grant["expires_at"] = grant["expires_at"].replace("20", "21", 1)
    return remanifest(editing.put_document(files, "rows.json", rows))


@kind
def open_a_revoked_grant_again(files, rng, other):
    rows = document(files, "rows.json")
    closed = [row for row in rows["grants"] if row["state"] != "active"]
    rng.choice(closed).update(state="active", closed_at=None, close_reason="")
    return remanifest(editing.put_document(files, "rows.json", rows))


@part_kind
def leave_out_or_repeat_a_row(files, rng, other):
    rows = document(files, "rows.json")
    table = rng.choice(sorted(name for name, found in rows.items() if found))
    at = rng.randrange(len(rows[table]))
    if rng.random() < 0.5:
        del rows[table][at]
    else:
        rows[table].append(rows[table][at])
    return remanifest(editing.put_document(files, "rows.json", rows))


# --- passkeys and people ------------------------------------------------------------


@kind
def take_a_passkey_away(files, rng, other):
    found = lines(files)
    at = editing.index_of(rng, found, "request.approved")
    content = body(found[at])
    if content["facts"]["passkey"] is None:
        return None
    content["facts"]["passkey"] = None
    editing.set_body(found[at], content)
    return finish(files, found, start=at)


@kind
def swap_the_passkeys_of_two_approvals(files, rng, other):
    found = lines(files)
    one, two = (editing.index_of(rng, found, "request.approved") for _ in range(2))
    first, second = body(found[one]), body(found[two])
    if first["facts"]["passkey"] == second["facts"]["passkey"]:
        return None
    first["facts"]["passkey"], second["facts"]["passkey"] = (
        second["facts"]["passkey"],
        first["facts"]["passkey"],
    )
    editing.set_body(found[one], first)
    editing.set_body(found[two], second)
    return finish(files, found, start=min(one, two))


@kind
def enrol_a_passkey_late(files, rng, other):
    found = lines(files)
    at = editing.index_of(rng, found, "credential.enrolled")
    found.insert(len(found) - 1, found.pop(at))
    return finish(files, found, start=at)


@kind
def leave_out_a_change_of_people(files, rng, other):
    found = lines(files)
    events = ("role.member_removed", "person.changed", "role.member_added")
    at = editing.index_of(rng, found, *events)
    del found[at]
    return finish(files, found, start=at)


@kind
def leave_out_the_end_of_a_grant(files, rng, other):
    found = lines(files)
    at = editing.index_of(rng, found, "grant.revoked", "grant.expired")
    del found[at]
    return finish(files, found, start=at)


# --- proofs of a part ---------------------------------------------------------------


@of_part
def change_a_proof(files, rng, other):
    found = lines(files, "proofs.jsonl")
    proof = rng.choice(found)
    name = rng.choice(["seq", "size", "path"])
    proof[name] = editing.flip(rng, proof[name])
    return remanifest(editing.put(files, found, "proofs.jsonl"))


@of_part
def leave_out_or_swap_a_proof(files, rng, other):
    found = lines(files, "proofs.jsonl")
    one, two = rng.sample(range(len(found)), 2)
    if rng.random() < 0.5:
        del found[one]
    else:
        found[one]["path"], found[two]["path"] = found[two]["path"], found[one]["path"]
    return remanifest(editing.put(files, found, "proofs.jsonl"))


@of_part
def shorten_or_lengthen_a_proof(files, rng, other):
    found = lines(files, "proofs.jsonl")
    path = rng.choice(found)["path"]
    if rng.random() < 0.5:
        path.pop(rng.randrange(len(path)))
    else:
        path.append("00" * 32)
    return remanifest(editing.put(files, found, "proofs.jsonl"))


@of_part
def change_an_entry_of_a_part(files, rng, other):
    """Bytes and hash agree; the proof leads elsewhere."""
    found = lines(files)
    at = rng.randrange(len(found))
    content = body(found[at])
    name = rng.choice(sorted(content["facts"]))
    content["facts"][name] = editing.flip(rng, content["facts"][name])
    editing.set_body(found[at], content)
    return remanifest(editing.put(files, found))


@of_part
def leave_out_an_entry_that_a_part_needs(files, rng, other):
    """What can be seen to be missing: the rest of the archive speaks of it."""
    found = lines(files)
    needed = ("request.opened", "request.approved", "grant.issued")
    at = editing.index_of(rng, found, *needed, "credential.enrolled")
    if rng.random() < 0.2:
        events = [body(line)["event"] for line in found]
        at = events.index("policy.published")  # of the last one nothing tells
    seq = found.pop(at)["seq"]
    proofs = [p for p in lines(files, "proofs.jsonl") if p["seq"] != seq]
    editing.put(files, proofs, "proofs.jsonl")
    return remanifest(editing.put(files, found))
