from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from kube_stub import profile_for

from hubproof.cluster import reach_probe
from hubproof.cluster.client import Cluster
from hubproof.cluster.execution import Exec
from hubproof.cluster.probe_pod import object_name, pod_body
from hubproof.cluster.probes import PROBE_CODE, Observation, ProbePod

RUN = "20261123-195501-3fa9"


class Pods:
    """Stands for a cluster whose exec answers as laid down."""

    def __init__(self, *answers: Exec) -> None:
        self.answers = list(answers)
        self.commands: list[list[str]] = []

    def exec(self, _namespace: str, _pod: str, command: list[str], **_: object) -> Exec:
        self.commands.append(command)
        return self.answers.pop(0)


@pytest.fixture
def udp_port() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def echo() -> None:
            data, sender = server.recvfrom(100)
            server.sendto(data, sender)

        threading.Thread(target=echo, daemon=True).start()
        yield server.getsockname()[1]


def _pod(tmp_path: Path, *answers: Exec) -> ProbePod:
    return ProbePod(cast("Cluster", Pods(*answers)), profile_for("http://127.0.0.1:1", tmp_path), RUN)


def _seen(*targets: tuple[str, int, str], timeout: float = 0.2) -> list[Observation]:
    return [Observation(**one) for one in json.loads(reach_probe.probe_all(json.dumps(targets), timeout))]


def test_open_and_refused_and_unknown_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        seen = _seen(("127.0.0.1", port, "tcp"), ("127.0.0.1", 1, "tcp"), ("127.0.0.1", 1, "udp"), ("a..b", 1, "tcp"))
    assert [one.kind for one in seen] == ["open", "refused", "refused", "dns"]


def test_a_datagram_counts_only_with_an_answer(udp_port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        seen = _seen(("127.0.0.1", udp_port, "udp"), ("127.0.0.1", silent.getsockname()[1], "udp"))
    assert [one.kind for one in seen] == ["open", "timeout"]


def test_a_full_backlog_is_a_timeout() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        place = server.getsockname()
        with socket.create_connection(place), socket.socket() as second:
            second.settimeout(0)
            second.connect_ex(place)
            (seen,) = _seen((place[0], place[1], "tcp"))
    assert seen.kind == "timeout"
    assert seen.ms >= 200


@pytest.mark.parametrize(
    ("number", "kind"), [(113, "no-route"), (101, "no-route"), (13, "no-route"), (110, "timeout"), (5, "other")]
)
def test_what_the_system_says_is_kept(number: int, kind: str) -> None:
    assert reach_probe._kind_of(OSError(number, "said")) == kind


def test_the_dns_question_is_one_that_servers_parse() -> None:
    question = reach_probe._question()
    assert question[4:6] == b"\0\1"
    assert b"\x0akubernetes\x07default" in question


def test_the_code_runs_on_its_own() -> None:
    script = f"{PROBE_CODE}\nimport sys\nprint(probe_all(sys.argv[1], 0.2))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, '[["127.0.0.1", 1, "tcp"]]'], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)[0]["kind"] == "refused"


def test_a_pod_reports_in_the_order_of_the_targets(tmp_path: Path) -> None:
    told = json.dumps([{"kind": "open", "ms": 1.0, "detail": ""}, {"kind": "timeout", "ms": 2000.0, "detail": ""}])
    seen = _pod(tmp_path, Exec(told, "", 0)).reach([("a", 1, "tcp"), ("b", 2, "udp")])
    assert [one.kind for one in seen] == ["open", "timeout"]


def test_an_image_without_python_is_measured_with_agnhost(tmp_path: Path) -> None:
    out = "0\nTIMEOUT 1\nREFUSED 1\nDNS: lookup x: no such host 1\nOTHER: connect: no route to host 1\nUNKNOWN: ? 1\n"
    targets = [(name, 1, "tcp") for name in "abcdef"]
    seen = _pod(tmp_path, Exec("", "", 127), Exec(out, "", 0)).reach(targets)
    assert [one.kind for one in seen] == ["open", "timeout", "refused", "dns", "no-route", "other"]


def test_an_image_with_neither_is_no_denial(tmp_path: Path) -> None:
    seen = _pod(tmp_path, Exec("", "", 127), Exec("", "", 127)).reach([("a", 1, "tcp")])
    assert seen[0].kind == "no-tool"


def test_a_probe_that_breaks_is_no_denial(tmp_path: Path) -> None:
    seen = _pod(tmp_path, Exec("", "MemoryError", 1)).reach([("a", 1, "tcp")])
    assert (seen[0].kind, "MemoryError" in seen[0].detail) == ("other", True)


def test_a_probe_pod_is_harmless_and_of_its_run(tmp_path: Path) -> None:
    body: Any = pod_body(profile_for("http://127.0.0.1:1", tmp_path), RUN, object_name(RUN, "probe"))
    assert body["metadata"]["name"] == "hubproof-195501-3fa9-probe"
    assert body["metadata"]["labels"]["hubproof.dev/run"] == RUN
    spec, container = body["spec"], body["spec"]["containers"][0]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["activeDeadlineSeconds"] > 0
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert {"requests", "limits"} <= set(container["resources"])
