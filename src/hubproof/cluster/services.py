"""Services of the cluster: whether something is there behind a name, so that a denial of it can mean anything."""

from __future__ import annotations

from hubproof.cluster.client import Cluster, Object


def service_state(
    cluster: Cluster, host: str, port: int | None = None, *, namespace: str = "default", protocol: str = "tcp"
) -> str | None:
    """Return `alive` when a Service has a ready endpoint (and the port), else what is missing.

    Args:
        cluster: where to look.
        host: as a pod would write it: `hub`, `hub.jupyter`, `hub.jupyter.svc.cluster.local`.
        port: that the Service must offer.
        namespace: where a name without one is looked up.
        protocol: of the port.

    Returns:
        None when the host is no Service's name, such as an address, so that it has to be tried from elsewhere.

    """
    if host.replace(".", "").isdigit() or ":" in host:
        return None
    name, _, rest = host.partition(".")
    where = rest.split(".", 1)[0] or namespace
    if rest and "." in rest and not rest.split(".", 1)[1].startswith("svc"):
        return None
    service = cluster.get("Service", name, where)
    if service is None:
        return f"there is no Service {name} in namespace {where}"
    offered = {(one["port"], one.get("protocol", "TCP").lower()) for one in service["spec"].get("ports", [])}
    if port is not None and (port, protocol) not in offered:
        shown = ", ".join(f"{number}/{kind}" for number, kind in sorted(offered)) or "none"
        return f"Service {where}/{name} has no port {port}/{protocol}; it has {shown}"
    slices = cluster.list("EndpointSlice", where, labels=f"kubernetes.io/service-name={name}")
    return "alive" if any(_ready(one) for one in slices) else f"Service {where}/{name} has no ready endpoint"


def _ready(endpoints: Object) -> bool:
    # An endpoint without the condition counts as ready: the API says so.
    return any(one.get("conditions", {}).get("ready", True) for one in endpoints.get("endpoints") or [])
