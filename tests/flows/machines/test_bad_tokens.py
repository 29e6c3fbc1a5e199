"""
Bad tokens: how each is made, and why it is refused.

All of them get one and the same answer; the reason is for the operators' log alone.
"""

import base64
import json
import logging
import time

import pytest
from joserfc.jwk import ECKey, RSAKey

from breakglass.actors import OPERATOR
from breakglass.models import TokenUse
from breakglass.services.gates import machines
from portal.api import machine_tokens
from tests.conformance.api.gate_client import ask, assert_enforced
from tests.platforms import b64, signed

pytestmark = pytest.mark.django_db

OTHER_RSA = RSAKey.generate_key(2048, {"kid": "r1"})
OTHER_EC = ECKey.generate_key("P-256", {"kid": "e1"})


def claims(**changed):
    """A row whose claims differ, well signed; `after(s)` is s seconds from now."""

    def _made(p, aud):
        told = {k: v() if callable(v) else v for k, v in changed.items()}
        return p.token(p.claims(aud, **told))

    return _made


def after(seconds):
    return lambda: int(time.time()) + seconds


def header(key=None, **changed):
    """A row whose header differs, well signed all the same."""
    return lambda p, aud: p.token(p.claims(aud), key=key, **changed)


def raw(head=None, body=None):
    """A row of exact bytes in a header or payload, under a good signature."""

    def _made(p, aud):
        words = {"alg": "RS256", "kid": "r1"}
        payload = p.claims(aud)
        return signed(
            p.rsa,
            head(words) if head else words,
            body(payload) if body else payload,
            alg="RS256",
        )

    return _made


def twice(name, value):
    """JSON with one key more, of a name that stands there already."""
    extra = f'"{name}": {json.dumps(value)}, '
    return lambda given: ("{" + extra + json.dumps(given)[1:]).encode()


def parts(change):
    """A row made from the three parts of a good token."""
    return lambda p, aud: ".".join(change(*p.token(p.claims(aud)).split(".")))


def swapped_signature(p, aud):
    first, second = p.token(p.claims(aud)), p.token(p.claims(aud, run_id="9"))
    return first.rpartition(".")[0] + "." + second.rpartition(".")[2]


def hmac_with(shared):
    words = {"alg": "HS256", "kid": "r1", "typ": "JWT"}
    return lambda p, aud: signed(shared(p), words, p.claims(aud))


def with_payload(p, aud, **changed):
    head, body, tail = p.token(p.claims(aud)).split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{head}.{b64(json.dumps({**said, **changed}).encode())}.{tail}"


def deep(given):
    return ('{"x": ' + "[" * 60 + "]" * 60 + "," + json.dumps(given)[1:]).encode()


