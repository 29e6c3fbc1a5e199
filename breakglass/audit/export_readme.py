"""The README of an archive: what it is, in plain words, and how to check it."""

import json
import shlex
from dataclasses import dataclass
from typing import Any, Final

from breakglass.models import Bundle
from breakglass.models.signing import IntentKind
from breakglass.states import SignedBy

STOCK: Final = 'pip install "sigstore==4.5.*"'


@dataclass(frozen=True, slots=True)
class Signature:
    """One bundle of an archive: what it signs, as whom, and under which root."""

    what: str
    digest: str
    identity: str
    issuer: str
    subject: str
    signed_by: str

    @property
    def command(self) -> str:
        """The stock command that verifies it; nothing for the sealed local key."""
        if self.signed_by == SignedBy.SEALED_KEY:
            return ""
        return stock_command(
            bundle=f"bundles/{self.digest}.sigstore.json",
            identity=self.identity,
            issuer=self.issuer,
            subject=self.subject,
            trust_config="trust_config-embedded.json"
            if self.signed_by == SignedBy.EMBEDDED
            else "trust_config.json",
        )


def stock_command(
    *,
    bundle: str,
    identity: str,
    issuer: str,
    subject: str,
    trust_config: str = "trust_config.json",
    break_lines: bool = False,
) -> str:
    """
    Returns what the stock `sigstore` command takes, quoted for a shell.

    In one line, or in several that a shell reads as one.
    """
    words = (
        ("sigstore", "--trust-config", trust_config, "verify", "identity"),
        ("--bundle", bundle),
        ("--cert-identity", identity),
        ("--cert-oidc-issuer", issuer),
        (subject,),
    )
    return (" \\\n  " if break_lines else " ").join(shlex.join(part) for part in words)


def describe(*, bundle: Bundle, statement: bytes) -> Signature:
    """Returns what the README says about one stored bundle."""
    signed = json.loads(statement)
    name = str(signed["subject"][0]["name"])
    kinds = {
        IntentKind.APPROVAL: f"approval of {name} by {bundle.identity}",
        IntentKind.GRANT: f"grant of {name}",
        IntentKind.CHECKPOINT: f"checkpoint {name}",
        IntentKind.COUNTERSIGNATURE: f"countersignature of {name}",
    }
    return Signature(
        what=kinds[IntentKind(bundle.intent.kind)],
        digest=bytes(bundle.sha256).hex(),
        identity=bundle.identity,
        issuer=bundle.issuer,
        subject=_subject(bundle=bundle, signed=signed),
        signed_by=bundle.signed_by,
    )


def _subject(*, bundle: Bundle, signed: dict[str, Any]) -> str:
    """A signature over bytes names the file; an envelope its statement's subject."""
    if "messageSignature" in json.loads(bytes(bundle.bundle)):
        return f"statements/{bundle.intent.digest.hex()}.json"
    return f"sha256:{signed['subject'][0]['digest']['sha256']}"


def text(
    *, manifest: dict[str, Any], trust: dict[str, Any], commands: list[Signature]
) -> str:
    """Returns README.md."""
    slug, scope = manifest["tenant"]["slug"], manifest["scope"]
    parts = {
        "slug": slug,
        "scope": _scope(scope),
        "size": manifest["size"],
        "made_at": manifest["made_at"],
        "by": manifest["requested_by"],
        "reason": _quoted(manifest["reason"]),
        "stock": STOCK,
        "identity": trust["workload"]["identity"],
        "issuer": trust["workload"]["issuer"],
        "issuers": ", ".join(f"`{one}`" for one in trust["approver_issuers"]),
        "part": "" if scope["kind"] == "log" else _PART,
        "commands": "\n".join(_item(one) for one in commands)
        or "There is no signature in this archive.",
    }
    return _TEXT.format(**parts)


def _scope(scope: dict[str, Any]) -> str:
    if scope["kind"] == "log":
        return "the whole log"
    if scope["kind"] == "bypass":
        return f"the bypass {scope['bypass_id']}, and what is needed to judge it"
    chosen = [f"{k}: {v}" for k, v in scope.items() if k != "kind" and v]
    return f"a part of the log ({_quoted(', '.join(chosen))})"


def _quoted(words: str) -> str:
    """Somebody's own words: on one line, and no Markdown of theirs."""
    return "`" + " ".join(words.replace("`", "'").split()) + "`"


def _item(one: Signature) -> str:
    if not one.command:
        return (
            f"* {one.what}: signed by the sealed local key while signing was down. The "
            "stock command does not know such keys; `verify_evidence.py` checks it "
            "against the key in `trust.json`."
        )
    return f"* {one.what}\n\n      {one.command}\n"


_PART: Final = """
This is a part of a log. Each entry comes with a proof (`proofs.jsonl`) that it stands
in the log at its number, under a tree root that the portal signed. What was left out
cannot be seen: for that, ask for the whole log.
"""

_TEXT: Final = """# Evidence of {slug}

This archive holds {scope}, as it stood at {size} entries. It was taken by {by} at
{made_at}. The reason given: {reason}

It shows who asked for which gate to stand aside, who approved it and how they proved
who they are, which window was granted, what was deployed in it, and how it ended. You
need nobody's word for that: everything can be derived again from these files.
{part}
## Check all of it

With Python 3.10 or newer, on a machine that need not be connected to anything:

    {stock}
    python verify_evidence.py .

The exit code is 0 when nothing is wrong, 1 when something is, and 2 when it was asked
wrongly. It prints what it counted, the first bad entry, every finding, and what the
archive **cannot** prove. Two things make it much stronger; both have to come from
somewhere else than this archive:

* `--trust trust.json`: the trusted keys and names, from the site's operator by another
  way. Without it, the archive vouches for itself.
* `--checkpoint {slug}.jsonl`: signed checkpoints that somebody kept outside. Without
  them, a log that was cut off at its end looks like a shorter log.

Take `verify_evidence.py` from the release of breakglass rather than from here, too.

## What is in it

| File | Holds |
|---|---|
| `manifest.json` | what was asked for, and the SHA-256 of every file |
| `entries.jsonl` | the log's entries, byte for byte, each with its hash |
| `checkpoints.jsonl` | signed statements of the log's size and head |
| `requests/` | each request as it was frozen; approvers signed its digest |
| `statements/`, `bundles/` | what was signed, and the bundle that proves it |
| `rows.json` | what the portal's database says, to be held against the log |
| `trust.json`, `trusted_root.json`, `trust_config.json` | whom to believe |
| `verify_evidence.py` | the verifier: one file, none of the portal's code |

## Whose signatures to expect

Approvals are signed in the approver's own name, vouched for by {issuers}. The portal
signs grants and checkpoints as `{identity}`, vouched for by `{issuer}`.

## Check one signature with the stock tool

`sigstore` is the Sigstore project's own command. Run each line in this folder. Where
there are several `trust_config` files, the site changed its signing instance: what an
earlier one signed verifies with that one's file.

{commands}
"""
