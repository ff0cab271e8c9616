"""What is said of the checks is whole, and the code of the checks keeps the rules of a trustworthy check."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hubproof.checking import CheckInfo, check, discover, expect
from hubproof.defects import load_defects
from hubproof.errors import BrokenPromiseError, UsageError
from hubproof.reporting.documents import documents
from hubproof.resources import resource, root
from hubproof.selection import Wish, choose

FILES = sorted(
    [*resource("tests", "conformance").glob("test_*.py"), *resource("tests", "integration").glob("test_*.py")]
)


@pytest.fixture(scope="module")
def catalogue() -> dict[str, CheckInfo]:
    return discover()


def test_every_check_has_a_seeded_defect(catalogue: dict[str, CheckInfo]) -> None:
    caught = {check_id for defect in load_defects().values() if not defect.look_alike for check_id in defect.checks}
    assert set(catalogue) - caught == set()


def test_defects_name_checks_that_exist(catalogue: dict[str, CheckInfo]) -> None:
    for defect in load_defects().values():
        assert set(defect.checks) | set(defect.consequences) <= set(catalogue), defect.id


def test_every_check_is_a_requirement_with_the_same_severity(catalogue: dict[str, CheckInfo]) -> None:
    text = (root() / "docs" / "requirements.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z]+\.[a-zA-Z0-9-]+) \|.*\| ([CMm]) \|$", text, re.MULTILINE))
    letters = {"critical": "C", "major": "M", "minor": "m"}
    for info in catalogue.values():
        assert (rows.get(info.id) or rows.get(f"{info.family}.NAME")) == letters[info.severity], info.id


def test_every_sentence_is_whole(catalogue: dict[str, CheckInfo]) -> None:
    for info in catalogue.values():
        assert info.must.endswith("."), info.id
        assert len(info.remedy) > 20, info.id


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_checks_keep_the_rules(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Assert), f"{path.name}:{node.lineno}: expect(), not assert"
        if isinstance(node, ast.Try):
            hidden = [one for part in node.finalbody for one in ast.walk(part) if isinstance(one, ast.Return)]
            assert not hidden, f"{path.name}:{node.lineno}: a return in finally hides the failure"
        if isinstance(node, ast.ExceptHandler):
            wide = node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception")
            assert not wide, f"{path.name}:{node.lineno}: what is caught here?"
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"sleep", "skip", "xfail"}, f"{path.name}:{node.lineno}: {node.attr}"


def test_a_value_compared_with_itself_is_found() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                sides = [ast.dump(node.left), *(ast.dump(one) for one in node.comparators)]
                assert len(set(sides)) == len(sides), f"{path.name}:{node.lineno}"


def test_a_check_without_its_words_is_refused() -> None:
    given = {"severity": "major", "reach": "act", "criterion": "isolation"}
    for check_id, must, remedy in (
        ("a.b", "It MUST.", " "),
        ("a.b", "It should.", "Mend."),
        ("A", "It MUST.", "Mend."),
    ):
        with pytest.raises(ValueError, match="check "):
            check(check_id, must=must, remedy=remedy, **given)  # type: ignore[arg-type]


def test_expect_carries_the_four_facts() -> None:
    expect(holds=True, promised="a", observed="a", where="", repeat="")
    with pytest.raises(BrokenPromiseError) as caught:
        expect(holds=[], promised="two", observed="one", where="here", repeat="kubectl")
    assert (caught.value.promised, caught.value.observed, caught.value.repeat) == ("two", "one", "kubectl")
    assert "repeat by hand: kubectl" in str(caught.value)


def test_words_of_select(catalogue: dict[str, CheckInfo]) -> None:
    assert list(_chosen(catalogue)) == list(catalogue)
    assert list(_chosen(catalogue, select=("spawn",))) == [one for one in catalogue if one.startswith("spawn.")]
    several = ["network.users", "rbac.users", "spawn.ready"]
    assert list(_chosen(catalogue, select=("*.users,spawn.ready",))) == several
    with pytest.raises(UsageError, match="did you mean spawn"):
        _chosen(catalogue, select=("spwan",))


def test_options_of_a_selection_narrow_each_other(catalogue: dict[str, CheckInfo]) -> None:
    found = _chosen(catalogue, severity=("critical",), only_reach=("act",), criterion=("storage",))
    given = [(catalogue[i].severity, catalogue[i].reach, catalogue[i].criterion) for i in found]
    assert set(given) == {("critical", "act", "storage persists")}
    assert found["storage.persist"] == "critical, act, storage persists"
    assert _chosen(catalogue, select=("storage",), criterion=("high",)) == {}
    with pytest.raises(UsageError, match="no such criterion"):
        _chosen(catalogue, criterion=("speed",))


def test_what_a_check_makes_is_read_off_its_fixtures(catalogue: dict[str, CheckInfo]) -> None:
    assert "pod" in " ".join(catalogue["storage.persist"].makes)
    assert catalogue["network.control"].makes[-1].startswith("a probe pod")
    reading = [info for info in catalogue.values() if info.reach == "observe"]
    assert [info.id for info in reading if info.makes] == []


def _chosen(catalogue: dict[str, CheckInfo], **options: tuple[str, ...]) -> dict[str, str]:
    return choose(catalogue, Wish.of(options))


def test_generated_documents_are_current() -> None:
    for path, text in documents(root(), discover()).items():
        assert path.read_text() == text, f"{path.name} is stale: ./hubproof checks --write-docs"


def test_what_is_installed_is_a_part_of_what_is_tested() -> None:
    locks = [(root() / name).read_text(encoding="utf-8") for name in ("requirements.lock", "requirements.run.lock")]
    whole, run = (set(re.findall(r"^([a-z0-9-]+==\S+)", text, re.MULTILINE)) for text in locks)
    assert run - whole == set(), "write it again: see docs/development.md"
    assert "ruff" not in " ".join(run)
