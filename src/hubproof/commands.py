"""What each command does, once its options are read: finds the target, calls the module whose work it is, and tells."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hubproof.catalogue_cache import catalogue as all_checks
from hubproof.checking import CheckInfo, discover
from hubproof.errors import UsageError
from hubproof.profile import Profile
from hubproof.profile_file import load_profile
from hubproof.progress import Progress
from hubproof.resources import resource, root
from hubproof.selection import Wish, choose, consented, refuse_unknown_ids


def default_reports() -> Path:
    """Return the folder of runs: `reports/runs` in a checkout, else below the current folder."""
    checkout = (root() / "pyproject.toml").exists()
    return (root() if checkout else Path.cwd()) / "reports" / "runs"


def gate_command(options: Mapping[str, Any], progress: Progress) -> int:
    """Run the gate and return its exit code."""
    from hubproof.gate import GateOptions, run_gate  # noqa: PLC0415 - `--list` needs none of it
    from hubproof.resuming import resume  # noqa: PLC0415

    catalogue = all_checks()
    wanted = choose(catalogue, Wish.of(options))
    if options["only_list"] or options["dry_run"]:
        return _plan(catalogue, wanted, options)
    with the_target(options, "hubproof gate --lab", progress) as profile:
        refuse_unknown_ids(catalogue, profile)
        resumed = resume(found_run(options["resume"]), profile, catalogue) if options["resume"] else None
        if resumed:
            wanted = {one: why for one, why in wanted.items() if one in resumed.missing}
        gate_options = GateOptions(
            reports=options["reports"] or default_reports(),
            workers=options["workers"],
            fail_on=options["fail_on"],
            maxfail=options["maxfail"],
            limit=options["limit"],
        )
        selection = consented(catalogue, wanted, profile, options["allow"])
        record = run_gate(profile, catalogue, selection, gate_options, progress, resumed=resumed)
    return record.exit_code


def found_run(name: Path) -> Path:
    """Return the folder of a run that is named by its folder, its id, or `latest`."""
    return name if name.is_dir() else default_reports() / name


def read_target(options: Mapping[str, Any]) -> Profile:
    """Return the profile that the command line or the environment names.

    Raises:
        UsageError: none is named, or it cannot be read.

    """
    path = options.get("profile") or os.environ.get("HUBPROOF_PROFILE")
    if not path:
        raise UsageError(
            "no target is named",
            wanted="a deployment to check",
            next_step="use --lab for the embedded lab, or --profile FILE (or HUBPROOF_PROFILE) for a deployment",
        )
    kubeconfig = Path(options["kubeconfig"]).resolve() if options.get("kubeconfig") else None
    if kubeconfig and not kubeconfig.is_file():
        raise UsageError(f"--kubeconfig {kubeconfig}: there is no such file")
    return load_profile(Path(path), kubeconfig=kubeconfig)


@contextmanager
def the_target(options: Mapping[str, Any], who: str, progress: Progress) -> Iterator[Profile]:
    """Yield the target's profile; of the lab, with the lab up and held for as long."""
    if not options.get("lab"):
        yield read_target(options)
        return
    if options.get("profile"):
        raise UsageError("--lab and --profile name two targets", next_step="leave one of them out")
    from hubproof.lab import lifecycle  # noqa: PLC0415 - a target elsewhere needs no lab

    with lifecycle.hold(who):
        facts = lifecycle.up(progress, who)
        yield load_profile(facts.profile)


def _plan(catalogue: dict[str, CheckInfo], wanted: dict[str, str], options: Mapping[str, Any]) -> int:
    """Tell what a gate would do; of the lab also when it does not run, by the promises that it would take."""
    from rich.console import Console  # noqa: PLC0415

    from hubproof.reporting.plan import tell_plan, tell_run  # noqa: PLC0415

    if options["lab"]:
        profile = load_profile(resource("fixtures", "profiles", "254carbon.yaml"), secrets_there=False)
    else:
        profile = read_target(options)
    refuse_unknown_ids(catalogue, profile)
    selection, console = consented(catalogue, wanted, profile, options["allow"]), Console(highlight=False)
    tell_plan(selection, catalogue, profile, console)
    if options["dry_run"]:
        tell_run(profile, selection, console)
    return 0


def init_command(options: Mapping[str, Any], progress: Progress) -> int:
    """Write a draft of a profile from what runs in a namespace."""
    from hubproof.init.command import write_profile  # noqa: PLC0415

    kubeconfig, runner = options["kubeconfig"], None
    if options["lab"]:
        from hubproof.lab import lifecycle  # noqa: PLC0415

        facts = lifecycle.facts()
        kubeconfig, runner = facts.kubeconfig_admin, facts.kubeconfig_runner
    return write_profile(
        options["output"],
        options["namespace"],
        kubeconfig=kubeconfig,
        context=options["context"],
        runner=runner,
        lab=options["lab"],
        progress=progress,
    )


