"""Does monitoring see the hub?"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from hubproof.checking import check, expect
from hubproof.errors import CouldNotRunError, TargetError
from hubproof.waiting import Deadline, pause

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.promises import Monitoring
    from hubproof.target import Target


@check(
    "monitoring.scrape",
    must="The ServiceMonitor MUST select the hub, and Prometheus MUST have a fresh sample of each promised metric.",
    severity="critical",
    reach="observe",
    criterion="monitoring shows usage",
    promise="monitoring",
    remedy="Prometheus's page /targets names the reason: 401 or 403 is the token (read:metrics), a timeout is a "
    "policy, no "
    "target at all is the ServiceMonitor's selector.",
)
def test_prometheus_has_fresh_samples(target: Target, evidence: Evidence) -> None:
    promised = target.promises.monitoring
    if promised is None:
        raise CouldNotRunError("the profile promises no monitoring")
    _expect_hub_selected(target, promised, evidence)
    # A Prometheus that has just started is given two scrapes to have its first samples.
    deadline = Deadline(2 * _interval(target, promised) + 2)
    ages = _ages(target, promised)
    while any(age is None for age in ages.values()) and not deadline.over:
        pause(1, reason="the next scrape; Prometheus tells of it to nobody")
        ages = _ages(target, promised)
    up = _query(target, promised, f'up{{namespace="{target.namespace}"}}')
    repeat = f"kubectl get --raw '{_path(promised)}?query=timestamp({promised.metrics[0]})'"
    evidence.note("age of the newest sample, seconds", ages, source="Prometheus", command=repeat)
    targets = [{**one["metric"], "up": one["value"][1]} for one in up]
    asked = f"kubectl get --raw '{_path(promised)}?query=up'"
    evidence.note("targets in the hub's namespace", targets, source="Prometheus", command=asked)
    where = f"Prometheus {promised.prometheus.namespace}/{promised.prometheus.service}"
    stale = [
        f"{name}: {'no sample' if age is None else f'{age:.0f} s old'}"
        for name, age in ages.items()
        if age is None or age > promised.fresh_within
    ]
    expect(
        not stale,
        promised=f"a sample of each promised metric, at most {promised.fresh_within:g} s old",
        observed="; ".join(stale),
        where=where,
        repeat=repeat,
    )


def _expect_hub_selected(target: Target, promised: Monitoring, evidence: Evidence) -> None:
    monitor = target.cluster.get("ServiceMonitor", promised.service_monitor, target.namespace)
    repeat = f"kubectl -n {target.namespace} get servicemonitor {promised.service_monitor} -o yaml"
    expect(
        monitor is not None,
        promised=f"a ServiceMonitor {promised.service_monitor}",
        observed="there is none",
        where=f"namespace {target.namespace}",
        repeat=repeat,
    )
    spec = monitor["spec"] if monitor else {}
    wanted = spec.get("selector", {}).get("matchLabels", {})
    labels = ",".join(f"{name}={value}" for name, value in wanted.items())
    services = target.cluster.list("Service", target.namespace, labels=labels) if labels else []
    ports = {endpoint.get("port") for endpoint in spec.get("endpoints", [])}
    selected = [
        one["metadata"]["name"]
        for one in services
        if ports & {port.get("name") for port in one["spec"].get("ports", [])}
    ]
    evidence.note("services that the ServiceMonitor selects", selected, source="Kubernetes API", command=repeat)
    expect(
        selected,
        promised="the ServiceMonitor selects the hub's Service and one of its ports",
        observed=f"labels {labels or '(none)'} and ports {sorted(map(str, ports))} select nothing",
        where=f"ServiceMonitor {target.namespace}/{promised.service_monitor}",
        repeat=repeat,
    )


def _ages(target: Target, promised: Monitoring) -> dict[str, float | None]:
    """Return the age of each metric's newest sample in seconds, None where there is none."""
    ages: dict[str, float | None] = {}
    for metric in promised.metrics:
        result = _query(target, promised, f"max(timestamp({metric}))")
        ages[metric] = time.time() - float(result[0]["value"][1]) if result else None
    return ages


def _interval(target: Target, promised: Monitoring) -> float:
    """Return the scrape interval that the ServiceMonitor asks for, at most 30 seconds."""
    monitor = target.cluster.get("ServiceMonitor", promised.service_monitor, target.namespace) or {}
    given = [one.get("interval") for one in monitor.get("spec", {}).get("endpoints", [])]
    return min([float(one.removesuffix("s")) for one in given if one and one.endswith("s")] or [30.0], default=30.0)


def _path(promised: Monitoring) -> str:
    at = promised.prometheus
    return f"/api/v1/namespaces/{at.namespace}/services/{at.service}:{at.port}/proxy/api/v1/query"


def _query(target: Target, promised: Monitoring, query: str) -> list[dict[str, Any]]:
    answer = json.loads(target.cluster.raw(_path(promised), {"query": query}))
    if answer.get("status") != "success":
        raise TargetError(f"Prometheus refused the query {query}: {answer.get('error', answer)}", where=_path(promised))
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result
