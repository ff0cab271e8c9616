"""The profile: one deployed JupyterHub, how to reach it, and what it promises.

Only the shape is here. Reading a file, with places of errors, is `hubproof.profile_file`; secrets are looked up by
`hubproof.secrets`. What a profile does not promise is not checked, and listed as not promised.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from hubproof.promises import Promises
from hubproof.units import Duration, Percentage


class Strict(BaseModel):
    """No unknown keys, no changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class SecretKey(Strict):
    """A key of a Kubernetes Secret in the target's namespace, or in `namespace`."""

    name: str
    key: str
    namespace: str | None = None


class SecretRef(Strict):
    """Where a secret is, never what it is: exactly one of an environment variable, a file, a Kubernetes Secret."""

    env: str | None = None
    file: str | None = None
    secret: SecretKey | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(given is not None for given in (self.env, self.file, self.secret)) != 1:
            msg = "a secret is exactly one of {env: NAME}, {file: PATH}, {secret: {name: …, key: …}}"
            raise ValueError(msg)
        return self

    def __str__(self) -> str:
        if self.env:
            return f"environment variable {self.env}"
        return f"file {self.file}" if self.file else f"secret {self.secret.name}/{self.secret.key}"  # type: ignore[union-attr]


def _refuse_inline(value: object) -> object:
    if isinstance(value, str | int | float):
        msg = "an inline secret is refused; name where it is: {env: NAME}, {file: PATH} or {secret: {name: …, key: …}}"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into a message with its place
    return value


Secret = Annotated[SecretRef, BeforeValidator(_refuse_inline)]


class Tls(Strict):
    """What the public certificate is verified against; without `ca_file`, the machine's own trust store."""

    ca_file: Path | None = None


class Kube(Strict):
    """How the runner reaches the cluster."""

    kubeconfig: Path | None = None
    context: str | None = None
    in_cluster: bool = False


class Probe(Strict):
    """The pods that network checks put into the cluster. The namespace must exist."""

    image: str = "registry.k8s.io/e2e-test-images/agnhost:2.57"
    namespace: str = "hubproof"
    pull_secret: str | None = None


class Hub(Strict):
    """The hub itself: the token that checks use, and the versions that are accepted."""

    api_token: Secret | None = None
    version: str | None = None


class Login(Strict):
    """How a person signs in."""

    driver: Literal["oidc-form", "hub-form", "hub-token"] = "hub-form"


Role = Literal["user", "admin", "stranger", "load"]


class Persona(Strict):
    """An identity lent to runs. A `stranger` is known to the provider and must be refused by the hub."""

    name: str = Field(min_length=1)
    role: Role
    password: Secret | None = None
    token: Secret | None = None


class NotApplicable(Strict):
    """A check that the profile takes out, by whom, why, and until when."""

    check: str
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    until: dt.date | None = None


class KnownFailure(NotApplicable):
    """A check that is known to fail. It must end: `until` is required."""

    until: dt.date


class Objectives(Strict):
    """What a capacity run is judged by. Each is per step over all users."""

    sign_in_p95: Duration | None = None
    spawn_p95: Duration | None = None
    kernel_p95: Duration | None = None
    execute_p95: Duration | None = None
    stop_p95: Duration | None = None
    failures: Percentage = 0.0


class Capacity(Strict):
    """How many users a capacity run may make at most, and its objectives.

    `users` are the identities that it signs in as, made by counting: `load-{:03d}` with `count` 150 is load-001 to
    load-150. Their passwords are in one file, one line a user: name, a colon, the password.
    """

    ceiling: int = Field(gt=0)
    users: str = "load-{:03d}"
    count: int = Field(default=0, ge=0)
    passwords: Secret | None = None
    objectives: Objectives = Objectives()


class Profile(Strict):
    """One target and its promises. Read it with `hubproof.profile_file.load_profile`."""

    schema_: Literal["hubproof/1"] = Field(alias="schema")
    name: str = Field(min_length=1)
    url: str
    resolve: dict[str, str] = {}
    tls: Tls = Tls()
    namespace: str = "jupyter"
    kube: Kube | None = None
    probe: Probe = Probe()
    hub: Hub = Hub()
    login: Login = Login()
    personas: list[Persona] = []
    promises: Promises = Promises()
    reach: list[Literal["observe", "act", "disrupt"]] = ["observe", "act"]
    not_applicable: list[NotApplicable] = []
    known: list[KnownFailure] = []
    capacity: Capacity | None = None
    lab: bool = Field(default=False, description="Refuse every address outside the embedded lab.")
    _path: Path = PrivateAttr(default=Path())
    _kubeconfig: Path | None = PrivateAttr(default=None)
    _sha256: str = PrivateAttr(default="")

    @field_validator("url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            msg = f"{value!r} is no address of a hub; write https://host or https://host/base/path"
            raise ValueError(msg)
        return value.rstrip("/")

    @field_validator("resolve")
    @classmethod
    def _addresses(cls, value: dict[str, str]) -> dict[str, str]:
        for address in value.values():
            ipaddress.ip_address(address)
        return value

    @field_validator("personas")
    @classmethod
    def _distinct(cls, value: list[Persona]) -> list[Persona]:
        names = [persona.name for persona in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"persona {twice[0]} stands twice"
            raise ValueError(msg)
        return value

    @property
    def path(self) -> Path:
        """The file that it was read from; relative paths in it are meant from its folder."""
        return self._path

    @property
    def given_kubeconfig(self) -> Path | None:
        """The kubeconfig that the command line put in the place of the file's own."""
        return self._kubeconfig

    @property
    def sha256(self) -> str:
        """Digest of the file's bytes, for the run record."""
        return self._sha256

    @property
    def folder(self) -> Path:
        """The folder that relative paths are meant from."""
        return self._path.parent

    @property
    def host(self) -> str:
        """The public host name."""
        return urlsplit(self.url).hostname or ""

    @property
    def base_path(self) -> str:
        """The path under which the hub is served, with slashes at both ends."""
        path = urlsplit(self.url).path.strip("/")
        return f"/{path}/" if path else "/"

    def ca_file(self) -> Path | None:
        """Return the CA file as an absolute path."""
        return self.folder / self.tls.ca_file if self.tls.ca_file else None

    def look_alikes(self) -> tuple[str, str] | None:
        """Return two user personas whose names differ in nothing but punctuation or case; None when there are none."""
        seen: dict[str, str] = {}
        for persona in self.users("user"):
            letters = re.sub(r"[^a-z0-9]", "", persona.name.lower())
            if letters in seen:
                return seen[letters], persona.name
            seen[letters] = persona.name
        return None

    def users(self, role: Role) -> list[Persona]:
        """Return the personas of one role, in the order of the profile."""
        return [persona for persona in self.personas if persona.role == role]
