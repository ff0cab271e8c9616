"""Says whether the public URL is there; if not, what exactly is not, and whether the runner's network is to blame."""

from __future__ import annotations

import errno
import secrets
import socket
import ssl
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml

from hubproof.errors import TargetError
from hubproof.hub.transport import address_of, http_client, tls_context
from hubproof.profile import Profile

Kind = Literal["ok", "dns", "refused", "timeout", "no-route", "certificate", "http"]
_WITHIN = 4.0
_WITNESS_WITHIN = 2.0


@dataclass(frozen=True)
class EdgeState:
    """How far a first request to the public URL came.

    Attributes:
        kind: `ok`, or the first thing that did not work; `http` is an answer that is none of HTTP, or an error 5xx.
        detail: the same in words, with the address.
        control: what was seen of the runner's own network.
        own_network_down: nothing at all could be reached from here, so that the target is not to blame.

    """

    kind: Kind
    detail: str
    control: str = ""
    own_network_down: bool = False


def probe_edge(profile: Profile) -> EdgeState:
    """Try name, connection, certificate and answer of the public URL, each within seconds."""
    state = _probe(profile)
    if state.kind in {"ok", "http", "certificate", "refused"}:
        # Somebody answered, so the way there works.
        return EdgeState(state.kind, state.detail, "the address was reached", own_network_down=False)
    seen = _witnesses(profile)
    control = "; ".join(f"{what} {'answers' if answers else 'does not answer'}" for what, answers in seen.items())
    return EdgeState(
        state.kind,
        state.detail,
        control or "nothing else is known to try",
        own_network_down=bool(seen) and not any(seen.values()),
    )


def _probe(profile: Profile) -> EdgeState:
    parts = urlsplit(profile.url)
    host, port = profile.host, parts.port or (443 if parts.scheme == "https" else 80)
    address = address_of(profile, host)
    place = f"{host}:{port}" if address == host else f"{host} ({address}):{port}"
    try:
        connection = socket.create_connection((address, port), timeout=_WITHIN)
    except socket.gaierror as error:
        return EdgeState("dns", f"the name {host} does not resolve: {error.strerror}")
    except TimeoutError:
        return EdgeState("timeout", f"{place}: no answer within {_WITHIN:g} s")
    except OSError as error:
        return _unconnected(place, error)
    with connection:
        if parts.scheme == "https":
            try:
                connection = tls_context(profile).wrap_socket(connection, server_hostname=host)
                connection.close()
            except ssl.SSLCertVerificationError as error:
                return EdgeState("certificate", f"{place}: the certificate does not verify: {error.verify_message}")
            except TimeoutError:
                return EdgeState("timeout", f"{place}: connected, and no TLS answer within {_WITHIN:g} s")
            except (ssl.SSLError, OSError) as error:
                return EdgeState("certificate", f"{place}: no TLS: {getattr(error, 'reason', None) or error}")
    return _answer(profile, place)


def _unconnected(place: str, error: OSError) -> EdgeState:
    if isinstance(error, ConnectionRefusedError):
        return EdgeState("refused", f"{place}: connection refused")
    if error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return EdgeState("no-route", f"{place}: {error.strerror}")
    return EdgeState("timeout", f"{place}: {error}")


def _answer(profile: Profile, place: str) -> EdgeState:
    try:
        with http_client(profile, timeout=_WITHIN) as client:
            answer = client.get(f"{profile.url}/hub/api/")
    except TargetError as error:
        return EdgeState("http", f"{place}: {error.happened}")
    if answer.is_server_error:
        return EdgeState("http", f"{place}: {profile.url}/hub/api/ answers {answer.status_code}")
    return EdgeState("ok", f"{place}: answers {answer.status_code}")


def _witnesses(profile: Profile) -> dict[str, bool]:
    """Return what else of the profile's world and of this machine's network answers; no third party is asked."""
    with ThreadPoolExecutor() as pool:
        asked = {
            f"the Kubernetes API {host}:{port}": pool.submit(_connects, host, port)
            for host, port in _api_servers(profile)
        }
        asked |= {f"the name server {one}": pool.submit(_asks, one, profile.host) for one in _name_servers()}
        return {what: answer.result() for what, answer in asked.items()}


def _api_servers(profile: Profile) -> list[tuple[str, int]]:
    if not profile.kube or not profile.kube.kubeconfig:
        return []
    try:
        text = (profile.folder / profile.kube.kubeconfig).read_text(encoding="utf-8")
        config: Any = yaml.safe_load(text)
        servers = [urlsplit(cluster["cluster"]["server"]) for cluster in config["clusters"]]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return []  # the check that needs the cluster says what is wrong with its kubeconfig
    return [(one.hostname, one.port or 443) for one in servers if one.hostname]


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_WITNESS_WITHIN).close()
    except ConnectionRefusedError:
        return True  # a refusal is an answer: the network works
    except OSError:
        return False
    return True


def _name_servers() -> list[str]:
    try:
        lines = Path("/etc/resolv.conf").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1][:2]


def _asks(server: str, name: str) -> bool:
    """Say whether a name server answers a question; whatever it answers, the way to it works."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    question = struct.pack(">HHHHHH", secrets.randbelow(65536), 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.settimeout(_WITNESS_WITHIN)
            asking.connect((server, 53))
            asking.send(question)
            return bool(asking.recv(512))
    except OSError:
        return False
