"""Deploys the reference JupyterHub into a booted lab: two Helm charts, and the profile that states its promises.

Nothing is done again that is done: a digest of charts and values stands in the cluster.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import yaml

from hubproof.errors import HubproofError
from hubproof.lab import layout as at
from hubproof.lab.commands import run
from hubproof.lab.deployment_secrets import USERS, DeploymentSecrets, ensure_secrets
from hubproof.lab.facts import LabFacts
from hubproof.lab.images import references
from hubproof.lab.layout import Layout
from hubproof.lab.pki import Authority, write_private
from hubproof.lab.programs import program
from hubproof.lab.public_page import answers
from hubproof.progress import Progress
from hubproof.resources import resource
from hubproof.waiting import wait_for

HOST = "jupyter.254carbon.com"
LOGIN_HOST = "login.254carbon.com"
NAMESPACE = "jupyter"
_NOTE = "configmap/hubproof-lab"
_CHARTS = {"platform": "platform", "jupyterhub": "chart"}
_NAMESPACES = (NAMESPACE, "platform", "ingress", "identity", "monitoring")
_HEALTHY_WITHIN = 120.0


def deploy(progress: Progress, facts: LabFacts) -> None:
    """Bring the reference deployment to what the charts say, and wait until its sign-in page answers.

    Raises:
        HubproofError: it does not become healthy; the message names the workload.

    """
    layout = Layout(facts.state_dir)
    secrets = ensure_secrets(layout.secrets)
    authority = Authority(layout.pki / "public")
    values = _values(layout, secrets, authority)
    digest = _digest(values)
    helm_and_kubectl = _Tools(facts.kubeconfig_admin)
    if helm_and_kubectl.noted() != digest:
        with progress.step("deploying the reference JupyterHub"):
            for release, folder in _CHARTS.items():
                helm_and_kubectl.install(release, resource("fixtures", "reference", folder), values[release])
            helm_and_kubectl.note(digest)
    _write_profile(layout, authority)
    with progress.step("waiting until the sign-in page answers"):
        end = time.monotonic() + _HEALTHY_WITHIN
        for namespace in _NAMESPACES:
            helm_and_kubectl.wait_ready(namespace, end - time.monotonic())
        wait_for(
            lambda: answers(at.PUBLIC_ADDRESS, HOST, authority.certificate_file),
            within=max(10.0, end - time.monotonic()),
            what=f"https://{HOST}/hub/login to answer",
        )


def _values(layout: Layout, secrets: DeploymentSecrets, authority: Authority) -> dict[str, dict[str, Any]]:
    """Write each release's values into a file that only its owner can read, and return them."""
    images = references()
    certificate, key = authority.issue("edge", HOST, names=(HOST, LOGIN_HOST), days=365)
    values: dict[str, dict[str, Any]] = {
        "platform": {
            "images": {name: images[name] for name in ("idp", "services")},
            "publicAddress": at.PUBLIC_ADDRESS,
            "dns": at.DNS_SERVICE,
            "identity": {"people": secrets.people},
            "secrets": secrets.tokens,
            "tls": {"certificate": certificate.read_text(), "key": key.read_text()},
        },
        "jupyterhub": {
            "images": {name: images[name] for name in ("hub", "proxy", "notebook", "services")},
            "kubeApi": {"cidr": f"{at.NODE_ADDRESS['n1']}/32", "port": 6443},
            "secrets": secrets.tokens,
        },
    }
    for release, content in values.items():
        write_private(_values_file(layout, release), json.dumps(content).encode())
        content["_file"] = str(_values_file(layout, release))
    return values


def _values_file(layout: Layout, release: str) -> Path:
    return layout.secrets / f"{release}.values.json"


def _digest(values: dict[str, dict[str, Any]]) -> str:
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for folder in _CHARTS.values():
        root = resource("fixtures", "reference", folder)
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _write_profile(layout: Layout, authority: Authority) -> None:
    """Write the profile of 254Carbon as it stands in this lab: the same promises, the lab's ways in."""
    profile = yaml.safe_load(resource("fixtures", "profiles", "254carbon.yaml").read_text(encoding="utf-8"))
    images = references()
    profile |= {
        "resolve": dict.fromkeys((HOST, LOGIN_HOST), at.PUBLIC_ADDRESS),
        "tls": {"ca_file": str(authority.certificate_file)},
        "kube": {"kubeconfig": str(layout.runner_kubeconfig)},
        "probe": {**profile.get("probe", {}), "image": images["base"]},
        "lab": True,
    }
    for persona in profile["personas"]:
        persona["password"] = {"file": str(layout.secrets / f"{persona['name']}.password")}
    if "capacity" in profile:
        profile["capacity"]["passwords"] = {"file": str(layout.secrets / "load.passwords")}
    text = yaml.safe_dump(profile, sort_keys=False, allow_unicode=True)
    head = f"# Made by the lab from fixtures/profiles/254carbon.yaml for {len(USERS)} users; do not edit.\n"
    write_private(layout.profile, (head + text).encode())


class _Tools:
    """Helm and kubectl, as the lab's administrator.

    Args:
        kubeconfig: the administrator's.

    """

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    def install(self, release: str, chart: Path, values: dict[str, Any]) -> None:
        """Install a release, or upgrade it to what chart and values say."""
        # A Helm that was killed leaves a record of an unfinished operation, for which the next one would wait for ever.
        unfinished = f"owner=helm,name={release},status in (pending-install,pending-upgrade,pending-rollback)"
        self._kubectl("delete", "secrets", "-n", "default", "-l", unfinished)
        run([
            program("helm"), "upgrade", release, chart, "--install", "--kubeconfig", self._kubeconfig,
            "--namespace", "default", "--values", values["_file"], "--history-max", "5",
        ])  # fmt: skip

    def noted(self) -> str:
        """Return the digest of what was deployed last; nothing when nothing was."""
        found = self._kubectl("get", _NOTE, "-n", "default", "-o", "jsonpath={.data.digest}", "--ignore-not-found")
        return found.strip()

    def note(self, digest: str) -> None:
        """Keep the digest of what was deployed."""
        manifest = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": _NOTE.partition("/")[2], "namespace": "default"},
            "data": {"digest": digest},
        }
        self._kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    def wait_ready(self, namespace: str, within: float) -> None:
        """Wait until every Deployment of a namespace runs as it says, for `within` seconds in all."""
        try:
            self._kubectl("rollout", "status", "deployment", "-n", namespace, timeout=max(1.0, within))
        except HubproofError as error:
            pods = self._kubectl("get", "pods", "-n", namespace, "-o", "wide")
            events = self._kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp")
            raise HubproofError(
                f"the deployments in namespace {namespace} are not ready after {_HEALTHY_WITHIN:.0f} s:\n{pods}",
                where="\n".join(events.splitlines()[-5:]),
                next_step=f"look inside: kubectl --kubeconfig {self._kubeconfig} -n {namespace} describe pods",
            ) from error

    def _kubectl(self, *words: str, stdin: str | None = None, timeout: float | None = None) -> str:
        return run([program("kubectl"), "--kubeconfig", self._kubeconfig, *words], stdin=stdin, timeout=timeout).stdout
