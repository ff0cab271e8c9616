"""What the commands of `hubproof lab` do, once their options are read."""

from __future__ import annotations

from hubproof.lab import lifecycle
from hubproof.lab.layout import Layout
from hubproof.lab.looking import Looking, pages
from hubproof.profile_file import load_profile
from hubproof.progress import Progress


def lab_command(what: str, progress: Progress) -> int:
    """Do one of the lab's commands."""
    if what == "up":
        with lifecycle.hold("hubproof lab up"):
            facts = lifecycle.up(progress, "hubproof lab up")
        progress.say(f"the lab is up; its kubeconfig: {facts.kubeconfig_admin}")
        return 0
    if what == "down":
        lifecycle.down(progress)
        return 0
    if what == "kubeconfig":
        print(lifecycle.facts().kubeconfig_admin)  # noqa: T201 - for use in $(…)
        return 0
    status = lifecycle.status()
    for line in status.detail:
        progress.say(line)
    if status.holder:
        progress.say(f"held by {status.holder}")
    return 0 if status.healthy else 1


def looking() -> Looking:
    """Return what looks into the running lab."""
    return Looking(Layout(lifecycle.facts().state_dir))


def lab_ui_command() -> int:
    """Print where the lab's pages are and how to open them."""
    facts = lifecycle.facts()
    print(pages(load_profile(facts.profile), Layout(facts.state_dir)))  # noqa: T201 - what was asked for
    return 0
