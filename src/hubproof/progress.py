"""What long steps tell the person who waits: one line a step, with its time, on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Prints steps as they begin and end. Safe to use from several threads, since each line is written whole."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, markup=False)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say that `what` begins, and how long it took when it ends, well or not."""
        started = time.monotonic()
        self.console.print(f"[dim]…[/dim] {what}")
        try:
            yield
        except BaseException:
            self.console.print(f"[red]✗[/red] {what} [dim]stopped after {time.monotonic() - started:.1f} s[/dim]")
            raise
        self.console.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - started:.1f} s[/dim]")
