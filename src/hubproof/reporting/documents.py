"""The generated parts of the documentation: written by `hubproof checks --write-docs`, held current by a test."""

from __future__ import annotations

import re
from pathlib import Path

from hubproof.checking import CheckInfo
from hubproof.defects import load_defects
from hubproof.reporting.catalogue import catalogue_markdown, catalogue_rows
from hubproof.reporting.schema import report_schema
from hubproof.rights_record import rights_in_use

_TABLE = re.compile(r"(<!-- checks: .*? -->\n).*?(<!-- /checks -->)", re.DOTALL)
_DEFECTS = re.compile(r"puts \S+ seeded defects and \S+ look-alikes")


def documents(root: Path, catalogue: dict[str, CheckInfo]) -> dict[Path, str]:
    """Return the text that each generated document must have.

    Args:
        root: of the checkout; parts that people write are taken from its files as they are.
        catalogue: all checks by id.

    """
    readme = (root / "README.md").read_text(encoding="utf-8")
    table = "\n".join(["", *catalogue_rows(list(catalogue.values())), "", ""])
    readme = _TABLE.sub(lambda found: f"{found[1]}{table}{found[2]}", readme)
    alike = sum(one.look_alike for one in load_defects().values())
    seeded = len(load_defects()) - alike
    readme = _DEFECTS.sub(f"puts {seeded} seeded defects and {alike} look-alikes", readme)
    return {
        root / "README.md": readme,
        root / "docs" / "checks.md": catalogue_markdown(catalogue, rights_in_use()),
        root / "docs" / "report.schema.json": report_schema(),
    }
