"""The reference deployment's passwords and tokens: made at random, once a lab, and kept in files of its owner only."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from hubproof.lab.pki import write_private

USERS = tuple(f"hubproof-user-{number}" for number in range(1, 7))
LOOK_ALIKE = "hubproof.user-1"
"""Told apart from hubproof-user-1 only by what a careless claim name drops."""
ADMIN = "hubproof-admin"
STRANGER = "hubproof-stranger"
LOAD_USERS = tuple(f"load-{number:03d}" for number in range(1, 151))
_TOKENS = (
    "proxyToken", "hubproofToken", "prometheusToken", "oidcClientSecret", "idpSessionKey", "idpManagementSecret",
    "hubDbPassword", "analystPassword", "cookieSecret",
)  # fmt: skip
_MEMBER, _ADMIN = ["jupyter-users"], ["jupyter-users", "jupyter-admins"]


@dataclass(frozen=True)
class DeploymentSecrets:
    """What the charts are given.

    Attributes:
        tokens: by the name that the charts' `secrets` have.
        people: everybody whom the identity provider knows, with password and groups.

    """

    tokens: dict[str, str]
    people: dict[str, dict[str, object]]


def ensure_secrets(folder: Path) -> DeploymentSecrets:
    """Return the secrets kept in `folder`, making what is missing.

    Beside `deployment.json` it writes one file of a password for each persona, and one with a line `name:password`
    for each load user, as profiles reference them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / "deployment.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"tokens": {}, "passwords": {}}
    tokens = {name: known["tokens"].get(name) or secrets.token_hex(32) for name in _TOKENS}
    names = (*USERS, LOOK_ALIKE, ADMIN, STRANGER, *LOAD_USERS)
    passwords = {name: known["passwords"].get(name) or secrets.token_urlsafe(18) for name in names}
    if {"tokens": tokens, "passwords": passwords} != known:
        write_private(path, json.dumps({"tokens": tokens, "passwords": passwords}, indent=1).encode())
    for name in names[: -len(LOAD_USERS)]:
        write_private(folder / f"{name}.password", passwords[name].encode())
    lines = "\n".join(f"{name}:{passwords[name]}" for name in LOAD_USERS)
    write_private(folder / "load.passwords", lines.encode())
    groups: dict[str, list[str]] = {ADMIN: _ADMIN, STRANGER: ["visitors"]}
    people: dict[str, dict[str, object]] = {
        name: {"password": passwords[name], "groups": groups.get(name, _MEMBER)} for name in names
    }
    return DeploymentSecrets(tokens, people)
