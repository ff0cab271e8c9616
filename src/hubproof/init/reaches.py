"""Drafts the promised reachability: what users need, as open; what nobody should reach from a notebook, as closed."""

from __future__ import annotations

from typing import Any

from hubproof.cluster.client import Object, Objects
from hubproof.init.draft import Said
from hubproof.init.gathering import Found
from hubproof.init.policies import Place, Policies
from hubproof.init.user_pods import COMPONENT, user_pods
from hubproof.lab.policy_rules import Policy, PolicyPod

_USUAL_LABELS = {"app": "jupyterhub", "component": COMPONENT, "hub.jupyter.org/network-access-hub": "true"}
"""Labels of a user's pod in zero-to-jupyterhub, taken where none runs."""
_NOTEBOOK, _HUB, _DNS = 8888, 8081, 53
_METADATA = "169.254.169.254"


def network(found: Found, services: dict[str, tuple[str, int]]) -> object:
    """Return the promises under `network`; nothing without any NetworkPolicy.

    Args:
        found: what was read.
        services: platform services by name: host and port.

    """
    written = found.inside.get("NetworkPolicy", [])
    if not written:
        return {}
    policies = Policies(
        [Policy(found.namespace, one["spec"]) for one in written],
        {one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in found.around.get("Namespace", [])},
    )
    user = _user(found)
    endpoints, places = _inside(found)
    for name, (host, port) in services.items():
        pods = found.pods_of.get("/".join(reversed(host.split(".")[:2])), [])
        endpoints[name] = {"host": host, "port": port}
        places[name] = _place(pods, port) or Place(port, address=_METADATA)
    wanted = ["hub", *services]
    other = PolicyPod(found.namespace, user.labels, "", "192.0.2.2")
    shut = {
        "user": Place(_NOTEBOOK, pod=other),
        **{name: place for name, place in places.items() if name not in wanted},
        "kube-api": Place(443, address=_kube_api(found)),
        "metadata": Place(80, address=_METADATA),
    }
    opened = [{"from": "user", "to": "dns"}] if _dns_open(found, policies, user) else []
    opened += [{"from": "user", "to": name} for name in wanted if name in places and policies.allow(user, places[name])]
    closed, leaks = [], []
    for name, place in shut.items():
        if policies.allow(user, place):
            leaks.append(name)
        else:
            closed.append({"from": "user", "to": name, **({"port": _NOTEBOOK} if name == "user" else {})})
    comment = "As the NetworkPolicies are written; checks measure whether they are enforced."
    if leaks:
        comment += f" Users may reach {', '.join(leaks)} today: add them under `closed` if they should not."
    matrix: dict[str, Any] = {"endpoints": endpoints, "open": opened, "closed": closed}
    return Said(matrix, comment)


def _user(found: Found) -> PolicyPod:
    pods = user_pods(found)
    labels = pods[0]["metadata"].get("labels", {}) if pods else _USUAL_LABELS
    return PolicyPod(found.namespace, labels, "", "192.0.2.1")


def _inside(found: Found) -> tuple[dict[str, Any], dict[str, Place]]:
    """Return the namespace's own Services but for the public proxy, as endpoints and as places."""
    endpoints, places = {}, {}
    for name, service in found.named("Service").items():
        selector = service["spec"].get("selector") or {}
        ports = service["spec"].get("ports") or []
        pods = [one for one in found.inside["Pod"] if _selected(one, selector)]
        if not selector or not ports or "public" in name:
            continue
        port = int(ports[0]["port"])
        place = _place(pods, ports[0].get("targetPort", port))
        if place:
            endpoints[name] = {"host": f"{name}.{found.namespace}.svc.cluster.local", "port": port}
            places[name] = place
    return endpoints, places


def _selected(pod: Object, selector: dict[str, str]) -> bool:
    labels = pod["metadata"].get("labels", {})
    return bool(selector) and all(labels.get(name) == value for name, value in selector.items())


def _place(pods: Objects, target: int | str) -> Place | None:
    """Return where a Service leads: its first pod, and the port that the pod listens on."""
    for pod in pods:
        named = tuple(
            (port.get("name", ""), str(port.get("protocol", "TCP")).lower(), int(port["containerPort"]))
            for container in pod["spec"]["containers"]
            for port in container.get("ports") or []
        )
        number = next((one[2] for one in named if one[0] == target), None) if isinstance(target, str) else target
        if number is not None:
            metadata = pod["metadata"]
            address = pod.get("status", {}).get("podIP", "192.0.2.3")
            return Place(number, pod=PolicyPod(metadata["namespace"], metadata.get("labels", {}), "", address, named))
    return None


def _kube_api(found: Found) -> str:
    for service in found.around.get("Service", []):
        if (service["metadata"]["namespace"], service["metadata"]["name"]) == ("default", "kubernetes"):
            return str(service["spec"].get("clusterIP", "10.96.0.1"))
    return "10.96.0.1"


def _dns_open(found: Found, policies: Policies, user: PolicyPod) -> bool:
    pods = found.pods_of.get("kube-system/kube-dns", [])
    place = _place(pods, _DNS) or Place(_DNS, pod=PolicyPod("kube-system", {"k8s-app": "kube-dns"}, "", "192.0.2.4"))
    return policies.allow(user, Place(place.port, "UDP", place.pod, place.address))
