"""Which rights each check uses at the Kubernetes API, as tests/lab/rights_in_use.py measured them.

`fixtures/rbac/rights.json` is held to what checks really ask by tests/lab/test_rights.py. What a check uses
can depend on the profile: deploy.inventory asks for the kinds that are promised.
"""

from __future__ import annotations

import json

from hubproof.resources import resource

EVERY_RUN = "every run"
"""Stands for the gate itself: it holds its run and its personas by leases, and sweeps up."""
OF_A_FAILURE = "evidence of a failure"
"""Stands for what is read only when a check is not green."""


def rights_in_use() -> dict[str, list[str]]:
    """Return the rights by check id, `EVERY_RUN` or `OF_A_FAILURE`: `list pods in the hub's namespace`, …"""
    path = resource("fixtures", "rbac") / "rights.json"
    found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return found
