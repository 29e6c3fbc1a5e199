"""Names, text, links and digests as they come in from people and gates."""

import pytest

from breakglass.errors import InvalidInput
from breakglass.rules import identifiers

GOOD = [
    "a",
    "9",
    "prod-deploy",
    "hotfix/oom",
    "ci@acme",
    "sha256:9f",
    "v1.2+build_3",
    "Z" * 200,
]
BAD = [
    "",
    " a",
    "a ",
    "a\n",
    "\na",
    "a\x00",
    "-a",
    "/a",
    ".a",
    "a b",
    "a\\b",
    "prod*",
    "caf\u00e9",
    "\uff50\uff52\uff4f\uff44",  # full-width "prod": NFKC would fold it
    "\u017ftaging",  # long s: casefold would fold it
    "\u0430dmin",  # Cyrillic a
    "\uff11\uff12",  # int() reads these digits as 12
    "a" * 201,
]


@pytest.mark.parametrize("value", GOOD)
def test_an_identifier_comes_back_unchanged(value):
    assert identifiers.check_identifier(value, field="branch") == value


@pytest.mark.parametrize("value", BAD)
def test_anything_else_is_refused_and_never_folded(value):
    with pytest.raises(InvalidInput) as refused:
        identifiers.check_identifier(value, field="branch")
    assert refused.value.field == "branch"
    assert "branch" in str(refused.value)
    assert "letters, digits" in str(refused.value)


def test_upper_and_lower_case_are_two_different_names():
    assert identifiers.check_identifier("Prod", field="gate") == "Prod"


def test_a_deploy_id_has_no_slash():
    assert identifiers.check_identifier("gha-8123-1", field="deploy_id", slash=False)
    with pytest.raises(InvalidInput) as refused:
        identifiers.check_identifier("gha/8123", field="deploy_id", slash=False)
    assert "/" not in str(refused.value).split("use 1 to")[1]


@pytest.mark.parametrize("value", ["x" * 5000 + " ", "\u202e" * 5000, "\n" * 5000])
def test_the_refusal_echoes_at_most_forty_plain_characters(value):
    with pytest.raises(InvalidInput) as refused:
        identifiers.check_identifier(value, field="gate")
    message = str(refused.value)
    echoed = message.removeprefix("gate cannot be ").split(": use 1 to")[0]
    assert len(echoed) <= 40
    assert message.isascii()
    assert message.isprintable()


def test_the_refusal_shows_what_was_typed_and_what_is_allowed():
    assert identifiers.IDENTIFIER_MAX == 200
    with pytest.raises(InvalidInput) as refused:
        identifiers.check_identifier("prod*", field="gate")
    assert str(refused.value) == (
        "gate cannot be 'prod*': use 1 to 200 ASCII letters, digits and "
        ". _ / : @ + -, starting with a letter or digit"
    )


def test_an_empty_identifier_is_called_empty():
    with pytest.raises(InvalidInput, match="service is empty"):
        identifiers.check_identifier("", field="service")


def text(value, minimum=1, maximum=20):
    return identifiers.check_text(
        value, field="reason", minimum=minimum, maximum=maximum
    )


def test_text_is_stripped_and_its_line_ends_are_made_plain():
    assert text("  one\r\ntwo\tthree \n") == "one\ntwo\tthree"


def test_text_may_use_any_script():
    assert text("за́втра 🚒 עכשיו") == "за́втра 🚒 עכשיו"


@pytest.mark.parametrize(
    "character",
    [
        *"\x00\x07\x08\x0b\x0c\r\x1b\x1f\x7f\x85\x9b",
        *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
        chr(0xD800),
        chr(0xDFFF),
    ],
)
@pytest.mark.parametrize("where", ["{}ab", "a{}b", "ab{}"])
def test_text_with_hidden_characters_is_refused(character, where):
    with pytest.raises(InvalidInput, match=r"invisible character U\+") as refused:
        text(where.format(character))
    assert refused.value.field == "reason"
    assert type(refused.value.field) is str  # the machine's name, not the word
    assert str(refused.value).isascii()


