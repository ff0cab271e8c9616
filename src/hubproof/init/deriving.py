"""What follows from a namespace as it is: a draft of its profile. Pure functions from what was read.

A promise that is derived here says how the deployment is today; whether that was meant is its owner's to say, and the
comments ask them to.
"""

from __future__ import annotations

from typing import Any

from hubproof.cluster.client import Object, Objects
from hubproof.init.draft import Ask, Hint, Said
from hubproof.init.gathering import Found
from hubproof.init.reaches import network
from hubproof.init.user_pods import home_of, is_user_pod, quota_of, user_claims

_INVENTORY = (
    "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Service", "ServiceAccount", "ConfigMap",
    "PersistentVolumeClaim", "Ingress", "NetworkPolicy", "ResourceQuota", "PodDisruptionBudget", "Role", "RoleBinding",
    "ServiceMonitor",
)  # fmt: skip
_MADE_BY_KUBERNETES = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
_OURS = "hubproof"
_POSTGRESQL, _PROMETHEUS = 5432, 9090
_SERVICE_WORDS = ("trino", "minio", "mlflow", "datahub", "ray", "kafka")
_METRICS = [
    "jupyterhub_running_servers",
    "jupyterhub_request_duration_seconds_count",
    "jupyterhub_event_loop_interval_seconds_count",
]


def derive(found: Found, *, kube: dict[str, Any]) -> dict[str, Any]:
    """Return the draft.

    Args:
        found: what was read.
        kube: how the cluster was reached: `kubeconfig` and `context`, as the profile names them.

    """
    host, path, addresses = _front(found)
    return {
        "schema": "hubproof/1",
        "name": host.split(".")[0] if host else found.namespace,
        "url": f"https://{host}{path}" if host else Ask(f"At which address do users reach the hub?{_balancer(found)}"),
        "resolve": _resolve(host, addresses),
        "tls": Ask("Who signed the certificate? {} for a public authority, {ca_file: FILE} for one of your own"),
        "namespace": found.namespace,
        "kube": Said(kube, "How the cluster is reached. Give the runner an account of its own: fixtures/rbac."),
        "probe": {
            "namespace": Said(_OURS, "Leases and probe pods live here; fixtures/rbac/observe.yaml makes it."),
            "image": Ask("Which image with python3 may be pulled in that namespace, for probe pods?"),
        },
        "hub": _hub(found),
        "login": {"driver": Ask("How do people sign in? oidc-form, hub-form or hub-token")},
        "personas": Said(
            Ask("Which test identities may runs borrow? A list, as above; two users at least"),
            "- {name: hubproof-user-1, role: user, password: {env: HUBPROOF_USER_1}}\n"
            "- {name: hubproof-user-2, role: user, password: {file: user-2.password}}\n"
            "- {name: hubproof-stranger, role: stranger, password: {env: HUBPROOF_STRANGER}}  (known to the provider, "
            "refused by the hub)",
        ),
        "promises": _promises(found),
        "reach": Said(
            ["observe", "act"], "Add disrupt where checks may kill and drain; the command line must ask too."
        ),
    }


def _front(found: Found) -> tuple[str, str, list[str]]:
    """Return host, path and addresses of what leads to the public proxy."""
    for ingress in found.inside.get("Ingress", []):
        status = ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        addresses = [one["ip"] for one in status if one.get("ip")]
        for rule in ingress.get("spec", {}).get("rules") or []:
            if host := rule.get("host"):
                paths = rule.get("http", {}).get("paths") or [{}]
                return str(host), str(paths[0].get("path", "/")).rstrip("/"), addresses
    return "", "", []


def _balancer(found: Found) -> str:
    """Say what the public Service's own address is, where a load balancer gave it one."""
    for name, service in found.named("Service").items():
        for one in service.get("status", {}).get("loadBalancer", {}).get("ingress") or []:
            return f" Service {name} is reached at {one.get('hostname') or one.get('ip')}; users need https://host/path"
    return " https://host/path"


def _resolve(host: str, addresses: list[str]) -> Hint:
    known = f"{{{host or 'host'}: {addresses[0] if addresses else 'address'}}}"
    return Hint(f"resolve: {known}   where the runner's own DNS does not know the host")


def _hub(found: Found) -> dict[str, Any]:
    secrets = sorted({name for pod in found.inside["Pod"] if _component(pod) == "hub" for name in _secrets_of(pod)})
    seen = f" The hub itself uses the Secrets {', '.join(secrets)}." if secrets else ""
    hub: dict[str, Any] = {
        "api_token": Ask(
            "Where is the token of a hub service for hubproof, with the scopes of docs/profile.md? "
            "{secret: {name: …, key: …}}, {env: …} or {file: …}." + seen
        )
    }
    if found.hub_version:
        major = int(found.hub_version.partition(".")[0])
        hub["version"] = Said(f">={major},<{major + 1}", f"It runs {found.hub_version}.")
    return hub


