"""A user's server, used as its user does: through the public URL, with the session's cookies."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from hubproof.errors import DeadlineExceededError, TargetError
from hubproof.hub.kernel import Kernel
from hubproof.hub.spawn import SpawnTimes, spawn, told
from hubproof.waiting import wait_for

if TYPE_CHECKING:
    from hubproof.hub.session import HubSession

_GONE = {httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST}


class UserServer:
    """One server of one user.

    Args:
        session: the signed-in session that uses it; for one's own server, the owner's.
        user: whose server it is.
        name: of a named server; empty for the default one.

    Attributes:
        url: of the server, with a slash at its end.
        api_url: at the hub, where it is started and stopped.

    """

    def __init__(self, session: HubSession, user: str, name: str = "") -> None:
        self.session = session
        self.user = user
        self.name = name
        ending = f"{quote(name, safe='@~')}/" if name else ""
        self.url = f"{session.profile.url}/user/{quote(user, safe='@~')}/{ending}"
        self.model_url = f"{session.hub_api}/users/{quote(user, safe='@~')}"
        self.api_url = f"{self.model_url}/servers/{quote(name, safe='@~')}" if name else f"{self.model_url}/server"
        self._entered = False

    def start(self, within: float, options: dict[str, Any] | None = None) -> SpawnTimes:
        """Start it and wait until it answers; return the stages of that. Raise `SpawnFailedError` when it does not."""
        self._entered = False
        return spawn(self, within=within, options=options)

    def stop(self, within: float) -> None:
        """Stop it, and wait until the hub says that it is gone; that it does not run is no error.

        Raises:
            TargetError: the hub refused, or it was not gone in time.

        """
        body: dict[str, Any] = {"json": {"remove": True}} if self.name else {}
        answer = self.session.request("DELETE", self.api_url, timeout=min(within, 60.0), **body)
        self._entered = False
        if not answer.is_success and answer.status_code not in _GONE:
            raise TargetError(
                f"the hub refused to stop the server of {self.user}: status {answer.status_code}, {told(answer)}",
                where=self.api_url,
            )
        try:
            wait_for(
                lambda: self.model() is None,
                within=within,
                what=f"the server of {self.user} to stop",
                every=0.1,
                last=lambda: str(self.model()),
            )
        except DeadlineExceededError as error:
            raise TargetError(error.happened, where=self.api_url) from error

    def model(self) -> dict[str, Any] | None:
        """Return what the hub says of the server (`ready`, `pending`, `url`, …); None when there is none."""
        answer = self.session.request("GET", self.model_url)
        if answer.status_code != httpx.codes.OK:
            raise TargetError(
                f"the hub says nothing of {self.user}: status {answer.status_code}, {told(answer)}",
                where=self.model_url,
            )
        found: dict[str, Any] | None = answer.json().get("servers", {}).get(self.name)
        # Named servers stay known when stopped: neither ready nor pending is as good as none.
        return found if found and (found.get("ready") or found.get("pending")) else None

    def is_ready_at_hub(self) -> bool:
        """Say whether the hub calls it ready."""
        found = self.model()
        return bool(found and found.get("ready"))

    def answers(self) -> bool:
        """Say whether the server itself, not the hub in its place, answers at its public URL."""
        answer = self.session.request("GET", f"{self.url}api")
        return answer.status_code == httpx.codes.OK and "version" in answer.text

    def ready(self) -> bool:
        """Say whether its user can use it now: it answers the session, signed in."""
        try:
            return self.call("GET", "api/status").status_code == httpx.codes.OK
        except TargetError:
            return False

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - passed on to httpx
        """Send a request to the server's own API; on the first one, enter by its front page as a browser does."""
        if not self._entered:
            self._enter()
        return self.session.request(method, f"{self.url}{path}", **options)

    def _enter(self) -> None:
        """Open a page that needs a sign-in: by way of the hub it leaves the server's own cookie, and its XSRF token.

        The folder of files is such a page on every Jupyter server; the front page is not, where no interface is
        installed. What it answers in the end does not matter, only that it is the server who does.
        """
        answer = self.session.request("GET", f"{self.url}files/")
        if not str(answer.url).startswith(self.url) or answer.status_code == httpx.codes.FAILED_DEPENDENCY:
            raise TargetError(
                f"{self.session.persona.name} cannot open the server of {self.user}: status {answer.status_code}",
                where=str(answer.url.copy_with(query=None)),
            )
        self._entered = True

    def expect_call(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - JSON, whatever it is
        """Send a request to the server's API and return the JSON of its answer.

        Raises:
            TargetError: the answer is no success.

        """
        answer = self.call(method, path, **options)
        if not answer.is_success:
            raise TargetError(f"{method} {path}: status {answer.status_code}, {told(answer)}", where=self.url)
        return answer.json() if answer.content else None

    def kernelspecs(self) -> dict[str, Any]:
        """Return the kernelspecs that the server offers, by name."""
        specs: dict[str, Any] = self.expect_call("GET", "api/kernelspecs")["kernelspecs"]
        return specs

    def kernels(self) -> list[dict[str, Any]]:
        """Return the kernels that run."""
        running: list[dict[str, Any]] = self.expect_call("GET", "api/kernels")
        return running

    def kernel(self, name: str = "python3") -> Kernel:
        """Return a kernel to be started, by `start()` or as a context manager."""
        return Kernel(self, name)

    def put_file(self, path: str, data: bytes) -> None:
        """Write a file in the home, through the contents API."""
        content = base64.b64encode(data).decode()
        self.expect_call(
            "PUT", f"api/contents/{quote(path)}", json={"type": "file", "format": "base64", "content": content}
        )

    def get_file(self, path: str) -> bytes | None:
        """Return a file of the home; None when there is none."""
        answer = self.call("GET", f"api/contents/{quote(path)}", params={"type": "file", "format": "base64"})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code != httpx.codes.OK:
            raise TargetError(f"reading {path}: status {answer.status_code}, {told(answer)}", where=self.url)
        return base64.b64decode(answer.json()["content"])

    def delete_file(self, path: str) -> None:
        """Remove a file of the home; that it is not there is no error."""
        answer = self.call("DELETE", f"api/contents/{quote(path)}")
        if not answer.is_success and answer.status_code != httpx.codes.NOT_FOUND:
            raise TargetError(f"removing {path}: status {answer.status_code}, {told(answer)}", where=self.url)
