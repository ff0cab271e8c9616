"""The command `hubproof`: reads the command line, says how to use it, and ends with the run's exit code.

Each command's work is in a module of its own, imported when the command runs: `hubproof --help` answers at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import click

from hubproof import __version__
from hubproof.errors import HubproofError, UsageError
from hubproof.progress import Progress

USAGE = 64
BROKE = 2
INCOMPLETE = 3


class _Group(click.Group):
    """Names the nearest command when one is unknown."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="hubproof")
def cli() -> None:
    """Prove that a deployed JupyterHub keeps its promises.

    Start with `hubproof gate --lab`: it builds a real Kubernetes on this machine, deploys the reference JupyterHub
    into it and checks it. `hubproof gate --profile P` does the same for a deployment of yours.
    """


@cli.command()
@click.option("--lab", is_flag=True, help="The target is the embedded lab; it is built and started as needed.")
@click.option("--profile", type=click.Path(path_type=Path), help="The target's profile; else HUBPROOF_PROFILE.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Instead of the one that the profile names.")
@click.option("--select", multiple=True, metavar="ID|FAMILY|GLOB", help="Which checks; several by comma or repetition.")
@click.option(
    "--severity", type=click.Choice(["critical", "major", "minor"]), multiple=True, help="Only these severities."
)
@click.option(
    "--reach", "only_reach", type=click.Choice(["observe", "act", "disrupt"]), multiple=True, help="Only these reaches."
)
@click.option("--criterion", multiple=True, help="Only checks of this criterion, such as 'storage persists'.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Run what that run left open.")
@click.option("--allow", type=click.Choice(["disrupt"]), multiple=True, help="Consent to checks that disturb users.")
@click.option("--fail-on", type=click.Choice(["critical", "major", "minor"]), default="minor", show_default=True)
@click.option("--workers", type=click.IntRange(0, 64), default=4, show_default=True, help="Checks at the same time.")
@click.option("--maxfail", type=click.IntRange(0), default=0, help="Stop after so many failed checks.")
@click.option("--limit", type=float, default=0, metavar="SECONDS", help="Stop when the checks take longer.")
@click.option("--reports", type=click.Path(path_type=Path), help="Folder for the run's reports.")
@click.option("--list", "only_list", is_flag=True, help="Show what would run, why, and what it would touch.")
@click.option("--dry-run", is_flag=True, help="The same, and where and as whom; touch nothing.")
def gate(**options: object) -> int:
    """May this deployment take users? Run the checks and end with the verdict as exit code."""
    from hubproof.commands import gate_command  # noqa: PLC0415

    return gate_command(options, Progress())