def _secrets_of(pod: Object) -> set[str]:
    names = {one["secret"]["secretName"] for one in pod["spec"].get("volumes") or [] if "secret" in one}
    for container in pod["spec"]["containers"]:
        for one in container.get("env") or []:
            if reference := one.get("valueFrom", {}).get("secretKeyRef"):
                names.add(reference["name"])
        names |= {one["secretRef"]["name"] for one in container.get("envFrom") or [] if "secretRef" in one}
    return names


def _promises(found: Found) -> dict[str, Any]:
    workloads = {**found.named("StatefulSet"), **found.named("Deployment")}
    replicas = {name: int(workloads[name]["spec"].get("replicas", 1)) for name in ("hub", "proxy") if name in workloads}
    promises: dict[str, Any] = {
        "spawn": Said(
            {"ready_within": "60s", "stopped_within": "60s", "kernels": ["python3"]},
            "How soon a server must be there and gone: change it to what you promise.",
        ),
        "storage": _storage(found),
        "quota": quota_of(found),
        "network": network(found, _platform_services(found)),
        "rbac": {"hub_account": _account(workloads.get("hub"))},
        "services": _services(found),
        "monitoring": _monitoring(found),
        "logs": Said(
            {"window": "15m", "components": sorted(workloads), "allowed": []},
            "Lines like ERROR or a traceback are critical; allow a harmless one by {pattern: …, reason: …}.",
        ),
        "deploy": Said(
            {"nothing_else": True, "inventory": _inventory(found)},
            "What is there today. Take out what the release does not promise.",
        ),
        "ha": Said(replicas, "Replicas as they are; recovery times (hub_recovery, proxy_recovery) are yours to add."),
    }
    return {name: value for name, value in promises.items() if value not in ({}, None)}


def _account(hub: Object | None) -> str:
    return str(hub["spec"]["template"]["spec"].get("serviceAccountName", "default")) if hub else "hub"


def _storage(found: Found) -> object:
    claims = user_claims(found)
    home = home_of(found)
    if not claims:
        return Ask("What home volume does each user get? {size: 1Gi, class: …, home: /home/jovyan}; {} is no answer")
    spec = claims[0]["spec"]
    storage = {
        "size": spec["resources"]["requests"]["storage"],
        "class": spec.get("storageClassName"),
        "access_mode": (spec.get("accessModes") or ["ReadWriteOnce"])[0],
        "home": home or "/home/jovyan",
        "on_user_delete": "keep",
    }
    comment = f"As in {claims[0]['metadata']['name']}."
    if not home:
        comment += " No user's server runs: where the volume is mounted (home) is a guess."
    return Said({name: value for name, value in storage.items() if value}, comment)


def _platform_services(found: Found) -> dict[str, tuple[str, int]]:
    """Return services that users may want, by name: host and port. Those of the namespace itself are the hub's own."""
    services: dict[str, tuple[str, int]] = {}
    for service in found.around.get("Service", []):
        name, place = service["metadata"]["name"], service["metadata"]["namespace"]
        if place == found.namespace:
            continue
        for port in service["spec"].get("ports") or []:
            number = int(port["port"])
            word = next((one for one in _SERVICE_WORDS if one in name), "")
            word = word or ("postgresql" if number == _POSTGRESQL else "")
            if word:
                services.setdefault(word, (f"{name}.{place}.svc.cluster.local", number))
    return services


def _services(found: Found) -> dict[str, Any] | Said:
    seen = _platform_services(found)
    here = {"postgresql": seen["postgresql"]} if "postgresql" in seen else {}
    others = [f"{name} ({host}:{port})" for name, (host, port) in seen.items() if name not in here]
    services = {name: {"host": host, "port": port, "within": "5s"} for name, (host, port) in here.items()}
    if others:
        return Said(services, f"Seen as well, and not checked yet: {', '.join(others)}.")
    return services


def _monitoring(found: Found) -> dict[str, Any] | None:
    monitors = list(found.named("ServiceMonitor"))
    around: Objects = found.around.get("Service", [])
    servers = [
        one["metadata"] for one in around if any(p["port"] == _PROMETHEUS for p in one["spec"].get("ports") or [])
    ]
    if not monitors:
        return None
    place: object = Ask("Which Service is Prometheus? {namespace: monitoring, service: prometheus, port: 9090}")
    if servers:
        place = {"namespace": servers[0]["namespace"], "service": servers[0]["name"], "port": _PROMETHEUS}
    return {"service_monitor": monitors[0], "prometheus": place, "metrics": _METRICS, "fresh_within": "60s"}


def _inventory(found: Found) -> dict[str, list[str]]:
    claims = {one["metadata"]["name"] for one in user_claims(found)}
    inventory = {}
    for kind in _INVENTORY:
        names = [
            name
            for name in found.named(kind)
            if (kind, name) not in _MADE_BY_KUBERNETES and not name.startswith(_OURS) and name not in claims
        ]
        if names:
            inventory[kind] = sorted(names)
    return inventory


def _component(pod: Object) -> str:
    return "" if is_user_pod(pod) else str(pod["metadata"].get("labels", {}).get("component", ""))
