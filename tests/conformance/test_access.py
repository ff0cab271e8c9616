"""Is it reachable, and does it answer nobody whom it does not know?"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from hubproof.checking import check, expect
from hubproof.errors import InconclusiveError
from hubproof.hub.access import probe_edge
from hubproof.hub.transport import http_client

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.profile import Profile
    from hubproof.target import Target

MUST_REFUSE = (
    "hub/home", "hub/admin", "hub/token", "hub/metrics", "hub/api/user", "hub/api/users", "hub/api/groups",
    "hub/api/services", "hub/api/proxy", "hub/api/info", "user/{someone}/", "user/{someone}/api",
    "user/{someone}/api/contents", "user/{someone}/api/kernels",
)  # fmt: skip
MOST_HOPS = 5
REFUSALS = {401, 403, 404, 405, 424}


@check(
    "access.https",
    must="The public URL MUST answer the login page over TLS, with a chain and a host name that verify.",
    severity="critical",
    reach="observe",
    criterion="reachable over HTTPS",
    remedy="The observation names the first hop that did not work: name, route, port, certificate or answer. From the "
    "runner's machine repeat the command; from elsewhere see whether it is the runner's own network.",
)
def test_login_page_over_verified_tls(profile: Profile, evidence: Evidence) -> None:
    state = probe_edge(profile)
    where, repeat = profile.url, f"curl -v {profile.url}/hub/login"
    seen = {"kind": state.kind, "detail": state.detail, "control": state.control}
    evidence.note("public URL", seen, source="DNS, TCP, TLS and HTTP from the runner", command=repeat)
    if state.kind != "ok" and state.own_network_down:
        raise InconclusiveError(f"the runner's own network does not work: {state.control}")
    expect(
        urlsplit(profile.url).scheme == "https",
        promised="the public URL is https",
        observed=profile.url,
        where="url in the profile",
        repeat=repeat,
    )
    expect(
        state.kind == "ok",
        promised="a verified TLS connection and an answer",
        observed=f"{state.detail}; control: {state.control}",
        where=where,
        repeat=repeat,
    )
    with http_client(profile) as client:
        answer = client.get(f"{profile.url}/hub/login")
    page = answer.text.lower()
    said = {"status": answer.status_code, "location": answer.headers.get("location", "")}
    evidence.note("login page", said, source="the public URL", command=repeat)
    to_provider = answer.status_code in {302, 303} and "oauth_login" in answer.headers.get("location", "")
    expect(
        to_provider or (answer.status_code == 200 and ("login" in page or "sign in" in page)),
        promised="the hub's login page, or its redirect to the identity provider",
        observed=f"status {answer.status_code}, {answer.headers.get('content-type', 'no content type')}, "
        f"{len(answer.content)} bytes",
        where=f"{where}/hub/login",
        repeat=repeat,
    )


@check(
    "auth.anonymous",
    must="Without a session no API, page, server or metric MUST answer anything but login, health, version or refusal.",
    severity="critical",
    reach="observe",
    criterion="users authenticate",
    remedy="The observation names the address that answered. Look at authenticate_prometheus, at services and "
    "proxies that "
    "bypass the hub, and at routes of the ingress.",
)
def test_anonymous_gets_nothing(target: Target, evidence: Evidence) -> None:
    target.require_edge()
    profile = target.profile
    someone = next((one.name for one in profile.users("user")), "somebody")
    answered, seen = [], {}
    with http_client(profile) as client:
        control = client.get(f"{profile.url}/hub/api/")
        if control.status_code != 200 or "version" not in control.text:
            raise InconclusiveError(
                f"the control failed: /hub/api/ must tell its version; it answers {control.status_code}"
            )
        for path in (one.format(someone=someone) for one in MUST_REFUSE):
            answer, location = _followed(client, f"{profile.url}/{path}")
            seen[path] = f"{answer.status_code} {urlsplit(location).path}".strip()
            if not _refused(answer.status_code, location) and not _only_version(answer):
                answered.append(f"/{path} answers {answer.status_code} with {len(answer.content)} bytes")
    first = answered[0].split()[0].lstrip("/") if answered else next(iter(seen))
    by_hand = f"curl -i {profile.url}/{first}"
    evidence.note("answers without a session", seen, source="the public URL", command=by_hand)
    expect(
        not answered,
        promised="a refusal, or the way to sign in",
        observed="; ".join(answered),
        where=profile.url,
        repeat=by_hand,
    )


def _followed(client: httpx.Client, url: str) -> tuple[httpx.Response, str]:
    """Return the first answer that is no redirect within the hub, or that leads to signing in; and where it leads.

    A stopped server's address leads to the hub first, and that is where the person has to sign in.
    """
    for _ in range(MOST_HOPS):
        answer = client.get(url)
        location = answer.headers.get("location", "")
        if not location or _refused(answer.status_code, location):
            break
        url = str(httpx.URL(url).join(location))
    return answer, location


def _only_version(answer: httpx.Response) -> bool:
    """Whether it tells the version and nothing else, as a Jupyter server's own /api does to anybody."""
    try:
        told = answer.json()
    except ValueError:
        return False
    return isinstance(told, dict) and set(told) == {"version"}


def _refused(status: int, location: str) -> bool:
    if status in REFUSALS:
        return True
    path = urlsplit(location).path
    return status in {301, 302, 303} and any(word in path for word in ("/login", "/oauth_login", "/oauth2/authorize"))
