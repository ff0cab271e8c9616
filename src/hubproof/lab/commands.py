"""Runs the programs that the lab is made of, and turns their failures into errors that a person can act on."""

from __future__ import annotations

import errno
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hubproof.errors import HubproofError


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    timeout: float | None = None,
    next_step: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command and return it with its output as text.

    Raises:
        HubproofError: it could not be started, took longer than `timeout` seconds, or (with `check`) failed; the
            message has the end of what it printed.

    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(  # noqa: PLW1510 - the exit code is judged below
            words, input=stdin, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout
        )
    except FileNotFoundError as error:
        raise HubproofError(f"{words[0]} is not on this machine", next_step=next_step) from error
    except subprocess.TimeoutExpired as error:
        raise HubproofError(f"{' '.join(words)[:200]} gave no end within {timeout:g} s", next_step=next_step) from error
    if check and done.returncode:
        raise HubproofError(
            f"{' '.join(words)[:300]} failed (exit {done.returncode}):\n{explained(done.stderr or done.stdout)}",
            next_step=next_step or advice(done.stderr + done.stdout),
        )
    return done


def run_told(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    tell: Callable[[int], None],
    every: float = 20.0,
) -> None:
    """Run a command that takes minutes and prints a line for each thing it has done.

    Args:
        command: as for `run`.
        cwd: where.
        env: its environment.
        tell: is told how many lines there are.
        every: how often, in seconds.

    Raises:
        HubproofError: it could not be started, or failed.

    """
    words = [str(word) for word in command]
    told = time.monotonic()
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            words, cwd=cwd, env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise HubproofError(f"{words[0]} is not on this machine") from error
    with process:
        for line in process.stdout or ():
            lines.append(line)
            if time.monotonic() - told > every:
                told = time.monotonic()
                tell(len(lines))
    if process.returncode:
        output = "".join(lines)
        raise HubproofError(
            f"{' '.join(words)[:300]} failed (exit {process.returncode}):\n{explained(output)}",
            next_step=advice(output),
        )


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Turn a full disk, which any write may meet, into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise HubproofError(str(error), next_step=advice("no space left")) from error


def explained(output: str) -> str:
    """Return the end of a command's output, where its reason stands."""
    return output.strip()[-3000:]


def advice(output: str) -> str:
    """Return what to do about the failures that every build meets one day: no space, no registry."""
    text = output.lower()
    if "no space left" in text:
        return (
            "the disk is full: free some space (df -h), or set HUBPROOF_HOME to a roomier one; the next try continues"
        )
    if any(word in text for word in _NO_REGISTRY):
        return "a package registry did not answer: check network and proxy settings; the next try continues from here"
    return ""


_NO_REGISTRY = (
    "could not resolve", "temporary failure in name resolution", "i/o timeout", "connection refused", "no such host",
    "failed to fetch", "unable to connect", "network is unreachable", "error sending request", "dial tcp",
    "tls handshake timeout", "etimedout", "enotfound", "econnrefused", "apt-get update",
)  # fmt: skip
