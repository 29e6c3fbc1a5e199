"""What an operator may ask of a rotation, and what is refused without harm."""

import json
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError

from breakglass.authority import keys, rotation, trust
from breakglass.authority.errors import InstallationTrouble, NotUsable
from breakglass.authority.installation import initialise, open_installation
from breakglass.authority.rotation import Wish, distrust, rotate
from breakglass.authority.wire import base64_text
from tests.conformance.authority import own
from tests.conformance.authority.own import Own

ROOT_KEY = "fulcio-root.key.pem"


@pytest.fixture(scope="module")
def database_url():
    with own.database() as url:
        yield url


@pytest.fixture
def mine(database_url, tmp_path):
    """A fresh installation over an empty schema."""
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS authority CASCADE")
    return Own(tmp_path / "authority", database_url)


@pytest.fixture
def away(database_url, tmp_path):
    """An installation whose root key is on a medium."""
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS authority CASCADE")
    return Own(tmp_path / "authority", database_url, offline_root=tmp_path / "stick")


def snapshot(base) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in base.rglob("*") if p.is_file()}


def turn(mine: Own, **wish) -> rotation.Outcome:
    return rotate(mine.base, database_url=mine.database_url, wish=Wish(**wish))


def root_of(mine: Own):
    return mine.installation.ring.root


def test_serving_needs_no_root_key(away):
    assert not list(away.base.rglob(ROOT_KEY))
    with away.served() as portal:
        assert portal.get("/healthz").json()["status"] == "ok"


def test_an_offline_root_is_given_by_its_file_and_not_kept(away, tmp_path):
    before = root_of(away)
    with pytest.raises(InstallationTrouble, match=r"--root-key FILE, or .*--new-root"):
        turn(away)
    assert away.installation.generation.number == 1
    turn(away, root_key=tmp_path / "stick" / ROOT_KEY)
    assert root_of(away) == before
    assert not list(away.base.rglob(ROOT_KEY))
    assert (tmp_path / "stick" / ROOT_KEY).exists()


def test_an_offline_root_survives_the_theft_of_the_online_keys(away, tmp_path):
    before = root_of(away)
    outcome = turn(
        away,
        compromised=True,
        reason="host broken into",
        root_key=tmp_path / "stick" / ROOT_KEY,
    )
    assert not outcome.new_root
    assert root_of(away) == before
    (authority,) = trust.trusted_root(away.installation)["certificateAuthorities"]
    assert "end" not in authority["validFor"]


def test_a_root_key_may_leave_the_host_at_a_rotation(mine, tmp_path):
    before = root_of(mine)
    turn(mine, offline_root=tmp_path / "stick")
    assert root_of(mine) == before
    assert not list(mine.base.rglob(ROOT_KEY))
    turn(mine, root_key=tmp_path / "stick" / ROOT_KEY)
    assert mine.installation.generation.number == 3


def test_a_root_key_in_the_directory_moves_on_with_the_generation(mine):
    here = mine.base / "keys" / ROOT_KEY
    turn(mine, root_key=here)  # named, although it is about to be deleted there
    turn(mine)
    assert [str(p.parent.name) for p in mine.base.rglob(ROOT_KEY)] == ["generation-3"]


def test_a_new_root_is_made_on_request(away, tmp_path):
    before = root_of(away)
    outcome = turn(away, new_root=True, offline_root=tmp_path / "second-stick")
    assert outcome.new_root
    assert root_of(away) != before
    assert not list(away.base.rglob(ROOT_KEY))
    turn(away, root_key=tmp_path / "second-stick" / ROOT_KEY)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"compromised": True}, "needs --reason"),
        ({"compromised": True, "reason": " "}, "needs --reason"),
        ({"root_key": Path("x"), "new_root": True}, "--root-key"),
        ({"root_key": Path("x"), "offline_root": Path("y")}, "--root-key"),
    ],
)
def test_wishes_that_contradict_themselves_are_usage_errors(mine, wish, said):
    before = snapshot(mine.base)
    with pytest.raises(NotUsable, match=said):
        turn(mine, **wish)
    assert snapshot(mine.base) == before


def test_a_wrong_root_key_changes_nothing(mine, tmp_path):
    other = tmp_path / "other"
    initialise(other, own.CONSTANTS)
    before = snapshot(mine.base)
    with pytest.raises(InstallationTrouble, match="not the key of this"):
        turn(mine, root_key=other / "keys" / ROOT_KEY)
    with pytest.raises(InstallationTrouble, match="cannot be read"):
        turn(mine, root_key=tmp_path / "none")
    assert snapshot(mine.base) == before


def test_a_database_that_does_not_answer_changes_nothing(mine, tmp_path):
    before = snapshot(mine.base)
    nowhere = f"postgresql:///x?host={tmp_path}"
    with pytest.raises(InstallationTrouble, match="cannot be used"):
        rotate(mine.base, database_url=nowhere, wish=Wish())
    assert snapshot(mine.base) == before


