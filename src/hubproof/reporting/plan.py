"""What a gate would do, told before it does anything: which checks, why, and what each would touch."""

from __future__ import annotations

import datetime as dt

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hubproof.profile import Profile
from hubproof.selection import Catalogue, Selection, excuse


def tell_plan(selection: Selection, catalogue: Catalogue, profile: Profile | None, console: Console) -> None:
    """Print each selected check with the words that selected it and what it would touch, then what would not run.

    Args:
        selection: as the gate would run it.
        catalogue: every check.
        profile: the target, whose promises decide what is applicable; None when it is not known yet.
        console: where to.

    """
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("check", "severity", "reach", "selected by", "would touch"):
        table.add_column(name, overflow="fold", no_wrap=name in {"check", "severity", "reach"})
    today, excused = dt.datetime.now(dt.UTC).date(), 0
    for check_id, why in selection.why.items():
        info = catalogue[check_id]
        reason = excuse(profile, info, today) if profile else ""
        excused += bool(reason)
        touched = f"nothing: not applicable, {reason}" if reason else "; ".join(info.makes) or "nothing: it only reads"
        alone = " (alone, after all others)" if info.alone and not reason else ""
        table.add_row(check_id, info.severity, info.reach, escape(why), escape(touched + alone))
    console.print(table)
    for check_id, why in selection.not_proven.items():
        if not why.startswith("not selected"):
            console.print(f"[dim]would not run: {check_id}, {escape(why)}[/]")
    count = len(selection.ids)
    console.print(f"{count} of {len(catalogue)} checks selected, {excused} of them not applicable", highlight=False)


def tell_run(profile: Profile, selection: Selection, console: Console) -> None:
    """Print where a run would go, as whom, and by which references it would find its secrets; never a value."""
    kube = profile.kube
    cluster = "none: HTTP checks only"
    if kube is not None:
        cluster = f"kubeconfig {kube.kubeconfig}" if kube.kubeconfig else f"context {kube.context or 'in-cluster'}"
    secrets = [str(ref) for one in profile.personas if (ref := one.password or one.token)]
    if profile.hub.api_token:
        secrets.append(str(profile.hub.api_token))
    said = {
        "target": f"{profile.name}, {profile.url}",
        "profile": f"{profile.path} (sha256 {profile.sha256[:12]})",
        "cluster": cluster,
        "namespaces": f"{profile.namespace} (hub), {profile.probe.namespace} (leases and probe pods)",
        "consent": ", ".join(selection.consent),
        "personas": ", ".join(f"{one.name} ({one.role})" for one in profile.personas) or "none",
        "secrets": "by reference: " + ", ".join(dict.fromkeys(secrets)) if secrets else "none",
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in said.items():
        table.add_row(name, escape(text))
    console.print(table)
    console.print("Nothing was touched, and nothing is proven: this was a dry run.")
