from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubproof.errors import CouldNotRunError
from hubproof.local_leases import acquire_local_persona
from hubproof.profile import Profile


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("HUBPROOF_HOME", str(tmp_path))
    personas = [{"name": "a", "role": "user"}, {"name": "b", "role": "user"}]
    given = {"schema": "hubproof/1", "name": "t", "url": "https://hub.test", "personas": personas}
    return Profile.model_validate(given)


def test_each_is_lent_once_and_comes_back(profile: Profile) -> None:
    with acquire_local_persona(profile, "r", "user") as first, acquire_local_persona(profile, "r", "user") as second:
        assert [first.persona.name, second.persona.name] == ["a", "b"]
        with pytest.raises(CouldNotRunError, match="no persona with role user became free"):
            acquire_local_persona(profile, "r", "user", within=0)
    with acquire_local_persona(profile, "r", "user", only=("b",), within=0) as again:
        assert (again.persona.name, again.left_by) == ("b", "")


def test_who_died_with_it_is_named(profile: Profile) -> None:
    died = acquire_local_persona(profile, "dead", "user", holder="gw0")
    os.close(died._lock)  # what the end of a process does
    with acquire_local_persona(profile, "r", "user", within=0) as taken:
        assert (taken.persona.name, taken.left_by) == ("a", "dead")


def test_a_role_that_the_profile_does_not_lend_is_said(profile: Profile) -> None:
    with pytest.raises(CouldNotRunError, match="lends no persona with role admin"):
        acquire_local_persona(profile, "r", "admin")