def test_a_root_key_beside_stolen_keys_is_not_excused_by_a_copy_elsewhere(
    mine, tmp_path
):
    copy = tmp_path / "copy.pem"
    copy.touch(0o600)
    copy.write_bytes((mine.base / "keys" / ROOT_KEY).read_bytes())
    before = snapshot(mine.base)
    with pytest.raises(InstallationTrouble, match="taken for compromised too"):
        turn(mine, compromised=True, reason="stolen", root_key=copy)
    assert snapshot(mine.base) == before


def test_a_database_that_fails_at_the_commit_is_told_apart(mine):
    """The file was replaced by then: the operator is told that it counts."""
    rotation.bring_up(mine.installation, mine.database_url)
    with psycopg.connect(mine.database_url) as connection:
        connection.execute(
            "CREATE FUNCTION authority.fail() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no commit today'; END $$;"
            "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON authority.generation"
            " DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION authority.fail()"
        )
    with pytest.raises(InstallationTrouble, match=r"(?s)no commit .*rotate again"):
        turn(mine)
    assert mine.installation.generation.number == 2
    with psycopg.connect(mine.database_url) as connection:
        connection.execute("DROP TRIGGER fail ON authority.generation")
    assert turn(mine).finished_only


def test_a_strangers_file_among_retired_keys_stays_and_is_no_obstacle(mine):
    turn(mine)
    note = mine.base / "keys/generation-2/note.txt"
    note.write_text("to be kept")
    turn(mine)
    assert [path.name for path in note.parent.iterdir()] == ["note.txt"]
    assert "Generation 4" in mine.command("rotate")


def test_a_rotation_does_not_start_while_another_runs(mine):
    with (
        rotation.alone(mine.installation.layout),
        pytest.raises(InstallationTrouble, match="try again"),
    ):
        turn(mine)
    turn(mine)


def test_where_there_is_no_authority_it_says_what_to_run(tmp_path):
    with pytest.raises(InstallationTrouble, match="authority init"):
        rotate(tmp_path, database_url="postgresql:///x", wish=Wish())


def finished_later(mine: Own) -> None:
    """What is on disk when a rotation was killed just after it took effect."""
    keep = {p: p.read_bytes() for p in keys.paths(mine.base / "keys")}
    turn(mine)
    for path, data in keep.items():
        path.write_bytes(data)


def test_an_unfinished_rotation_is_finished_before_another_begins(mine):
    finished_later(mine)
    assert "finished now" in mine.command("rotate")
    assert mine.installation.generation.number == 2
    assert "Generation 3" in mine.command("rotate")


def test_a_compromise_is_not_taken_for_done_by_finishing_a_routine_rotation(mine):
    finished_later(mine)
    with pytest.raises(CommandError, match="authority distrust --generation 1") as no:
        mine.command("rotate", "--compromised", "--reason", "stolen")
    assert no.value.returncode == 1
    assert mine.installation.generations[0].distrusted is None


def test_a_retired_generation_can_be_distrusted_later(mine):
    turn(mine, reason="yearly")
    trust.publish(mine.installation, "http://127.0.0.1:8001")
    said = mine.command("distrust", "--generation", 1, "--reason", "old backup stolen")
    assert "not in the trusted root any more" in said
    first, live = open_installation(mine.base).generations
    assert (first.retired.reason, first.distrusted.reason) == (
        "yearly",
        "old backup stolen",
    )
    for path in ("trusted_root.json", "trust_config.json"):
        content = json.loads((mine.base / path).read_text())
        (log,) = content.get("trustedRoot", content)["tlogs"]
        assert log["logId"]["keyId"] == base64_text(live.log_id)
    again = distrust(mine.base, generation=1, reason="another story")
    assert again.distrusted == first.distrusted  # what was told first stands


@pytest.mark.parametrize(
    ("generation", "code", "said"),
    [(2, 1, "rotate --compromised"), (3, 2, "no generation"), (0, 2, "no generation")],
)
def test_only_a_retired_generation_can_be_distrusted(mine, generation, code, said):
    turn(mine)
    with pytest.raises(CommandError, match=said) as refusal:
        mine.command("distrust", "--generation", generation, "--reason", "x")
    assert refusal.value.returncode == code


@pytest.mark.parametrize(
    "damage",
    [
        lambda items: items.reverse(),
        lambda items: items.pop(0),
        lambda items: items[0].update(retired=None),
        lambda items: items[1].update(retired={"at": "2026-01-01T00:00:00Z"}),
        lambda items: items[0].update(rekor=items[1]["rekor"]),
        lambda items: items[0].update(chain=[]),
        lambda items: items[0].update(ctlog="!"),
        lambda items: items[0].update(started_at="2026-01-01T00:00:00"),
        lambda items: items[0].update(number="1"),
        lambda items: items[0]["keys"].pop("oidc"),
        lambda items: items.clear(),
    ],
    ids=range(11),
)
def test_a_damaged_record_of_generations_is_refused(mine, damage):
    turn(mine)
    path = mine.base / "installation.json"
    content = json.loads(path.read_text())
    damage(content["generations"])
    path.write_text(json.dumps(content))
    with pytest.raises(InstallationTrouble, match=r"installation\.json is damaged"):
        open_installation(mine.base)
