"""The lab's network: a bridge in this machine's namespace, one namespace each for two nodes and an outside host.

Nothing can leave: the machine's own forwarding stays off and the nodes have no default route.
"""

from __future__ import annotations

import json

from hubproof.lab import layout as at
from hubproof.lab.commands import run

HOSTS = (*at.NODES, at.OUTSIDE)
_ADDRESS = {**at.NODE_ADDRESS, at.OUTSIDE: at.OUTSIDE_ADDRESS}


def make_network() -> None:
    """Make bridge, namespaces and routes, in one batch each."""
    first = at.NODE_ADDRESS["n1"]
    run(["ip", "-batch", "-"], stdin=_lines(
        f"link add {at.BRIDGE} type bridge",
        f"addr add {at.GATEWAY}/24 dev {at.BRIDGE}",
        f"link set {at.BRIDGE} up",
        *[line for host in HOSTS for line in (
            f"netns add {at.namespace_of(host)}",
            f"link add lab-{host} type veth peer name eth0 netns {at.namespace_of(host)}",
            f"link set lab-{host} master {at.BRIDGE} up",
        )],
        *[f"route add {at.POD_RANGE[node]} via {at.NODE_ADDRESS[node]}" for node in at.NODES],
        f"route add {at.SERVICES} via {first}",
        f"route add {at.PUBLIC_ADDRESS}/32 via {first}",
    ))  # fmt: skip
    for host in HOSTS:
        # A node's own sockets need some route to a Service address before kube-proxy rewrites it.
        services = first if host == at.OUTSIDE else at.GATEWAY
        lines = [
            "link set lo up",
            f"addr add {_ADDRESS[host]}/24 dev eth0",
            "link set eth0 up",
            f"route add {at.SERVICES} via {services}",
            *[f"route add {at.POD_RANGE[n]} via {at.NODE_ADDRESS[n]}" for n in at.NODES if n != host],
        ]
        if host == at.OUTSIDE:
            lines += [
                f"route add {at.PUBLIC_ADDRESS}/32 via {first}",
                f"addr add {at.METADATA}/32 dev eth0",
                f"addr add {at.INTERNET}/32 dev eth0",
            ]
        else:
            # The two stand-ins are the only addresses outside the lab's own that a node knows a way to.
            lines += [f"route add {a}/32 via {at.OUTSIDE_ADDRESS}" for a in (at.METADATA, at.INTERNET)]
            lines += [f"route add {at.PUBLIC_ADDRESS}/32 via {first}"] if host != "n1" else []
        run(["ip", "-netns", at.namespace_of(host), "-batch", "-"], stdin=_lines(*lines))


def remove_network() -> None:
    """Remove whatever of it is there; routes go with the bridge."""
    for host in HOSTS:
        run(["ip", "netns", "del", at.namespace_of(host)], check=False)
        run(["ip", "link", "del", f"lab-{host}"], check=False)
    run(["ip", "link", "del", at.BRIDGE], check=False)


def network_traces() -> list[str]:
    """Return what of the network is still there, in words."""
    spaces = json.loads(run(["ip", "-json", "netns"]).stdout or "[]")
    links = json.loads(run(["ip", "-json", "link"]).stdout or "[]")
    found = [f"network namespace {s['name']}" for s in spaces if s["name"].startswith("lab-")]
    return found + [f"link {link['ifname']}" for link in links if link["ifname"].startswith("lab-")]


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
