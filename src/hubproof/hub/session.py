"""A person's session with the hub: one cookie jar, XSRF tokens by path, and a record of every request."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

import httpx

from hubproof.errors import TargetError
from hubproof.hub.login import Landing, sign_in
from hubproof.hub.server import UserServer
from hubproof.hub.transport import http_client
from hubproof.profile import Persona, Profile
from hubproof.redaction import redact

if TYPE_CHECKING:
    from hubproof.evidence import Evidence

_MOST_HOPS = 20
_TRACE = 200
_TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class Token:
    """A token of a user's own.

    Attributes:
        value: what is sent.
        id: by which it is deleted.

    """

    value: str
    id: str


class HubSession:
    """What a browser is to a person. Not signed in until `login`; not to be shared between threads that sign in.

    Args:
        profile: the target.
        persona: who it is.
        password: of that person; with the driver `hub-token`, their token.
        timeout: seconds for each request.

    """

    def __init__(self, profile: Profile, persona: Persona, password: str = "", *, timeout: float = 20.0) -> None:
        self.profile = profile
        self.persona = persona
        self.hub_api = f"{profile.url}/hub/api"
        redact.add(password)
        self._password = password
        self.client = http_client(profile, timeout=timeout)
        self._bare = http_client(profile, timeout=timeout)
        self._by_token = profile.login.driver == "hub-token"
        self._trace: list[str] = []
        self._kernel_token: Token | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def login(self) -> Landing:
        """Sign in as the profile's driver does; raise `SignInRefusedError` when the person is refused."""
        return sign_in(self, self._password)

    def whoami(self) -> str:
        """Return the name under which the hub knows this session.

        Raises:
            TargetError: it does not know it.

        """
        answer = self.request("GET", f"{self.hub_api}/user")
        if answer.status_code != httpx.codes.OK:
            raise TargetError(
                f"the hub does not know the session of {self.persona.name}: status {answer.status_code}",
                where=f"{self.hub_api}/user",
            )
        return str(answer.json()["name"])

    def get(self, url: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - passed on to httpx
        """Get an address, following redirects as a browser does."""
        return self.request("GET", url, **options)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
        **options: Any,  # noqa: ANN401 - json, content, params: passed on to httpx
    ) -> httpx.Response:
        """Send one request as the page that the person has open would, and return what came of it.

        With an `Authorization` header no cookie is sent: it is then the token alone that decides. Redirects of a GET
        are followed, within bounds.
        """
        headers = dict(headers or {})
        token = "Authorization" in headers
        if self._by_token and not token:
            headers["Authorization"] = f"token {self._password}"
        client = self._bare if token or self._by_token else self.client
        if timeout is not None:
            options["timeout"] = timeout
        for _ in range(_MOST_HOPS):
            sent = headers if client is self._bare else {**self._browser_headers(method, url), **headers}
            answer = self._send(client, method, url, headers=sent, **options)
            if method != "GET" or answer.next_request is None:
                return answer
            url = str(answer.next_request.url)
            options.pop("params", None)
        raise TargetError(f"more than {_MOST_HOPS} redirects", where=redact(url))

    def follow(self, method: str, url: str, form: dict[str, str] | None = None) -> httpx.Response:
        """Open a page, or send a form, and follow redirects to the page where it ends; for signing in.

        Raises:
            TargetError: it ends nowhere.

        """
        for _ in range(_MOST_HOPS):
            options: dict[str, Any] = {"data": form} if form is not None and method == "POST" else {"params": form}
            if not form:
                options = {}
            headers = {"Sec-Fetch-Mode": "navigate"}
            answer = self._send(self.client, method, url, headers=headers, **options)
            if answer.next_request is None:
                return answer
            method, url, form = answer.next_request.method, str(answer.next_request.url), None
        raise TargetError(f"more than {_MOST_HOPS} redirects", where=redact(url))

    def _send(self, client: httpx.Client, method: str, url: str, **options: Any) -> httpx.Response:  # noqa: ANN401
        started = time.monotonic()
        try:
            answer = client.request(method, url, **options)
        except TargetError as error:
            self._note(f"{method} {url} → {error.happened}")
            raise
        seconds = time.monotonic() - started
        self._note(f"{method} {url} → {answer.status_code} {answer.headers.get('location', '')} in {seconds:.2f} s")
        return answer

    def _note(self, line: str) -> None:
        self._trace = [*self._trace[-_TRACE:], redact(line)]

    def trace_lines(self) -> list[str]:
        """Return the latest requests, redacted, oldest first."""
        return list(self._trace)

    def note_requests(self, evidence: Evidence) -> None:
        """Put the latest requests into the evidence of a check."""
        by_hand = f"sign in as {self.persona.name} in a private browser window, its network tab open"
        evidence.note("requests", self.trace_lines(), source="hubproof's own client", command=by_hand)

    def _browser_headers(self, method: str, url: str) -> dict[str, str]:
        """Return what a browser adds: pages are navigated to, APIs are called by a page of the same origin."""
        if method == "GET" and "/api/" not in urlsplit(url).path:
            return {"Sec-Fetch-Mode": "navigate"}
        xsrf = self.xsrf(url)
        return {
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Site": "same-origin",
            **({"X-XSRFToken": xsrf} if xsrf else {}),
        }

    def stream(self, url: str, *, timeout: httpx.Timeout) -> AbstractContextManager[httpx.Response]:
        """Open an answer that comes bit by bit, such as the progress of a spawn."""
        if self._by_token:
            return self._bare.stream("GET", url, headers={"Authorization": f"token {self._password}"}, timeout=timeout)
        return self.client.stream("GET", url, headers=self._browser_headers("GET", url), timeout=timeout)

    def xsrf(self, url: str) -> str:
        """Return the XSRF token for an address: the hub has one and each server has one, told apart by path."""
        path = urlsplit(url).path
        fitting = [
            cookie for cookie in self.client.cookies.jar if cookie.name == "_xsrf" and path.startswith(cookie.path)
        ]
        found = max(fitting, key=lambda cookie: len(cookie.path), default=None)
        return found.value or "" if found else ""

    def new_token(self, note: str = "hubproof") -> Token:
        """Make a token of the person's own, good for an hour."""
        body = {"note": note, "expires_in": _TOKEN_SECONDS}
        answer = self.request("POST", f"{self.hub_api}/users/{quote(self.persona.name)}/tokens", json=body)
        if not answer.is_success:
            raise TargetError(
                f"{self.persona.name} cannot make a token: status {answer.status_code}", where=self.hub_api
            )
        made = answer.json()
        redact.add(made["token"])
        return Token(made["token"], made["id"])

    def delete_token(self, token: Token) -> None:
        """Take a token back."""
        self.request("DELETE", f"{self.hub_api}/users/{quote(self.persona.name)}/tokens/{token.id}")

    def websocket_headers(self) -> dict[str, str]:
        """Return what opens a websocket: a token, since a hub may refuse websockets that show only a cookie."""
        if self._by_token:
            return {"Authorization": f"token {self._password}"}
        if self._kernel_token is None:
            self._kernel_token = self.new_token("hubproof kernels")
        return {"Authorization": f"token {self._kernel_token.value}"}

    def server(self, name: str = "") -> UserServer:
        """Return the person's server of that name; the default one without a name. It need not run."""
        return UserServer(self, self.persona.name, name)

    def close(self) -> None:
        """Take back what was made and close all connections."""
        token, self._kernel_token = self._kernel_token, None
        try:
            if token:
                self.delete_token(token)
        except TargetError as error:
            self._note(f"the token of this session stays until it expires: {error.happened}")
        finally:
            self.client.close()
            self._bare.close()