def test_the_length_of_text_counts_after_stripping_with_both_ends_allowed():
    assert text(" abc ", minimum=3, maximum=3) == "abc"
    with pytest.raises(InvalidInput, match="too short"):
        text(" ab ", minimum=3)
    with pytest.raises(InvalidInput, match="too long") as refused:
        text("abcd", maximum=3)
    assert refused.value.field == "reason"


@pytest.mark.parametrize(
    "value",
    [
        "https://incidents.acme.example/INC-7?x=1#top",
        "http://localhost:8000/",
        "HTTPS://ACME.example",
        "https://[::1]:8443/x",
        "",
    ],
)
def test_a_full_web_link_or_none_is_fine(value):
    assert identifiers.check_url(value, field="incident_url") == value


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://acme.example",
        "//acme.example/x",
        "/relative",
        "incidents.acme.example",
        "https:",
        "https:acme.example",
        "https:///path",
        "https://:443/",
        "https://acme.example:99999/",
        "https://acme.example:x/",
        "https://[::1/",
        " https://acme.example",
        "https://acme.example\n",
        "https://acme.example/a b",
        "https://acme.example/\u00a0",
        "https://acme.example/\x00",
        "java\tscript:alert(1)",
        "https://acme.example\\@evil.example",
        "https://evil.example\\.acme.example/",
        "https://acme.example/\u202egpj",
        "https://acme.example/\u200b",
        "https://user@acme.example/",
        "https://user:secret@acme.example/",
        "https://:@acme.example/",
        "https://acme.example/" + "a" * 480,
    ],
)
def test_any_other_link_is_refused(value):
    with pytest.raises(InvalidInput) as refused:
        identifiers.check_url(value, field="incident_url")
    assert refused.value.field == "incident_url"
    assert "secret" not in str(refused.value)


def test_a_link_may_be_five_hundred_characters_long_and_no_longer():
    longest = "https://acme.example/" + "a" * 479
    assert len(longest) == 500
    assert identifiers.check_url(longest, field="link") == longest
    with pytest.raises(InvalidInput, match="longer than 500"):
        identifiers.check_url(longest + "a", field="link")


def test_a_digest_is_an_identifier_or_nothing():
    assert identifiers.check_digest("", field="artifact") == ""
    assert identifiers.check_digest("sha256:9f", field="artifact") == "sha256:9f"
    with pytest.raises(InvalidInput):
        identifiers.check_digest("sha256:9f ", field="artifact")


def test_only_a_whole_lower_case_sha256_is_an_artifact_digest():
    digest = "sha256:" + "0a" * 32
    assert identifiers.is_artifact_digest(digest)
    for other in (
        "",
        digest.upper(),
        "sha256:" + "0A" * 32,
        digest[:-1],
        digest + "0",
        digest + "\n",
        "sha512:" + "0a" * 32,
        "sha256:" + "0g" * 32,
        "sha256:" + "\uff10a" * 32,
    ):
        assert not identifiers.is_artifact_digest(other), other


def test_a_bypass_id_has_six_crockford_characters():
    assert len(set(identifiers.BYPASS_ID_ALPHABET)) == 32
    assert not set(identifiers.BYPASS_ID_ALPHABET) & set("ILOU")
    assert identifiers.is_bypass_id("BG-7Q4MZK")
    for other in (
        "",
        "BG-7Q4MZ",
        "BG-7Q4MZKA",
        "BG-7Q4MZK\n",
        "bg-7q4mzk",
        "BG-7Q4MZI",
        "BG-7Q4MZL",
        "BG-7Q4MZO",
        "BG-7Q4MZU",
        "XX-7Q4MZK",
        "BG7Q4MZKA",
    ):
        assert not identifiers.is_bypass_id(other), other
