"""What the front takes as plain is what the endpoint's schema takes, read alike."""

import json
from dataclasses import asdict

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from breakglass.errors import InvalidInput
from portal.api import strict_json
from portal.api.ahead import questions
from portal.api.schemas import DecisionQuestion

WORDS = st.one_of(
    st.from_regex(r"[a-zA-Z0-9._/:@+ -]{0,6}", fullmatch=True),
    st.sampled_from(
        ["", "checkout", "a" * 200, "a" * 201, "ｐｒｏｄ", "a\n", "\x00", "-a"]
    ),
    st.text(max_size=4),
)
VALUES = st.one_of(WORDS, st.none(), st.booleans(), st.integers(0, 1), st.just([]))
NAMES = ("gate", "branch", "artifact", "actor")
BODIES = st.fixed_dictionaries(
    {"service": st.one_of(WORDS, VALUES), "deploy_id": WORDS},
    optional={
        **{name: st.one_of(WORDS, VALUES) for name in NAMES},
        "require_assurance": st.sampled_from(["sigstore", "offline_quorum", "", None]),
        "dry_run": st.one_of(st.booleans(), VALUES),
        "other": VALUES,
    },
).map(lambda body: json.dumps(body).encode())
RAW = st.one_of(
    BODIES,
    st.binary(max_size=40),
    BODIES.flatmap(
        lambda raw: st.integers(0, len(raw)).map(lambda at: raw[:at] + b'"' + raw[at:])
    ),
)


@given(RAW)
@example(b'{"service":"a","deploy_id":"b","service":"c"}')
@example(b'{"service":"a","deploy_id":"b","dry_run":true}')
@example(b'{"service":"a","deploy_id":"b","gate":""}')
@example(b'{"service":"a","deploy_id":"b","cache_seconds":0}')
@example(b'{"service":"\\u0061","deploy_id":"b","branch":"\\ud800"}')
def test_the_front_takes_nothing_that_the_endpoint_would_refuse_or_read_otherwise(raw):
    found = questions.plain(raw)
    if found is None:
        return

    asked = DecisionQuestion.model_validate(strict_json.parse(raw))

    assert asdict(found) == asked.model_dump(exclude={"cache_seconds"})
    assert asked.cache_seconds == 0  # whoever keeps answers is told at the endpoint


@given(BODIES)
def test_the_front_takes_what_gates_usually_send(raw):
    try:
        DecisionQuestion.model_validate(json.loads(raw))
    except (ValidationError, InvalidInput):
        return
    if "\\u" not in raw.decode():  # rare text may take the slower way
        assert questions.plain(raw) is not None
