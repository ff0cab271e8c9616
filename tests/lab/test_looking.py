"""What helps a person to look into the lab works as it is printed."""

from __future__ import annotations

import shlex
import subprocess
import sys

from tests.browser.chromium import browser
from tests.lab.running_gates import RunningLab


def looked(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `hubproof lab`."""
    command = [sys.executable, "-m", "hubproof", "lab", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)


def test_the_printed_browser_opens_the_hub_and_comes_to_its_provider(lab: RunningLab) -> None:
    printed = looked("ui").stdout
    (line,) = [one for one in printed.splitlines() if one.strip().startswith("chromium ")]
    _, _, *words, address = shlex.split(line)
    assert address == lab.profile.url == printed.splitlines()[0]
    with browser(*words) as page:
        page.open(address)
        assert page.run("location.href").startswith(f"{lab.profile.url}/hub/"), "the hub's page, or its way to sign in"
        assert page.run("isSecureContext") is True
        page.open(f"{address}/hub/oauth_login")
        assert page.run("location.host") == "login.254carbon.com"
        assert page.run("document.querySelector('input[type=password]') !== null") is True


def test_a_browser_that_is_not_told_of_the_certificate_refuses_it(lab: RunningLab) -> None:
    (rules,) = [one for one in shlex.split(looked("ui").stdout) if one.startswith("--host-resolver-rules")]
    with browser(rules) as page:
        assert page.call("Page.navigate", url=lab.profile.url)["errorText"].startswith("net::ERR_CERT_")


def test_logs_and_commands_reach_a_part_by_its_name() -> None:
    assert "JupyterHub is now running" in looked("logs", "hub", "--tail", "100000").stdout
    done = looked("exec", "hub", "--", "sh", "-c", "echo $HOSTNAME; exit 5")
    assert done.stdout.startswith("hub-")
    assert done.returncode == 5


def test_an_unclear_name_is_answered_with_those_that_there_are() -> None:
    done = looked("logs", "h")
    assert done.returncode not in {0, 1}
    assert "jupyter/hub, jupyter/hub-db" in " ".join(done.stderr.split())