def last_bit(head, body, tail):
    """The same signature, spelled with other unused bits at its end."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return head, body[:-1] + letters[letters.index(body[-1]) ^ 1], tail


ROWS = {
    # --- form -------------------------------------------------------------------------
    "two parts": (parts(lambda h, b, _: (h, b)), "malformed"),
    "four parts": (parts(lambda *p: (*p, p[2])), "malformed"),
    "five parts, as if encrypted": (parts(lambda *p: (*p, *p[:2])), "malformed"),
    "no signature": (parts(lambda h, b, _: (h, b, "")), "malformed"),
    "no header": (parts(lambda _, b, s: ("", b, s)), "malformed"),
    "no payload": (parts(lambda h, _, s: (h, "", s)), "malformed"),
    "dots alone": (lambda *_: "." * 20, "malformed"),
    "too long": (claims(padding="x" * 7000), "too_long"),
    "header too long": (header(kid="k" * 900), "too_long"),
    "header is no base64": (parts(lambda _, b, s: ("A", b, s)), "header"),
    "header is no JSON": (raw(head=lambda _: b"alg=RS256"), "header"),
    "header is a list": (raw(head=lambda h: json.dumps([h]).encode()), "header"),
    "header in UTF-16": (raw(head=lambda h: json.dumps(h).encode("utf-16")), "header"),
    "alg twice in the header": (raw(head=twice("alg", "none")), "header"),
    "kid twice in the header": (raw(head=twice("kid", "other")), "header"),
    "payload is no base64": (parts(lambda h, _, s: (h, "A", s)), "claims"),
    "payload is no JSON": (raw(body=lambda _: b"<xml/>"), "claims"),
    "payload is a list": (raw(body=lambda b: json.dumps([b]).encode()), "claims"),
    "payload is a text": (raw(body=lambda _: b'"token"'), "claims"),
    "payload nested too deep": (raw(body=deep), "claims"),
    "aud twice": (raw(body=twice("aud", "somebody else")), "claims"),
    "repository twice": (raw(body=twice("repository_id", "1")), "claims"),
    "NaN in the payload": (
        raw(body=lambda b: (json.dumps(b)[:-1] + ', "n": NaN}').encode()),
        "claims",
    ),
    "a number of 5000 digits": (
        raw(body=lambda b: (json.dumps(b)[:-1] + f', "n": {"9" * 5000}}}').encode()),
        "claims",
    ),
    "a payload spelled in another way": (parts(last_bit), "malformed"),
    # --- header -----------------------------------------------------------------------
    "crit": (header(crit=["exp"], exp=1), "header"),
    "crit without its field": (header(crit=["urn:example"]), "header"),
    "an unencoded payload": (header(b64=False, crit=["b64"]), "header"),
    "jku": (header(jku="https://attacker.example/keys"), "header"),
    "x5u": (header(x5u="https://attacker.example/cert"), "header"),
    "x5c": (header(x5c=["MIIB"]), "header"),
    "its own key as jwk": (
        header(key=OTHER_RSA, jwk=OTHER_RSA.as_dict(private=False)),
        "header",
    ),
    "compressed": (header(zip="DEF"), "header"),
    "another content type": (header(cty="JWT"), "header"),
    "an unknown header": (header(ppt="shaken"), "header"),
    "typ of a receipt": (header(typ="breakglass-receipt+jwt"), "type"),
    "typ of an access token": (header(typ="at+jwt"), "type"),
    "typ in small letters": (header(typ="jwt"), "type"),
    "typ is a list": (raw(head=lambda h: {**h, "typ": [1]}), "type"),
    # --- algorithm --------------------------------------------------------------------
    "alg none": (
        lambda p, aud: signed(
            p.rsa, {"alg": "none", "kid": "r1"}, p.claims(aud), alg="RS256"
        ),
        "algorithm",
    ),
    "alg None": (
        lambda p, aud: signed(
            p.rsa, {"alg": "None", "kid": "r1"}, p.claims(aud), alg="RS256"
        ),
        "algorithm",
    ),
    "no alg": (
        lambda p, aud: signed(p.rsa, {"kid": "r1"}, p.claims(aud), alg="RS256"),
        "algorithm",
    ),
    "alg is a list": (
        lambda p, aud: signed(
            p.rsa, {"alg": ["RS256"], "kid": "r1"}, p.claims(aud), alg="RS256"
        ),
        "algorithm",
    ),
    "HS256 with the public key": (
        hmac_with(lambda p: p.rsa.as_pem(private=False)),
        "algorithm",
    ),
    "HS256 with an empty secret": (hmac_with(lambda _: b""), "algorithm"),
    "PS256": (header(alg="PS256"), "algorithm"),
    "ES256 under the RSA key's name": (
        lambda p, aud: p.token(p.claims(aud), key=p.ec, alg="ES256"),
        "algorithm",
    ),
    "RS256 under the EC key's name": (header(kid="e1"), "algorithm"),
    # --- key and signature ------------------------------------------------------------
    "unknown kid": (header(kid="r2"), "key"),
    "no kid": (header(kid=None), "key"),
    "empty kid": (header(kid=""), "key"),
    "kid as a number": (header(kid=1), "key"),
    "kid in capitals": (header(kid="R1"), "key"),
    "kid of 300 letters": (header(kid="k" * 300), "key"),
    "kid as a path": (header(kid="../../r1"), "key"),
    "another RSA key under its kid": (header(key=OTHER_RSA), "signature"),
    "another EC key under its kid": (
        header(key=OTHER_EC, alg="ES256", kid="e1"),
        "signature",
    ),
    "a signature of zeros": (
        parts(lambda h, b, _: (h, b, b64(bytes(256)))),
        "signature",
    ),
    "a signature cut short": (parts(lambda h, b, s: (h, b, s[:-8])), "signature"),
    "the signature of another token": (swapped_signature, "signature"),
    "a changed payload": (
        lambda p, aud: with_payload(p, aud, repository_id="123457"),
        "signature",
    ),
    "a later end": (
        lambda p, aud: with_payload(p, aud, exp=after(590)()),
        "signature",
    ),
    # --- issuer and audience ----------------------------------------------------------
    "another issuer": (claims(iss="https://gitlab.com"), "issuer"),
    "issuer with a slash": (lambda p, a: claims(iss=f"{p.issuer}/")(p, a), "issuer"),
    "issuer in capitals": (
        lambda p, a: claims(iss=p.issuer.replace("http", "HTTP"))(p, a),
        "issuer",
    ),
    "no issuer": (claims(iss=None), "issuer"),
    "issuer as a list": (lambda p, a: claims(iss=[p.issuer])(p, a), "issuer"),
    "issuer of 300 letters": (claims(iss="https://" + "i" * 300), "issuer"),
    "no audience": (claims(aud=None), "audience"),
    "an audience of somebody else": (claims(aud="sigstore"), "audience"),
    "an empty audience": (claims(aud=""), "audience"),
    "no audience in the list": (claims(aud=[]), "audience"),
    "two audiences": (lambda p, a: claims(aud=[a, "sigstore"])(p, a), "audience"),
    "audience as an object": (claims(aud={"a": 1}), "audience"),
    "audience with a slash": (lambda p, a: claims(aud=f"{a}/")(p, a), "audience"),
    "the audience of another gate": (
        lambda p, a: claims(aud=a.replace("prod-deploy", "db-migrate"))(p, a),
        "audience",
    ),
    "the audience of another tenant": (
        lambda p, a: claims(aud=a.replace("acme", "globex"))(p, a),
        "audience",
    ),
    # --- time -------------------------------------------------------------------------
    "expired": (claims(iat=after(-400), exp=after(-60)), "expired"),
    "expired by more than the leeway": (
        claims(iat=after(-300), exp=after(-11)),
        "expired",
    ),
    "no end": (claims(exp=None), "claims"),
    "end as a text": (claims(exp=lambda: str(int(time.time()) + 300)), "claims"),
    "end as a fraction": (claims(exp=after(300.5)), "claims"),
    "end is true": (claims(exp=True), "claims"),
    "end beyond all time": (claims(exp=10**17), "claims"),
    "end before the beginning": (
        claims(iat=after(5), exp=after(5)),
        "lifetime",
    ),
    "made in the future": (
        claims(iat=after(60), exp=after(300)),
        "not_yet",
    ),
    "not valid yet": (claims(nbf=after(60)), "not_yet"),
    "valid from a text": (claims(nbf="0"), "claims"),
    "no time of making": (claims(iat=None), "claims"),
    "lives for an hour": (claims(exp=after(3600)), "lifetime"),
    "made last year, ends soon": (claims(iat=1_700_000_000), "lifetime"),
    # --- whose ------------------------------------------------------------------------
    "no jti": (claims(jti=None), "no_jti"),
    "empty jti": (claims(jti=""), "no_jti"),
    "jti as a number": (claims(jti=7), "no_jti"),
    "jti of 300 letters": (claims(jti="j" * 300), "no_jti"),
    "a pull request": (claims(event_name="pull_request"), "event"),
    "a pull request's target": (claims(event_name="pull_request_target"), "event"),
    "an event in a list": (claims(event_name=["push"]), "event"),
    "no event": (claims(event_name=None), "event"),
    "another repository": (claims(repository_id="123457"), "claim repository_id"),
    "a repository of the same name": (
        claims(repository="acme/checkout", repository_id="999"),
        "claim repository_id",
    ),
    "no repository": (claims(repository_id=None), "claim repository_id"),
    "repository as a number": (claims(repository_id=123456), "claim repository_id"),
    "repository with a blank": (claims(repository_id="123456 "), "claim repository_id"),
    "repository in a list": (claims(repository_id=["123456"]), "claim repository_id"),
    "repository in other digits": (
        claims(repository_id="１２３４５６"),
        "claim repository_id",
    ),
    "another owner": (claims(repository_owner_id="4243"), "claim repository_owner_id"),
    "another environment": (claims(environment="staging"), "claim environment"),
    "environment in capitals": (claims(environment="Production"), "claim environment"),
    "no environment": (claims(environment=None), "claim environment"),
    "only the sub is right": (
        claims(repository_id="1", repository_owner_id="2"),
        "claim repository_id",
    ),
}


@pytest.fixture
def reasons(caplog):
    """What the operators' log says of each refusal."""
    with caplog.at_level(logging.WARNING, "portal.api.machines"):
        yield lambda: [
            f"{r.reason} {r.claim}".strip()
            for r in caplog.records
            if r.msg == "identity.refused"
        ]


