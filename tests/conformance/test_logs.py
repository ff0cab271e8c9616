"""Do the logs speak of anything critical?"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.errors import CouldNotRunError

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.target import Target

CRITICAL = re.compile(
    r"^\[(?:C|CRITICAL|FATAL|PANIC)\b|\b(?:CRITICAL|FATAL|PANIC):|"
    r"^panic: |^fatal error: |Segmentation fault|Out of memory|\bUnhandled (?:exception|rejection)\b|"
    r"^\s*Traceback \(most recent call last\)",
)
USER_PODS = "singleuser-server"
SHOWN = 20
"""Lines that are shown with what stands around them; the count says how many more there are."""


@check(
    "logs.critical",
    must="No critical error, traceback or crash MUST stand in any component's log in the window, but for the listed.",
    severity="critical",
    reach="observe",
    criterion="no critical errors in logs",
    promise="logs",
    alone=True,
    remedy="The evidence has each line with what stands around it. What is known and harmless goes into "
    "promises.logs.allowed "
    "with its reason; all else is a defect of the component.",
)
def test_logs_hold_nothing_critical(target: Target, evidence: Evidence) -> None:
    promised = target.promises.logs
    if promised is None:
        raise CouldNotRunError("the profile promises nothing of logs")
    since = target.started - dt.timedelta(seconds=promised.window)
    allowed = [re.compile(one.pattern) for one in promised.allowed]
    logs = _logs(target, promised.components, since)
    found: list[str] = []
    asked = f"--since-time={since:%Y-%m-%dT%H:%M:%SZ}"
    for name, lines in logs.items():
        for number in _critical_lines(lines, allowed):
            found.append(f"{name}: {lines[number].strip()[:200]} … {_reason(lines, number)}")
            if len(found) <= SHOWN:
                around = "\n".join(lines[max(0, number - 3) : number + 40])
                pod, _, container = name.partition("/")
                look = f"kubectl -n {target.namespace} logs {pod} -c {container} {asked}"
                evidence.text(f"{name} line {number + 1}", around, source="Kubernetes API", command=look)
    read = {name: len(lines) for name, lines in logs.items()}
    look = f"kubectl -n {target.namespace} logs POD {asked}"
    evidence.note("lines read, by container", read, source="Kubernetes API", command=look)
    if not read:
        raise CouldNotRunError(
            f"no pod of the components {', '.join(promised.components) or '(any)'} was found to read the log of",
            where=f"namespace {target.namespace}",
        )
    expect(
        not found,
        promised=f"nothing critical since {since:%H:%M:%S} UTC",
        observed=f"{len(found)} lines, the first: {found[0] if found else ''}",
        where=f"namespace {target.namespace}",
        repeat=look,
    )


def _logs(target: Target, components: list[str], since: dt.datetime) -> dict[str, list[str]]:
    """Return the lines of each container since then, and of its instance before a restart where there is one."""
    found = {}
    for pod in target.cluster.list("Pod", target.namespace):
        component = pod["metadata"].get("labels", {}).get("component", "")
        if component == USER_PODS or (components and component not in components):
            continue
        name = pod["metadata"]["name"]
        for container in (one["name"] for one in pod["spec"]["containers"]):
            for previous in (False, True):
                log = target.cluster.logs(target.namespace, name, container=container, since=since, previous=previous)
                if log or not previous:
                    found[f"{name}/{container}{' before its restart' if previous else ''}"] = log.splitlines()
    return found


def _critical_lines(lines: list[str], allowed: list[re.Pattern[str]]) -> list[int]:
    """Return where critical lines stand, but for those that are listed, alone or with the traceback they begin."""
    return [
        number
        for number, line in enumerate(lines)
        if CRITICAL.search(line) and not any(one.search("\n".join(lines[number : number + 60])) for one in allowed)
    ]


def _reason(lines: list[str], number: int) -> str:
    """Return the last line of a traceback, where its reason stands: the first that is not indented after it began."""
    indent = len(lines[number]) - len(lines[number].lstrip())
    for line in lines[number + 1 : number + 80]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            return line.strip()[:200]
    return ""
