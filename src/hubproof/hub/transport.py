"""How every request to a target travels: resolved as the profile says, verified, and kept inside the lab.

What goes wrong on the way (refused, timed out, certificate) becomes a `TargetError` here, once.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import httpx
import websocket

from hubproof import __version__
from hubproof.errors import HubproofError, TargetError
from hubproof.lab.layout import LAB_NETWORKS
from hubproof.profile import Profile

USER_AGENT = f"hubproof/{__version__}"
"""Constant on purpose: the hub ties an anonymous visitor's XSRF token to address and agent."""
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def address_of(profile: Profile, host: str) -> str:
    """Return where connections to `host` go: what `resolve` says, else the name itself.

    Raises:
        HubproofError: the target is the lab, and the address is outside it.

    """
    address = profile.resolve.get(host, host)
    if profile.lab and not _in_lab(address):
        raise HubproofError(
            f"a request to {host} was stopped: {address} is outside the lab",
            wanted="a run against the lab to touch nothing else",
            where=str(profile.path),
            next_step=f"add {host} to `resolve` in the lab's profile, or use --profile for a deployment of yours",
        )
    return address


def _in_lab(address: str) -> bool:
    try:
        place = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(place in ipaddress.ip_network(network) for network in LAB_NETWORKS)


def tls_context(profile: Profile) -> ssl.SSLContext:
    """Return what certificates are verified against: the profile's CA file, else the machine's trust store."""
    ca_file = profile.ca_file()
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise HubproofError(f"cannot read the CA file: {error}", where=str(ca_file)) from error


def http_client(profile: Profile, *, timeout: float = 10.0, follow_redirects: bool = False) -> httpx.Client:
    """Return a client for a target, without credentials.

    Args:
        profile: of the target.
        timeout: seconds for each of connecting, sending and waiting for the next bytes.
        follow_redirects: as httpx means it.

    """
    return httpx.Client(
        transport=_Transport(profile),
        timeout=timeout,
        follow_redirects=follow_redirects,
        headers={"User-Agent": USER_AGENT},
    )


class _Transport(httpx.BaseTransport):
    """Connects to the resolved address while name, certificate and `Host` stay those of the URL."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._context = tls_context(profile)
        limits = httpx.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=30)
        self._direct = httpx.HTTPTransport(verify=self._context, limits=limits)
        self._proxied: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        address = address_of(self._profile, url.host)
        sent = httpx.Request(
            request.method,
            url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": url.host},
        )
        way = self._direct if address != url.host else self._way_to(url.scheme, url.host)
        try:
            answer = way.handle_request(sent)
        except httpx.TransportError as error:
            raise failure(f"{request.method} {url.copy_with(query=None)}", error) from error
        stream = answer.stream
        if isinstance(stream, httpx.SyncByteStream):
            answer.stream = _Stream(stream, f"{request.method} {url.copy_with(query=None)}")
        return answer

    def _way_to(self, scheme: str, host: str) -> httpx.HTTPTransport:
        """Return the way that the machine's proxy settings say; addresses given by the profile go straight."""
        proxy = None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(scheme)
        if not proxy or self._profile.lab:
            return self._direct
        if proxy not in self._proxied:
            self._proxied[proxy] = httpx.HTTPTransport(verify=self._context, proxy=proxy)
        return self._proxied[proxy]

    def close(self) -> None:
        for way in (self._direct, *self._proxied.values()):
            way.close()


class _Stream(httpx.SyncByteStream):
    """An answer's body, whose breaking off is the target's fault like a refused connection."""

    def __init__(self, stream: httpx.SyncByteStream, what: str) -> None:
        self._stream = stream
        self._what = what

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except httpx.TransportError as error:
            raise failure(self._what, error) from error

    def close(self) -> None:
        self._stream.close()


class NoAnswerError(TargetError):
    """The target gave no answer at all: no connection, or none of the answer in time."""


def failure(what: str, error: Exception) -> NoAnswerError:
    """Return the error for a request that got no answer, told in the field's words."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException | TimeoutError | websocket.WebSocketTimeoutException):
        reason = f"timed out ({reason})"
    return NoAnswerError(f"{what}: {reason}", wanted="an answer")


def open_websocket(
    profile: Profile, url: str, headers: Mapping[str, str], *, protocols: list[str], timeout: float
) -> websocket.WebSocket:
    """Open a websocket by the same rules as `http_client`, without an Origin, as programs do.

    Raises:
        TargetError: it could not be opened; the message has the status that the server answered.

    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    address = address_of(profile, host)
    try:
        connection = socket.create_connection((address, port), timeout=timeout)
        if parts.scheme == "wss":
            connection = tls_context(profile).wrap_socket(connection, server_hostname=host)
        return websocket.create_connection(
            url,
            socket=connection,
            timeout=timeout,
            header=[f"{name}: {value}" for name, value in {"User-Agent": USER_AGENT, **headers}.items()],
            subprotocols=protocols,
            suppress_origin=True,
            enable_multithread=True,
        )
    except websocket.WebSocketBadStatusException as error:
        raise TargetError(
            f"websocket {parts.path}: answered {error.status_code} instead of opening", where=parts.path
        ) from error
    except (OSError, websocket.WebSocketException) as error:
        raise failure(f"websocket {parts.path}", error) from error
