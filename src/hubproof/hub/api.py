"""The hub's REST API by token, as a service uses it: users, servers, routes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from hubproof.errors import CouldNotRunError, TargetError
from hubproof.hub.spawn import told
from hubproof.hub.transport import http_client
from hubproof.profile import Profile
from hubproof.redaction import redact

_PAGE = 100
_PAGED = "application/jupyterhub-pagination+json"
_GONE = {httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST}


class HubApi:
    """The API with one token's rights.

    Args:
        profile: of the target.
        token: of a service or user.
        timeout: seconds for each request.

    """

    def __init__(self, profile: Profile, token: str, *, timeout: float = 20.0) -> None:
        redact.add(token)
        self.url = f"{profile.url}/hub/api"
        self._client = http_client(profile, timeout=timeout)
        self._client.headers["Authorization"] = f"token {token}"

    def info(self) -> dict[str, Any]:
        """Return what the hub says of itself: version, authenticator, spawner."""
        found: dict[str, Any] = self.expect("GET", "info")
        return found

    def version(self) -> str:
        """Return the hub's version; no right is needed for it."""
        return str(self.expect("GET", "")["version"])

    def user(self, name: str) -> dict[str, Any] | None:
        """Return the hub's model of a user; None when it knows none of that name."""
        answer = self.call("GET", self._of(name))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: dict[str, Any] = self._checked("GET", self._of(name), answer)
        return found

    def list_users(self) -> list[str]:
        """Return the names of all users, page by page."""
        return [user["name"] for page in self._pages("users") for user in page]

    def users(self) -> list[dict[str, Any]]:
        """Return the models of all users, page by page."""
        return [user for page in self._pages("users") for user in page]

    def routes(self) -> dict[str, Any]:
        """Return the proxy's routing table as the hub sees it, page by page."""
        return {path: route for page in self._pages("proxy") for path, route in page.items()}

    def start_server(self, user: str, name: str = "", options: dict[str, Any] | None = None) -> bool:
        """Ask for a server; return whether it is ready at once (201) instead of soon (202)."""
        path = self._server(user, name)
        answer = self.call("POST", path, json=options or {})
        self._checked("POST", path, answer)
        return answer.status_code == httpx.codes.CREATED

    def stop_server(self, user: str, name: str = "") -> bool:
        """Ask for a server to stop; return whether one ran."""
        path = self._server(user, name)
        answer = self.call("DELETE", path, **({"json": {"remove": True}} if name else {}))
        if answer.status_code in _GONE:
            return False
        self._checked("DELETE", path, answer)
        return True

    def server(self, user: str, name: str = "") -> dict[str, Any] | None:
        """Return what the hub says of a server; None when it neither runs nor is about to."""
        found: dict[str, Any] | None = (self.user(user) or {}).get("servers", {}).get(name)
        return found if found and (found.get("ready") or found.get("pending")) else None

    def create_user(self, name: str) -> None:
        """Make a user; that there is one already is no error."""
        answer = self.call("POST", self._of(name))
        if answer.status_code != httpx.codes.CONFLICT:
            self._checked("POST", self._of(name), answer)

    def delete_user(self, name: str) -> None:
        """Remove a user; that there is none is no error. Mind that a spawner may delete the home with it."""
        answer = self.call("DELETE", self._of(name))
        if answer.status_code != httpx.codes.NOT_FOUND:
            self._checked("DELETE", self._of(name), answer)

    def progress(self, user: str, name: str = "") -> Iterator[dict[str, Any]]:
        """Yield the events of a spawn until the stream ends, which may be before its verdict."""
        path = f"{self.url}/{self._server(user, name)}/progress"
        with self._client.stream("GET", path, timeout=httpx.Timeout(10.0, read=30.0)) as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise TargetError(f"progress of {user}: status {answer.status_code}, {told(answer)}", where=path)
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - passed on to httpx
        """Send a request and return its answer, whatever it is."""
        return self._client.request(method, f"{self.url}/{path}", **options)

    def expect(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - JSON, whatever it is
        """Send a request and return the JSON of its answer.

        Raises:
            CouldNotRunError: the token is refused, or lacks the right.
            TargetError: any other answer that is no success.

        """
        return self._checked(method, path, self.call(method, path, **options))

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _pages(self, path: str) -> Iterator[Any]:
        offset: int | None = 0
        while offset is not None:
            params = {"offset": str(offset), "limit": str(_PAGE)}
            page = self.expect("GET", path, params=params, headers={"Accept": _PAGED})
            yield page["items"]
            following = page["_pagination"]["next"]
            offset = following["offset"] if following else None

    def _checked(self, method: str, path: str, answer: httpx.Response) -> Any:  # noqa: ANN401
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise CouldNotRunError(
                f"the hub refused the runner's token for {method} {path}: {told(answer)}",
                wanted="the scopes that the checks use (docs/profile.md)",
                where=self.url,
            )
        if not answer.is_success:
            raise TargetError(f"{method} {path}: status {answer.status_code}, {told(answer)}", where=self.url)
        return answer.json() if answer.content else None

    def _of(self, user: str) -> str:
        return f"users/{quote(user, safe='@~')}"

    def _server(self, user: str, name: str) -> str:
        return f"{self._of(user)}/servers/{quote(name, safe='@~')}" if name else f"{self._of(user)}/server"
