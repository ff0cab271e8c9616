"""Reads what a person would see and do on a web page: its text, its forms, the links to sign in."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

_UNSEEN = {"script", "style", "head", "svg", "template", "noscript"}
_TEXT_INPUTS = {"", "text", "email", "search", "tel"}
_LONGEST = 300


@dataclass
class Form:
    """A form of a page.

    Attributes:
        action: absolute address that it is sent to.
        method: in lower case.
        fields: names and given values, hidden ones included.
        login_name: name of the first field for text; empty when there is none.
        password: name of the field for a password; empty when there is none.

    """

    action: str
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    login_name: str = ""
    password: str = ""

    @property
    def asks_for_sign_in(self) -> bool:
        """Whether it asks for a password, or for a name first and the password on the next page."""
        return bool(self.password) or (self.method == "post" and bool(self.login_name))

    def filled(self, name: str, password: str) -> dict[str, str]:
        """Return the fields as a person would send them."""
        filled = dict(self.fields)
        if self.login_name:
            filled[self.login_name] = name
        if self.password:
            filled[self.password] = password
        return filled


@dataclass
class Page:
    """What matters of a page: visible text, forms, links."""

    text: str
    forms: list[Form]
    links: list[str]

    @property
    def sign_in_form(self) -> Form | None:
        """The form that asks who one is, one with a password first; None when the page has none."""
        asking = [form for form in self.forms if form.asks_for_sign_in]
        return max(asking, key=lambda form: bool(form.password), default=None)


def read_page(html: str, url: str) -> Page:
    """Read a page that was found at `url`, which its relative addresses are meant from."""
    reader = _Reader(url)
    reader.feed(html)
    reader.close()
    text = " ".join(" ".join(reader.words).split())
    return Page(text[:_LONGEST], reader.forms, reader.links)


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._url = url
        self._form: Form | None = None
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "a" and "href" in given:
            self.links.append(urljoin(self._url, given["href"]))
        elif tag == "form":
            self._form = Form(urljoin(self._url, given.get("action") or self._url), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and given.get("name"):
            self._read_input(self._form, given)

    def _read_input(self, form: Form, given: dict[str, str]) -> None:
        name, kind = given["name"], given.get("type", "").lower()
        if kind == "password":
            form.password = form.password or name
        elif kind in _TEXT_INPUTS:
            form.login_name = form.login_name or name
        if kind not in {"submit", "button", "image", "reset", "checkbox", "radio", "file"} or "checked" in given:
            form.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.words.append(data)