def checks_command(check_id: str | None, form: str) -> int:
    """Print the catalogue, or one check."""
    from rich.console import Console  # noqa: PLC0415

    from hubproof.defects import load_defects  # noqa: PLC0415
    from hubproof.reporting import catalogue as views  # noqa: PLC0415
    from hubproof.rights_record import rights_in_use  # noqa: PLC0415

    catalogue, console = discover(), Console(highlight=False)
    if check_id is None and form == "table":
        views.catalogue_table(catalogue, console)
        return 0
    rights = rights_in_use()
    if check_id is None and form == "markdown":
        print(views.catalogue_markdown(catalogue, rights), end="")  # noqa: T201 - what was asked for goes to stdout
        return 0
    proven = views.proofs(catalogue, rights, load_defects().values())
    if check_id is None:
        print(views.catalogue_json(catalogue, proven), end="")  # noqa: T201 - the same
        return 0
    if check_id not in catalogue:
        choose(catalogue, Wish((check_id,)))
        raise UsageError(f"{check_id} is a family, not a check", next_step="hubproof checks shows what is in it")
    views.explain(catalogue[check_id], proven[check_id], console)
    return 0


def write_docs_command(progress: Progress) -> int:
    """Write the generated parts of the documentation again."""
    from hubproof.record import RunRecord  # noqa: PLC0415
    from hubproof.reporting import write_views  # noqa: PLC0415
    from hubproof.reporting.documents import documents  # noqa: PLC0415

    example = root() / "reports" / "example"
    write_views(RunRecord.load(example), example)
    for path, text in documents(root(), discover()).items():
        path.write_text(text, encoding="utf-8")
        progress.say(f"written: {path.relative_to(root())}")
    return 0


def compare_command(before: Path, after: Path, *, as_json: bool) -> int:
    """Tell what changed between two runs, and end with what follows from it."""
    from rich.console import Console  # noqa: PLC0415

    from hubproof.reporting.comparison import compare  # noqa: PLC0415
    from hubproof.reporting.comparison_text import tell_comparison  # noqa: PLC0415
    from hubproof.resuming import read_or_rebuild  # noqa: PLC0415

    folders = (found_run(before), found_run(after))
    catalogue = all_checks()
    old, new = (read_or_rebuild(folder, catalogue) for folder in folders)
    found = compare(old, new, folders)
    if as_json:
        print(found.model_dump_json(indent=1, by_alias=True))  # noqa: T201 - what was asked for
    else:
        tell_comparison(found, Console())
    return found.exit_code


def report_command(run: Path, progress: Progress) -> int:
    """Write all views of a run again."""
    from hubproof.reporting import write_views  # noqa: PLC0415
    from hubproof.resuming import read_or_rebuild  # noqa: PLC0415

    folder = found_run(run)
    record = read_or_rebuild(folder, all_checks())
    write_views(record, folder.resolve())
    progress.say(f"written again: {folder}")
    return record.exit_code


def prove_command(names: tuple[str, ...], reports: Path | None, progress: Progress) -> int:
    """Prove the named defects, or all; return 0 when all held, 1 when one was missed."""
    from hubproof.defects import Defect, Seeder, load_defects  # noqa: PLC0415
    from hubproof.lab import lifecycle  # noqa: PLC0415
    from hubproof.lab.layout import Layout  # noqa: PLC0415
    from hubproof.prove import prove, tell  # noqa: PLC0415

    catalogue, defects = discover(), load_defects()
    wanted: list[Defect] = []
    for name in names or tuple(defects):
        found = [one for one in defects.values() if name == one.id or name in one.checks]
        if not found:
            near = difflib.get_close_matches(name, [*defects, *catalogue], n=1, cutoff=0.3)
            raise UsageError(
                f"there is no seeded defect {name}, and no check of that id has one",
                next_step=f"did you mean {near[0]}?" if near else "see fixtures/defects",
            )
        wanted += [one for one in found if one not in wanted]
    who = "hubproof prove"
    with lifecycle.hold(who):
        facts = lifecycle.up(progress, who)
        seeder = Seeder(Layout(facts.state_dir))
        folder = (reports or default_reports()) / "prove"
        proofs = prove(wanted, load_profile(facts.profile), catalogue, seeder, folder, progress)
    return tell(proofs, folder, progress)


def capacity_command(options: Mapping[str, Any], progress: Progress) -> int:
    """Run load users against the target and return the exit code of what was measured."""
    from hubproof.capacity import run_capacity  # noqa: PLC0415

    with the_target(options, "hubproof capacity --lab", progress) as profile:
        record = run_capacity(profile, {**options, "reports": options["reports"] or default_reports()}, progress)
    return record.exit_code
