from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from hubproof.errors import HubproofError, TargetError
from hubproof.hub.access import probe_edge
from hubproof.hub.login import SignInRefusedError
from hubproof.hub.session import HubSession
from hubproof.hub.transport import NoAnswerError, address_of, http_client
from hubproof.profile import Persona, Profile


class _Hub(BaseHTTPRequestHandler):
    """A hub's own login form, as much of it as a sign-in meets."""

    seen: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.seen.append(("GET", self.path, self.lowered()))
        if self.path.startswith("/hub/login"):
            form = '<form method="post" action="/hub/login"><input type="hidden" name="_xsrf" value="t1">'
            form += '<input name="username"><input type="password" name="password"></form>'
            self.answer(200, form, {"Set-Cookie": "_xsrf=t1; Path=/hub/"})
        elif self.path == "/hub/home" and "session=yes" in self.headers.get("Cookie", ""):
            self.answer(200, "home", {"Set-Cookie": "_xsrf=t2; Path=/hub/"})
        elif self.path == "/hub/api/user":
            signed_in = "session=yes" in self.headers.get("Cookie", "") or "Authorization" in self.headers
            self.answer(200 if signed_in else 403, '{"name": "somebody"}')
        elif self.path == "/hub/broken":
            self.answer(500, "broken")
        else:
            self.answer(404, "nothing")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        self.seen.append(("POST", self.path, {**self.lowered(), "body": body}))
        if self.path == "/hub/login" and "password=right" in body and "_xsrf=t1" in body:
            self.answer(302, "", {"Location": "/hub/home", "Set-Cookie": "session=yes; Path=/"})
        elif self.path == "/hub/login":
            self.answer(403, '<form method="post" action="/hub/login"><input type="password" name="password"></form>no')
        else:
            self.answer(201, "{}")

    def lowered(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def answer(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def hub() -> Iterator[int]:
    _Hub.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def profile(port: int, **more: object) -> Profile:
    data: dict[str, object] = {"schema": "hubproof/1", "name": "stub", "url": f"http://hub.example:{port}", **more}
    return Profile.model_validate({"resolve": {"hub.example": "127.0.0.1"}, **data})


PERSONA = Persona(name="somebody", role="user")


def test_a_resolved_name_is_reached_under_its_own_name(hub: int) -> None:
    with http_client(profile(hub)) as client:
        assert client.get(f"http://hub.example:{hub}/hub/login").status_code == 200
    assert _Hub.seen[0][2]["host"] == f"hub.example:{hub}"


def test_a_run_against_the_lab_sends_nothing_outside(hub: int) -> None:
    with http_client(profile(hub, lab=True)) as client:
        assert client.get(f"http://hub.example:{hub}/hub/login").status_code == 200
        for outside in ("http://example.org/", "http://203.0.113.10/", "http://192.0.2.1/"):
            with pytest.raises(HubproofError, match="outside the lab"):
                client.get(outside)


def test_the_lab_is_not_escaped_by_resolving_to_the_outside(hub: int) -> None:
    with pytest.raises(HubproofError, match="outside the lab"):
        address_of(profile(hub, lab=True, resolve={"hub.example": "192.0.2.1"}), "hub.example")


def test_a_refused_connection_is_the_targets_fault() -> None:
    with http_client(profile(1)) as client, pytest.raises(NoAnswerError, match="refused"):
        client.get("http://hub.example:1/")


def test_a_person_signs_in_by_the_hubs_form_and_gets_the_new_xsrf_token(hub: int) -> None:
    with HubSession(profile(hub), PERSONA, "right") as session:
        assert session.login().path == "/hub/home"
        assert session.whoami() == "somebody"
        assert session.xsrf(f"http://hub.example:{hub}/hub/api/users") == "t2"


def test_a_wrong_password_is_a_refusal_by_the_hub(hub: int) -> None:
    with HubSession(profile(hub), PERSONA, "wrong") as session, pytest.raises(SignInRefusedError) as raised:
        session.login()
    assert (raised.value.by, raised.value.status) == ("hub", 403)


def test_a_hub_that_breaks_down_has_not_refused(hub: int) -> None:
    broken = profile(hub, url=f"http://hub.example:{hub}/other")
    with HubSession(broken, PERSONA, "right") as session, pytest.raises(TargetError) as raised:
        session.login()
    assert not isinstance(raised.value, SignInRefusedError)


def test_writes_carry_the_xsrf_token_and_pages_are_navigated_to(hub: int) -> None:
    with HubSession(profile(hub), PERSONA, "right") as session:
        session.login()
        session.request("POST", f"{session.hub_api}/users/x/server")
        assert _Hub.seen[-1][2]["x-xsrftoken"] == "t2"
        session.get(f"http://hub.example:{hub}/hub/home")
        assert _Hub.seen[-1][2]["sec-fetch-mode"] == "navigate"


def test_a_token_is_sent_alone_so_that_it_alone_decides(hub: int) -> None:
    with HubSession(profile(hub), PERSONA, "right") as session:
        session.login()
        session.request("GET", f"{session.hub_api}/user", headers={"Authorization": "token abc"})
    assert "cookie" not in _Hub.seen[-1][2]


def test_requests_are_on_record_without_secrets(hub: int) -> None:
    with HubSession(profile(hub), PERSONA, "a-long-password") as session, pytest.raises(SignInRefusedError):
        session.login()
    trace = "\n".join(session.trace_lines())
    assert "POST" in trace
    assert "a-long-password" not in trace


def test_an_edge_that_answers_is_ok(hub: int) -> None:
    # The stub has no /hub/api/: 404 is an answer all the same.
    assert probe_edge(profile(hub)).kind == "ok"


def test_a_closed_port_is_told_from_the_runners_own_network() -> None:
    state = probe_edge(profile(1))
    assert (state.kind, state.own_network_down) == ("refused", False)


def test_a_name_that_does_not_resolve_is_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubproof.hub.access._name_servers", lambda: ["192.0.2.53"])
    monkeypatch.setattr("hubproof.hub.access._asks", lambda _server, _name: True)
    state = probe_edge(profile(443, url="https://no-such-host.invalid", resolve={}))
    assert (state.kind, state.own_network_down) == ("dns", False)
    assert "192.0.2.53 answers" in state.control


def test_no_answer_from_anywhere_is_the_runners_own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubproof.hub.access._name_servers", lambda: ["192.0.2.53"])
    monkeypatch.setattr("hubproof.hub.access._asks", lambda _server, _name: False)
    assert probe_edge(profile(443, url="https://no-such-host.invalid", resolve={})).own_network_down
