"""The reference deployment's secrets: made once, readable by their owner only, and never the same in two labs."""

import json
from pathlib import Path

from hubproof.lab.deployment_secrets import ADMIN, LOAD_USERS, STRANGER, USERS, ensure_secrets


def test_secrets_stay_the_same_once_they_are_made(tmp_path: Path) -> None:
    assert ensure_secrets(tmp_path) == ensure_secrets(tmp_path)


def test_two_labs_share_no_secret(tmp_path: Path) -> None:
    one, other = (ensure_secrets(tmp_path / name) for name in ("one", "other"))
    assert not set(one.tokens.values()) & set(other.tokens.values())
    assert not {str(person["password"]) for person in one.people.values()} & {
        str(person["password"]) for person in other.people.values()
    }


def test_a_secret_that_a_newer_chart_wants_is_added_and_the_others_stay(tmp_path: Path) -> None:
    before = ensure_secrets(tmp_path)
    known = json.loads((tmp_path / "deployment.json").read_text())
    del known["tokens"]["cookieSecret"]
    (tmp_path / "deployment.json").write_text(json.dumps(known))
    after = ensure_secrets(tmp_path)
    assert after.people == before.people
    assert after.tokens.pop("cookieSecret") != before.tokens.pop("cookieSecret")
    assert after.tokens == before.tokens


def test_only_their_owner_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    ensure_secrets(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_profiles_find_each_personas_password(tmp_path: Path) -> None:
    made = ensure_secrets(tmp_path)
    for name in (*USERS, ADMIN, STRANGER):
        assert (tmp_path / f"{name}.password").read_text() == made.people[name]["password"]
    lines = dict(line.split(":", 1) for line in (tmp_path / "load.passwords").read_text().splitlines())
    assert lines == {name: made.people[name]["password"] for name in LOAD_USERS}


def test_the_stranger_is_known_to_the_provider_and_no_member(tmp_path: Path) -> None:
    people = ensure_secrets(tmp_path).people
    assert people[STRANGER]["groups"] == ["visitors"]
    assert {name for name, person in people.items() if "jupyter-admins" in person["groups"]} == {ADMIN}  # type: ignore[operator]
