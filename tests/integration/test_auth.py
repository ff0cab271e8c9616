"""Do the right people get in, under their own names, and nobody else anywhere?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.errors import InconclusiveError
from hubproof.hub.login import SignInRefusedError

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.hub.server import UserServer
    from hubproof.hub.session import HubSession
    from hubproof.profile import Persona
    from hubproof.target import Target

FORBIDDEN = {401, 403, 404}


@check(
    "auth.login",
    must="An entitled person MUST be able to sign in through the identity provider and land on their own page, under "
    "their own name.",
    severity="critical",
    reach="act",
    criterion="users authenticate",
    remedy="Follow the requests in the evidence: the last one names where the way ends. A 400 at oauth_callback "
    "is a lost "
    "state cookie, a 403 there is the hub's allow list, an error at the provider is usually the callback address.",
)
def test_entitled_person_signs_in(target: Target, persona: Persona, evidence: Evidence) -> None:
    session = target.new_session(persona)
    evidence.on_failure("the requests", lambda: session.note_requests(evidence))
    landing = session.login()
    name = session.whoami()
    by_hand = f"sign in as {persona.name} in a private browser window, then open {target.profile.url}/hub/api/user"
    landed = {"url": landing.url, "status": landing.status, "name": name}
    evidence.note("landed on", landed, source="the public URL, as a browser", command=by_hand)
    expect(
        name == persona.name,
        promised=f"signed in as {persona.name}",
        observed=f"signed in as {name}",
        where=landing.url,
        repeat=by_hand,
    )
    own = (f"{target.profile.base_path}hub/", f"{target.profile.base_path}user/{persona.name}/")
    expect(
        landing.url.startswith(target.profile.url) and landing.path.startswith(own),
        promised=f"a page below {target.profile.url}/hub/ or the person's own server",
        observed=landing.url,
        where=target.profile.url,
        repeat=by_hand,
    )


@check(
    "auth.refused",
    must="A person who is not entitled, and a wrong password, MUST be refused, get no session, and no user is made.",
    severity="critical",
    reach="act",
    criterion="users authenticate",
    remedy="Look at allow_all, allowed_users and allowed groups of the authenticator, and at the provider's own "
    "rules. A "
    "user that was made by the refused sign-in has to be deleted.",
)
def test_not_entitled_is_refused(target: Target, persona: Persona, stranger: Persona, evidence: Evidence) -> None:
    target.new_session(persona).login()  # the positive control: this way in works for who is entitled
    for what, session in (
        ("a stranger with the right password", target.new_session(stranger)),
        ("an entitled person with a wrong password", target.new_session(persona, password="wrong-" + target.run_id)),
    ):
        refusal = None
        try:
            landing = session.login()
        except SignInRefusedError as error:
            refusal = error
        by_hand = f"sign in as {session.persona.name} in a private browser window"
        seen = refusal.happened if refusal else f"landed on {landing.url} with status {landing.status}"
        evidence.note(what, seen, source="the public URL, as a browser", command=by_hand)
        expect(
            refusal is not None,
            promised=f"{what} is refused",
            observed="the sign-in succeeded",
            where=target.profile.url,
            repeat=by_hand,
        )
        status = session.get(f"{target.profile.url}/hub/api/user").status_code
        expect(
            status in FORBIDDEN,
            promised=f"{what} gets no session",
            observed=f"/hub/api/user answers {status} to the cookies of the refused sign-in",
            where=target.profile.url,
            repeat=f"{by_hand}, then open {target.profile.url}/hub/api/user",
        )
    expect(
        stranger.name not in target.api.list_users(),
        promised=f"no user {stranger.name} is made by a refused sign-in",
        observed=f"the hub has the user {stranger.name}",
        where=f"{target.profile.url}/hub/api/users",
        repeat=f"curl -H 'Authorization: token …' {target.profile.url}/hub/api/users/{stranger.name}",
    )


@check(
    "auth.cross-user",
    must="One user's session and token MUST NOT open, start, stop or read another's server or files.",
    severity="critical",
    reach="act",
    criterion="users authenticate",
    remedy="Look at load_roles for scopes such as access:servers or admin:servers given to the role `user` or to "
    "a group, "
    "and at shares. /hub/api/user of the first user lists the scopes of its session.",
)
def test_other_users_are_out_of_reach(
    target: Target, session: HubSession, standing_server: UserServer, evidence: Evidence
) -> None:
    theirs, hub = standing_server.url, f"{target.profile.url}/hub/api/users/{standing_server.user}"
    if not standing_server.ready():
        raise InconclusiveError(f"the control failed: {standing_server.user} cannot open their own server")
    token = session.new_token(note=f"hubproof {target.run_id}")
    seen = {}
    for who, headers in (("session", {}), ("token", {"Authorization": f"token {token.value}"})):
        for method, url in (
            ("GET", f"{theirs}api/contents"),
            ("GET", f"{theirs}api/kernels"),
            ("GET", f"{theirs}lab"),
            ("POST", f"{theirs}api/kernels"),
            ("GET", hub),
            ("POST", f"{hub}/server"),
            ("DELETE", f"{hub}/server"),
            ("POST", f"{hub}/tokens"),
        ):
            answer = session.request(method, url, headers=headers)
            seen[f"{method} {url} by {who}"] = answer.status_code
    session.delete_token(token)
    by_hand = f"curl -i -H 'Authorization: token TOKEN-OF-{session.persona.name}' {theirs}api/contents"
    what = f"what {session.persona.name} gets of {standing_server.user}"
    evidence.note(what, seen, source="the public URL, by session and by token", command=by_hand)
    allowed = [f"{what}: {status}" for what, status in seen.items() if status not in FORBIDDEN]
    expect(
        not allowed,
        promised=f"{session.persona.name} is refused everywhere at {standing_server.user}",
        observed="; ".join(allowed),
        where=theirs,
        repeat=by_hand,
    )
    expect(
        standing_server.ready(),
        promised="the other's server is left as it was",
        observed="it does not answer its own user any more",
        where=theirs,
        repeat=f"open {theirs} as {standing_server.user}",
    )
