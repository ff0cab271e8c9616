"""A comparison of two runs, told at the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from hubproof.reporting.comparison import Comparison, Kind

_COLOUR: dict[Kind, str] = {
    "newly broken": "red", "still broken": "red", "no longer proven": "yellow", "slower": "yellow",
    "mended": "green", "faster": "green",
}  # fmt: skip


def tell_comparison(found: Comparison, console: Console) -> None:
    """Print what differs, what matters most first; where nothing does, say so."""
    console.print(f"{found.before} → {found.after}", highlight=False)
    for change in found.changes:
        colour = _COLOUR.get(change.kind, "dim")
        console.print(
            f"[{colour}]{change.kind:>16}[/]  {escape(change.name)}  [dim]{change.before} → {change.after}[/]",
            highlight=False,
        )
        for line in change.message.splitlines()[:3] if change.kind in {"newly broken", "no longer proven"} else []:
            console.print(f"{'':18}{line}", markup=False, highlight=False, soft_wrap=True)
    for name, (before, after) in found.versions.items():
        console.print(f"{'version':>16}  {escape(name)}  [dim]{escape(before)} → {escape(after)}[/]", highlight=False)
    for line in found.profile:
        console.print(f"{'profile':>16}  {line}", markup=False, highlight=False, soft_wrap=True)
    broken, mended = (len(found.of_kind(kind)) for kind in ("newly broken", "mended"))
    unproven, slower = (len(found.of_kind(kind)) for kind in ("no longer proven", "slower"))
    if not (found.changes or found.versions or found.profile):
        console.print("nothing differs")
    console.print(
        f"{broken} newly broken, {unproven} no longer proven, {mended} mended, {slower} slower; "
        f"exit code {found.exit_code}",
        highlight=False,
    )