@cli.command()
@click.option("--namespace", default="jupyter", show_default=True, help="Where the hub is.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Else the usual one, or the pod's own account.")
@click.option("--context", help="Of the kubeconfig.")
@click.option("--lab", is_flag=True, help="Of the hub that runs in the embedded lab.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("profile.yaml"), show_default=True)
def init(**options: object) -> int:
    """Write a profile from a live namespace; what it cannot know is left in it as a question."""
    from hubproof.commands import init_command  # noqa: PLC0415

    return init_command(options, Progress())


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--markdown", is_flag=True, help="As Markdown, which docs/checks.md is.")
@click.option("--write-docs", is_flag=True, hidden=True, help="Write docs/checks.md and README's table again.")
@click.argument("check_id", required=False)
def checks(check_id: str | None, *, as_json: bool, markdown: bool, write_docs: bool) -> int:
    """Show all checks, or explain one."""
    from hubproof.commands import checks_command, write_docs_command  # noqa: PLC0415

    if write_docs:
        return write_docs_command(Progress())
    return checks_command(check_id, "json" if as_json else "markdown" if markdown else "table")


@cli.command()
@click.argument("defects", nargs=-1)
@click.option("--full", is_flag=True, help="All defects; this is the default when none is named.")
@click.option("--reports", type=click.Path(path_type=Path), help="Folder for the runs' reports.")
def prove(defects: tuple[str, ...], *, full: bool, reports: Path | None) -> int:
    """Prove the checks: put each seeded defect into the lab, see its check red, take it out, see it green."""
    from hubproof.commands import prove_command  # noqa: PLC0415

    return prove_command(() if full else defects, reports, Progress())


@cli.command()
@click.option("--lab", is_flag=True, help="The target is the embedded lab.")
@click.option("--profile", type=click.Path(path_type=Path), help="The target's profile; else HUBPROOF_PROFILE.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Instead of the one that the profile names.")
@click.option("--users", type=click.IntRange(1), default=20, show_default=True, help="How many users come.")
@click.option("--over", type=float, metavar="SECONDS", help="They come evenly over so long; default 1 s per user.")
@click.option("--at-once", is_flag=True, help="They all come at once.")
@click.option("--reports", type=click.Path(path_type=Path), help="Folder for the run's reports.")
def capacity(**options: object) -> int:
    """How many users does it carry? Let users sign in, spawn, execute and stop, and judge by the objectives."""
    from hubproof.commands import capacity_command  # noqa: PLC0415

    return capacity_command(options, Progress())


@cli.command()
@click.argument("run", type=click.Path(path_type=Path), default=Path("latest"))
@click.argument("later", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="The comparison of two runs as JSON.")
def report(run: Path, later: Path | None, *, as_json: bool) -> int:
    """Write all views of a RUN again, from its record; with a LATER run, say what changed between the two.

    A run is named by its folder, its id, or `latest`. A comparison ends with 1 when something is newly broken, 3 when
    something is no longer proven, else 0.
    """
    from hubproof.commands import compare_command, report_command  # noqa: PLC0415

    return compare_command(run, later, as_json=as_json) if later else report_command(run, Progress())


@cli.group(cls=_Group)
def lab() -> None:
    """Start, stop and look at the embedded lab: a real two-node Kubernetes with the reference JupyterHub."""


@lab.command("up")
def lab_up() -> int:
    """Build what is missing, boot the lab and deploy the reference JupyterHub."""
    from hubproof.lab_commands import lab_command  # noqa: PLC0415

    return lab_command("up", Progress())


@lab.command("down")
def lab_down() -> int:
    """Stop the lab and remove every trace of it; what was built stays in the cache."""
    from hubproof.lab_commands import lab_command  # noqa: PLC0415

    return lab_command("down", Progress())


@lab.command("status")
def lab_status() -> int:
    """Say whether the lab runs, who holds it, and whether it is healthy."""
    from hubproof.lab_commands import lab_command  # noqa: PLC0415

    return lab_command("status", Progress())


@lab.command("kubeconfig")
def lab_kubeconfig() -> int:
    """Print the path of the lab's kubeconfig."""
    from hubproof.lab_commands import lab_command  # noqa: PLC0415

    return lab_command("kubeconfig", Progress())


@lab.command("ui")
def lab_ui() -> int:
    """Print the addresses of the lab's pages, how to open them on this machine, and as whom to sign in."""
    from hubproof.lab_commands import lab_ui_command  # noqa: PLC0415

    return lab_ui_command()


@lab.command("logs")
@click.argument("name")
@click.option("--follow", "-f", is_flag=True, help="Go on as it is written.")
@click.option(
    "--tail", "lines", type=click.IntRange(1), default=200, show_default=True, help="Lines of each container."
)
def lab_logs(name: str, *, follow: bool, lines: int) -> int:
    """Print the log of a part of the lab: hub, proxy, nginx, a user's pod, …"""
    from hubproof.lab_commands import looking  # noqa: PLC0415

    return looking().logs(name, follow=follow, lines=lines)


@lab.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def lab_exec(name: str, command: tuple[str, ...]) -> int:
    """Run a command in a part of the lab, or a shell: `hubproof lab exec hub -- env`."""
    from hubproof.lab_commands import looking  # noqa: PLC0415

    return looking().execute(name, command)


@cli.command()
@click.option("--full", is_flag=True, help="Prove every seeded defect, not only what changed and a rotating part.")
def test(*, full: bool) -> int:
    """Test hubproof itself: lint, types, unit tests, lab, gate, proof by seeded defects, a small capacity run."""
    from hubproof.selftest import selftest  # noqa: PLC0415

    return selftest(full=full, progress=Progress())


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: see docs/verdicts.md."""
    try:
        return int(cli.main(arguments, prog_name="hubproof", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.Abort:
        return INCOMPLETE
    except UsageError as error:
        _tell(error)
        return USAGE
    except HubproofError as error:
        _tell(error)
        return BROKE
    except KeyboardInterrupt:
        sys.stderr.write("hubproof: stopped by Ctrl-C\n")
        return INCOMPLETE
    except BrokenPipeError:
        # Whoever read our output has gone (`hubproof checks | head`): nothing is wrong, and nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - Python would end with 1, which means that the target broke a promise
        traceback.print_exc()
        sys.stderr.write("hubproof: this is a defect of hubproof itself, and says nothing about the target\n")
        return BROKE


def _tell(error: HubproofError) -> None:
    sys.stderr.write(f"hubproof: {error}\n")
