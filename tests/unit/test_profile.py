from __future__ import annotations

from pathlib import Path

import pytest

from hubproof.errors import UsageError
from hubproof.profile import Profile
from hubproof.profile_file import load_profile
from hubproof.resources import resource
from hubproof.units import quantity

HEAD = "schema: hubproof/1\nname: t\nurl: https://hub.test/base\n"


def _load(tmp_path: Path, text: str) -> Profile:
    path = tmp_path / "profile.yaml"
    path.write_text(HEAD + text)
    return load_profile(path)


def _complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, text)
    return str(caught.value)


def test_units_are_typed(tmp_path: Path) -> None:
    profile = _load(
        tmp_path,
        "promises: {spawn: {ready_within: 1m}, ha: {lost_requests: 1%}, quota: {memory: 1Gi, cpu: 500m}}\n",
    )
    promises = profile.promises
    assert promises.spawn is not None
    assert promises.ha is not None
    assert (promises.spawn.ready_within, promises.ha.lost_requests) == (60.0, 0.01)
    assert profile.base_path == "/base/"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("promisses: {}\n", ["profile.yaml:4", "unknown key", "did you mean promises?"]),
        ("promises:\n  quota: {memory: 512Mi}\n  netwrok: {}\n", ["profile.yaml:6", "did you mean network?"]),
        ("promises:\n  spawn:\n    ready_within: 30\n", ["profile.yaml:6", "needs its unit", "30s"]),
        ("promises: {quota: {memory: lots}}\n", ["no quantity"]),
        ("promises: {ha: {lost_requests: 0.01}}\n", ["no percentage"]),
        ("namespace: [a]\n", ["profile.yaml:4", "namespace"]),
        ("name: u\n", ["profile.yaml:4", "stands twice"]),
        ("tls: {ca_file: nope.crt}\n", ["profile.yaml:4", "cannot read", "nope.crt"]),
        ("kube: {kubeconfig: nope}\n", ["cannot read"]),
        ("hub: {api_token: {env: NO_SUCH_VARIABLE}}\n", ["NO_SUCH_VARIABLE is not set"]),
        ("personas: [{name: a, role: user, password: {file: nope}}]\n", ["cannot read the secret's file nope"]),
        ("personas: [{name: a, role: user}, {name: a, role: admin}]\n", ["persona a stands twice"]),
        ("personas: [{name: a, role: boss}]\n", ["role"]),
        ("known: [{check: a.b, reason: r, owner: o}]\n", ["until", "required"]),
        ("url: ftp://x\n", ["stands twice"]),
        ("resolve: {a: not-an-address}\n", ["resolve"]),
        ("a: [\n", ["no YAML"]),
    ],
)
def test_bad_input_is_refused_with_place_and_hint(tmp_path: Path, text: str, words: list[str]) -> None:
    complaint = _complaint(tmp_path, text)
    for word in words:
        assert word in complaint


def test_an_inline_secret_is_refused_and_not_repeated(tmp_path: Path) -> None:
    complaint = _complaint(tmp_path, "hub: {api_token: hunter2hunter2}\n")
    assert "inline secret is refused" in complaint
    assert "{env: NAME}" in complaint
    assert "hunter2" not in complaint


def test_all_complaints_come_at_once(tmp_path: Path) -> None:
    complaint = _complaint(tmp_path, "nmaespace: a\nprobee: {}\n")
    assert "namespace" in complaint
    assert "probe" in complaint


def test_a_profile_that_is_not_there_names_the_other_ways(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--lab"):
        load_profile(tmp_path / "nope.yaml")


def test_paths_are_meant_from_the_profiles_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("x")
    assert _load(tmp_path, "tls: {ca_file: ca.crt}\n").ca_file() == tmp_path / "ca.crt"


def test_what_is_not_promised_is_known_to_be(tmp_path: Path) -> None:
    promises = _load(tmp_path, "promises: {network: {open: [{from: user, to: dns}]}}\n").promises
    assert promises.has("network.open")
    assert not promises.has("network.closed")
    assert not promises.has("storage")


@pytest.mark.parametrize("path", sorted(resource("fixtures", "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_committed_profiles_hold_no_secret_of_their_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Every(dict[str, str]):
        def get(self, *_: object) -> str:
            return "set"

    monkeypatch.setattr("hubproof.profile_file.os.environ", Every())
    profile = load_profile(path)
    assert profile.personas


@pytest.mark.parametrize(
    ("one", "other"), [("1Gi", "1024Mi"), ("500m", "0.5"), ("1k", "1000"), ("536870912", "512Mi"), ("2", "2000m")]
)
def test_quantities_are_compared_by_what_they_mean(one: str, other: str) -> None:
    assert quantity(one) == quantity(other)
