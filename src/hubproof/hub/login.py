"""Signs a person in as they would: follows the hub's way to the form, fills it in, and follows the way back.

Drivers: `hub-form` (the hub's own form), `oidc-form` (the form of an OpenID Connect provider that the hub sends to),
`hub-token` (no form: a token of the person's, sent with every request). Which one, the profile says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit

import httpx

from hubproof.errors import TargetError
from hubproof.hub.pages import Form, Page, read_page

if TYPE_CHECKING:
    from hubproof.hub.session import HubSession

_MOST_PAGES = 6
_REFUSED = {401, 403}


@dataclass(frozen=True)
class Landing:
    """Where a sign-in ended.

    Attributes:
        url: address of the page.
        path: its path.
        status: HTTP status.

    """

    url: str
    path: str
    status: int


class SignInRefusedError(TargetError):
    """The person was told no: by the provider or by the hub, as a refusal and not as a breakdown.

    Args:
        happened: what was seen.
        by: `provider` or `hub`.
        status: of the page that says so.
        text: the start of its visible text.

    """

    def __init__(self, happened: str, *, by: Literal["provider", "hub"], status: int, text: str) -> None:
        super().__init__(happened, where=by)
        self.by = by
        self.status = status
        self.text = text


def sign_in(session: HubSession, password: str) -> Landing:
    """Sign the session's persona in by the profile's driver and return where that ended.

    Raises:
        SignInRefusedError: the person was refused.
        TargetError: the way ended anywhere else than at a page of the hub, or in an error.

    """
    start = f"{session.profile.url}/hub/login?next={quote(session.profile.base_path + 'hub/home', safe='')}"
    if session.profile.login.driver == "hub-token":
        # Tokens open the API, not the pages: the hub's answer to "who am I" is the landing.
        answer = session.request("GET", f"{session.profile.url}/hub/api/user")
        if answer.status_code in _REFUSED:
            raise _refusal(session, answer, read_page(answer.text, str(answer.url)))
        return _landing(answer)
    answer = session.follow("GET", start)
    asked: list[str] = []
    for _ in range(_MOST_PAGES):
        page = read_page(answer.text, str(answer.url))
        form = page.sign_in_form
        if form and _is_expected(session, form):
            if form.password and form.action.split("?")[0] in asked:
                raise _refusal(session, answer, page)  # the same form again: these credentials were not taken
            if form.password:
                asked.append(form.action.split("?")[0])
            answer = session.follow(form.method.upper(), form.action, form.filled(session.persona.name, password))
        elif way := _way_to_provider(session, page):
            answer = session.follow("GET", way)
        else:
            return _arrived(session, answer, page)
    raise TargetError(f"the sign-in came to no end within {_MOST_PAGES} pages", where=str(answer.url))


def _is_expected(session: HubSession, form: Form) -> bool:
    """Say whether a form is the one that the driver is for: a hub may offer its own beside a provider's."""
    at_hub = urlsplit(form.action).netloc == urlsplit(session.profile.url).netloc and "/hub/" in form.action
    return at_hub == (session.profile.login.driver == "hub-form")


def _way_to_provider(session: HubSession, page: Page) -> str:
    if session.profile.login.driver != "oidc-form":
        return ""
    return next((link for link in page.links if "/hub/oauth_login" in link), "")


def _arrived(session: HubSession, answer: httpx.Response, page: Page) -> Landing:
    at_hub = str(answer.url).startswith(f"{session.profile.url}/")
    if answer.status_code in _REFUSED:
        if "_xsrf" in page.text:
            raise TargetError(
                f"the hub refused the form itself: {page.text}", where=str(answer.url.copy_with(query=None))
            )
        raise _refusal(session, answer, page)
    if not at_hub or answer.status_code != httpx.codes.OK:
        raise TargetError(
            f"the sign-in of {session.persona.name} ended with status {answer.status_code}: {page.text}",
            wanted="a page of the hub",
            where=str(answer.url.copy_with(query=None)),
        )
    return _landing(answer)


def _refusal(session: HubSession, answer: httpx.Response, page: Page) -> SignInRefusedError:
    at_hub = str(answer.url).startswith(f"{session.profile.url}/")
    by: Literal["provider", "hub"] = "hub" if at_hub else "provider"
    return SignInRefusedError(
        f"the {by} refused {session.persona.name} with status {answer.status_code}: {page.text}",
        by=by,
        status=answer.status_code,
        text=page.text,
    )


def _landing(answer: httpx.Response) -> Landing:
    return Landing(str(answer.url.copy_with(query=None)), answer.url.path, answer.status_code)
