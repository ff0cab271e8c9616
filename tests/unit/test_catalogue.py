from __future__ import annotations

import re
from pathlib import Path

import pytest

from hubproof.checking import check, discover, select
from hubproof.defects import load_defects

ROOT = Path(__file__).parent.parent.parent


def test_every_check_has_a_seeded_defect_that_is_no_look_alike() -> None:
    proven = {check_id for one in load_defects().values() if not one.look_alike for check_id in one.checks}
    assert set(discover()) - proven == set()


def test_defects_name_only_checks_that_exist() -> None:
    known = set(discover())
    for one in load_defects().values():
        assert set(one.checks) | set(one.consequences) <= known, one.id


def test_every_check_is_a_requirement_with_the_same_severity() -> None:
    text = (ROOT / "docs" / "requirements.md").read_text()
    rows = dict(re.findall(r"^\| ([a-z]+\.[a-zA-Z0-9-]+) \|.*\| ([CMm]) \|$", text, re.MULTILINE))
    letters = {"critical": "C", "major": "M", "minor": "m"}
    for info in discover().values():
        wanted = rows.get(info.id) or rows.get(f"{info.family}.NAME")
        assert wanted == letters[info.severity], info.id


def test_checks_use_expect_and_no_bare_assert() -> None:
    for folder in ("conformance", "integration"):
        for path in (ROOT / "tests" / folder).glob("*.py"):
            assert not re.search(r"^\s+assert ", path.read_text(), re.MULTILINE), path


def test_an_id_without_must_or_remedy_is_refused() -> None:
    said = {"severity": "minor", "reach": "observe", "criterion": "delivery"}
    with pytest.raises(ValueError, match="MUST"):
        check("a.b", must="It should work.", remedy="look", **said)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="remedy is empty"):
        check("a.b", must="It MUST work.", remedy=" ", **said)  # type: ignore[arg-type]


def test_selection_takes_ids_families_and_globs() -> None:
    catalogue = discover()
    assert select(catalogue, []) == list(catalogue)
    assert select(catalogue, ["spawn.ready"]) == ["spawn.ready"]
    assert set(select(catalogue, ["auth,*.hub"])) == {i for i in catalogue if i.startswith("auth.") or i == "rbac.hub"}
    with pytest.raises(KeyError, match=r"spawn\.redy"):
        select(catalogue, ["spawn.redy"])
