"""Helps a person look into the running lab: what it says, a shell in it, and its pages in a browser of this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hubproof.errors import HubproofError
from hubproof.lab.bootstrap import kubectl
from hubproof.lab.layout import Layout
from hubproof.lab.programs import program
from hubproof.profile import Profile

_SHELL = "command -v bash >/dev/null && exec bash; exec sh"


@dataclass(frozen=True)
class Workload:
    """Something that has pods: a deployment, a stateful set, a daemon set, or a pod that nothing owns."""

    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Looking:
    """Speaks kubectl to the lab, with the administrator's rights.

    Args:
        layout: of the lab.

    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def workloads(self) -> list[Workload]:
        """Return everything that has pods, the hub's namespace first; of user servers the pods themselves."""
        kinds = "deployments,statefulsets,daemonsets,pods"
        found = []
        for one in json.loads(kubectl(self._layout, "get", kinds, "-A", "-o", "json"))["items"]:
            metadata: dict[str, Any] = one["metadata"]
            if one["kind"] != "Pod" or not metadata.get("ownerReferences"):
                found.append(Workload(metadata["namespace"], one["kind"].lower(), metadata["name"]))
        return sorted(found, key=lambda one: (one.namespace != "jupyter", one.namespace, one.kind, one.name))

    def find(self, name: str) -> Workload:
        """Return the workload of that name, or of `namespace/name`; a part of a name will do when only one has it.

        Raises:
            HubproofError: none or several have it.

        """
        known = self.workloads()
        exact = [one for one in known if name in {one.name, str(one)}]
        found = exact or [one for one in known if name in one.name]
        if len(found) == 1:
            return found[0]
        raise HubproofError(
            f"{'several parts' if found else 'no part'} of the lab {'are' if found else 'is'} called {name}",
            wanted=", ".join(map(str, found or known)),
            next_step="name one of these",
        )

    def logs(self, name: str, *, follow: bool, lines: int) -> int:
        """Print the log of a workload, of all its pods and containers."""
        one = self.find(name)
        words = ["logs", "-n", one.namespace, f"{one.kind}/{one.name}", "--all-containers", f"--tail={lines}"]
        words += ["--prefix"] if one.kind == "pod" else ["--prefix", "--all-pods"]
        return self._show(*words, *(["--follow"] if follow else []))

    def execute(self, name: str, command: Iterable[str]) -> int:
        """Run a command, or a shell, in the first container of a workload; return its exit code."""
        one = self.find(name)
        words = list(command)
        terminal = ["-it"] if os.isatty(0) and os.isatty(1) else ["-i"]
        place = [*terminal, "-n", one.namespace, f"{one.kind}/{one.name}"]
        return self._show("exec", *place, "--", *(words or ["sh", "-c", _SHELL]))

    def _show(self, *words: str) -> int:
        """Run kubectl on the person's own terminal and return its exit code."""
        command: list[str | Path] = [program("kubectl"), f"--kubeconfig={self._layout.admin_kubeconfig}", *words]
        return subprocess.run(command, check=False).returncode


def browser_words(profile: Profile, layout: Layout) -> list[str]:
    """Return what tells Chromium where the lab's names are, and which one certificate of an unknown authority is right.

    Nothing on the machine is changed for it: no hosts file, no trust store.
    """
    places = ", ".join(f"MAP {name} {address}" for name, address in profile.resolve.items())
    certificate = x509.load_pem_x509_certificate((layout.pki / "public" / "edge.crt").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pinned = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return [f"--host-resolver-rules={places}", f"--ignore-certificate-errors-spki-list={pinned}"]


def pages(profile: Profile, layout: Layout) -> str:
    """Return what a person needs to open the lab's pages in a browser of this machine."""
    folder = layout.root / "browser"
    words = ["chromium", f"--user-data-dir={folder}", *browser_words(profile, layout), profile.url]
    people = "\n".join(
        f"  {one.name:<18} {one.role:<7} {one.password}"
        for one in profile.personas
        if one.password is not None and one.role in {"user", "admin"}
    )
    hosts = "\n".join(f"  {address} {name}" for name, address in profile.resolve.items())
    return (
        f"{profile.url}\n\nin Chromium, which is told where the lab is and nothing else:\n\n  {shlex.join(words)}\n\n"
        f"in another browser, once it trusts {profile.ca_file()} and these lines are in /etc/hosts:\n\n{hosts}\n\n"
        f"sign in as one of these, each with the password that lies there:\n\n{people}"
    )
