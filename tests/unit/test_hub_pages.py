from __future__ import annotations

from hubproof.hub.pages import read_page

PAGE = """
<html><head><title>Sign in</title><script>var secret = "unseen";</script></head><body>
<form action="/search"><input name="q" type="search"></form>
<a href="/hub/oauth_login?next=%2Fhub%2Fhome">Sign in with 254Carbon</a>
<form method="POST" action="/hub/login?next=x">
  <input type="hidden" name="_xsrf" value="token">
  <input type="text" name="username"><input type="password" name="password"/>
  <input type="submit" name="go" value="Sign in">
</form><noscript>needs JavaScript</noscript><p>Welcome  back</p></body></html>
"""


def test_the_form_that_asks_for_a_password_is_found_and_keeps_its_hidden_fields() -> None:
    form = read_page(PAGE, "https://hub.example/hub/login").sign_in_form
    assert form
    assert (form.action, form.method) == ("https://hub.example/hub/login?next=x", "post")
    assert form.filled("me", "mine") == {"_xsrf": "token", "username": "me", "password": "mine"}


def test_a_form_without_action_goes_back_to_its_page() -> None:
    page = read_page('<form method="post"><input name="email" type="email"></form>', "https://idp.example/a?b=c")
    assert page.sign_in_form
    assert page.sign_in_form.action == "https://idp.example/a?b=c"


def test_a_search_box_is_no_sign_in() -> None:
    assert read_page('<form><input name="q"></form>', "https://x/").sign_in_form is None


def test_text_is_what_a_person_sees() -> None:
    text = read_page(PAGE, "https://hub.example/").text
    assert "Welcome back" in text
    assert "unseen" not in text
    assert "JavaScript" not in text


def test_links_are_absolute() -> None:
    assert read_page(PAGE, "https://hub.example/hub/login").links == [
        "https://hub.example/hub/oauth_login?next=%2Fhub%2Fhome"
    ]