def test_there_are_enough_of_them():
    assert len(ROWS) >= 60
    assert {why.split()[0] for _, why in ROWS.values()} == {
        *("malformed", "too_long", "header", "type", "algorithm", "key", "signature"),
        *("claims", "issuer", "audience", "expired", "not_yet", "lifetime", "no_jti"),
        *("event", "claim"),
    }


def test_every_bad_token_gets_one_answer_and_its_reason_goes_to_the_log(
    platform, bound, audience, reasons, caplog, subtests
):
    good = platform.token(platform.claims(audience))
    assert ask(good, deploy_id="good").status_code == 200
    answers = set()
    for name, (make, why) in ROWS.items():
        with subtests.test(name):
            caplog.clear()
            token = make(platform, audience)
            answer = ask(token)
            assert_enforced(answer, status=401, code="unauthenticated")
            assert reasons() == [why]
            assert not any(p in caplog.text for p in token.split(".") if len(p) > 9)
            answers.add((answer.content, answer["WWW-Authenticate"]))
    assert len(answers) == 1
    assert answers == {
        (a.content, a["WWW-Authenticate"]) for a in [ask("bg_live_" + "x" * 43)]
    }
    assert TokenUse.objects.count() == 1


def test_what_comes_in_the_header_beside_a_token_is_no_token(bound, subtests):
    for stated in ("Bearer", "Bearer a.b", f"Bearer {'a.' * 9000}b", "Basic a.b.c"):
        with subtests.test(stated=stated[:20]):
            answer = ask("", dry_run=True)
            assert_enforced(answer, status=401, code="unauthenticated")


def test_the_longest_good_token_is_read(platform, bound, audience):
    token = platform.token(platform.claims(audience, padding="x" * 5000))

    assert len(token) < machine_tokens.TOKEN_MAX
    assert ask(token).status_code == 200


def test_a_removed_machine_is_refused_at_once(platform, bound, audience, gate, reasons):
    machines.remove(gate=gate, public_id=bound.public_id, actor=OPERATOR)

    answer = ask(platform.token(platform.claims(audience)))

    assert_enforced(answer, status=401, code="unauthenticated")
    assert reasons() == ["audience"]
