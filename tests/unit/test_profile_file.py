from __future__ import annotations

from pathlib import Path

import pytest

from hubproof.errors import UsageError
from hubproof.profile_file import load_profile
from hubproof.resources import resource
from hubproof.units import quantity

GOOD = """\
schema: hubproof/1
name: mine
url: https://hub.example.com/base/
"""


def _load(tmp_path: Path, text: str) -> str:
    path = tmp_path / "profile.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_profile(path)
    return str(caught.value)


def test_a_short_profile_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(GOOD)
    profile = load_profile(path)
    assert (profile.url, profile.base_path, profile.host) == (
        "https://hub.example.com/base",
        "/base/",
        "hub.example.com",
    )
    assert not profile.promises.has("spawn")
    assert len(profile.sha256) == 64


@pytest.mark.parametrize(
    ("name", "ready_within", "has_postgresql"), [("254carbon.yaml", 30.0, True), ("z2jh.yaml", 60.0, False)]
)
def test_the_shipped_profiles_are_valid(
    name: str, ready_within: float, *, has_postgresql: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in [f"USER_{n}" for n in range(1, 7)] + ["LOOK_ALIKE", "ADMIN", "STRANGER", "LOAD_PASSWORDS"]:
        monkeypatch.setenv(f"HUBPROOF_{one}", "x")
    profile = load_profile(resource("fixtures", "profiles") / name)
    assert profile.promises.has("services.postgresql") is has_postgresql
    assert profile.promises.spawn is not None
    assert profile.promises.spawn.ready_within == ready_within


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "nmespace: jupyter\n", ":4: nmespace: unknown key; did you mean namespace?"),
        (GOOD + "promises:\n  spawn: {redy_within: 3s}\n", ":5: promises.spawn.redy_within: unknown key; did you mean"),
        (GOOD + "promises:\n  spawn:\n    ready_within: 30\n", ":6: promises.spawn.ready_within: a duration needs"),
        (GOOD + "promises: {quota: {memory: lots}}\n", ":4: promises.quota.memory: 'lots' is no quantity"),
        (GOOD + "reach: [observe, destroy]\n", ":4: reach.1:"),
        (GOOD.replace("name: mine\n", ""), "name: this key is required and missing"),
        (GOOD.replace("https://", "ftp://"), "is no address of a hub"),
        (GOOD + "name: again\n", ":4: name stands twice"),
        (GOOD + "resolve: {hub.example.com: nowhere}\n", ":4: resolve:"),
        (GOOD + "promises:\n  quota: {cpu: 1}\n  netwrok: {}\n", ":6: promises.netwrok: unknown key; did you mean"),
        (GOOD + "promises: {ha: {lost_requests: 0.01}}\n", ":4: promises.ha.lost_requests: 0.01 is no percentage"),
        (GOOD + "personas: [{name: a, role: user}, {name: a, role: admin}]\n", "persona a stands twice"),
        (GOOD + "known: [{check: a.b, reason: r, owner: o}]\n", ":4: known.0.until: this key is required"),
        (GOOD + "tls: {ca_file: nope.crt}\n", ":4: tls.ca_file: cannot read"),
        (GOOD + "kube: {kubeconfig: nope}\n", ":4: kube.kubeconfig: cannot read"),
        ("- a\n- list\n", ":1: a profile is a mapping"),
        ("a: [\n", "this is no YAML"),
    ],
)  # fmt: skip
def test_complaints_name_file_line_and_nearest_key(tmp_path: Path, text: str, said: str) -> None:
    complaint = _load(tmp_path, text)
    assert said in complaint
    assert "profile.yaml" in complaint


def test_an_inline_secret_is_refused_with_the_hint_and_never_repeated(tmp_path: Path) -> None:
    complaint = _load(tmp_path, GOOD + "personas:\n  - {name: ann, role: user, password: hunter2hunter2}\n")
    assert ":5: personas.0.password" in complaint
    assert "{env: NAME}, {file: PATH}" in complaint
    assert "hunter2" not in complaint


def test_secrets_that_cannot_be_read_are_told_before_anything_is_touched(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    complaint = _load(
        tmp_path,
        GOOD
        + "personas:\n"
        + "  - {name: ann, role: user, password: {env: HUBPROOF_SURELY_UNSET}}\n"
        + "  - {name: bob, role: user, password: {file: nowhere}}\n"
        + "  - {name: eve, role: user, password: {file: empty}}\n",
    )
    assert ":5: personas.0.password: environment variable HUBPROOF_SURELY_UNSET is not set" in complaint
    assert ":6: personas.1.password: cannot read the secret's file nowhere: No such file" in complaint
    assert ":7: personas.2.password: cannot read the secret's file empty: it is empty" in complaint


def test_all_complaints_come_at_once(tmp_path: Path) -> None:
    complaint = _load(tmp_path, GOOD + "nmespace: a\nprobee: {}\n")
    assert "did you mean namespace?" in complaint
    assert "did you mean probe?" in complaint


def test_paths_are_meant_from_the_profiles_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("x")
    (tmp_path / "profile.yaml").write_text(GOOD + "tls: {ca_file: ca.crt}\n")
    assert load_profile(tmp_path / "profile.yaml").ca_file() == tmp_path / "ca.crt"


def test_a_missing_profile_names_the_other_ways(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--lab"):
        load_profile(tmp_path / "none.yaml")


def test_quantities_are_compared_by_what_they_mean() -> None:
    assert quantity("1Gi") == quantity("1024Mi") == quantity(str(2**30))
    assert quantity("500m") * 2 == quantity("1")


def test_look_alikes_differ_in_punctuation_or_case_only(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    people = "personas:\n" + "".join(f"  - {{name: {n}, role: user}}\n" for n in ("bob", "ann-lee", "ann.lee"))
    path.write_text(GOOD + people)
    assert load_profile(path).look_alikes() == ("ann-lee", "ann.lee")
    path.write_text(GOOD + people.replace("ann.lee", "ann.leigh"))
    assert load_profile(path).look_alikes() is None
