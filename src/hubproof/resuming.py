"""Goes on with a run that was stopped, killed, or could not run everything: what is missing runs, the rest is kept.

A kept result says which run it is from. Kept is only what had a clear end; a run too old to speak of the deployment
as it is now, or one against another profile, is refused.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from hubproof.checking import CheckInfo
from hubproof.completing import complete
from hubproof.errors import UsageError
from hubproof.profile import Profile
from hubproof.profile_file import load_profile
from hubproof.record import AnatomyRecord, CheckRecord, ReachRecord, RunRecord, judge
from hubproof.run import RESULTS, RunSettings

KEPT_FOR = dt.timedelta(hours=24)
"""How long a result may be kept: after a day a deployment has seen too much for it."""
_UNCLEAR = {"could-not-run", "inconclusive", "error"}


@dataclass(frozen=True)
class Resumed:
    """What is taken from an earlier run.

    Attributes:
        run_id: of that run.
        folder: of that run.
        missing: ids to run now.
        kept: results that stand.
        anatomy: spawns that belong to them.
        reach: what was seen of reachability that belongs to them.

    """

    run_id: str
    folder: Path
    missing: tuple[str, ...]
    kept: tuple[CheckRecord, ...]
    anatomy: tuple[AnatomyRecord, ...]
    reach: tuple[ReachRecord, ...]

    def bring_evidence(self, folder: Path) -> None:
        """Copy the evidence of what is kept into the new run's folder, so that its report stands alone."""
        for piece in (piece for one in self.kept for piece in one.evidence if piece.path):
            source, target = self.folder / piece.path, folder / piece.path
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


def resume(folder: Path, profile: Profile, catalogue: dict[str, CheckInfo]) -> Resumed:
    """Read an earlier run and say what of it is missing.

    Args:
        folder: of the earlier run; `latest` will do.
        profile: the target, which must be the one of that run.
        catalogue: every check.

    Raises:
        UsageError: there is no such run, it is too old, was against another profile, or lacks nothing.

    """
    folder = folder.resolve()
    record = read_or_rebuild(folder, catalogue)
    if record.run.mode != "gate":
        raise UsageError(f"--resume {folder.name}: that was a {record.run.mode} run; only a gate can be resumed")
    if record.run.profile_sha256 != profile.sha256:
        raise UsageError(
            f"--resume {folder.name}: that run was against another profile than {profile.path}",
            next_step="run the gate anew: what was promised then is not what is promised now",
        )
    age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(record.run.started)
    if age > KEPT_FOR:
        raise UsageError(
            f"--resume {folder.name}: that run is {age.days} days and {age.seconds // 3600} hours old",
            next_step="run the gate anew; results are kept for 24 hours",
        )
    unclear = {one.id for one in record.checks if one.verdict in _UNCLEAR or one.id not in catalogue}
    missing = tuple(i for i in catalogue if i in unclear)
    if not missing:
        raise UsageError(
            f"--resume {folder.name}: nothing of that run was stopped or could not run",
            next_step="run the gate anew, or see its report",
        )
    kept = tuple(
        one.model_copy(update={"run": one.run or record.run.id}) for one in record.checks if one.id not in unclear
    )
    anatomy = tuple(one for one in record.anatomy if one.check not in unclear)
    reach = tuple(one for one in record.reach if one.check not in unclear)
    return Resumed(record.run.id, folder, missing, kept, anatomy, reach)


def with_kept(record: RunRecord, resumed: Resumed) -> RunRecord:
    """Return the record of the new run with the kept results among its own."""
    checks = sorted([*record.checks, *resumed.kept], key=lambda one: (one.id, one.case))
    not_proven = {one: why for one, why in record.not_proven.items() if one not in {kept.id for kept in checks}}
    drawn = {"anatomy": [*resumed.anatomy, *record.anatomy], "reach": [*resumed.reach, *record.reach]}
    return record.model_copy(update={"checks": checks, "not_proven": not_proven, **drawn})


def read_or_rebuild(folder: Path, catalogue: dict[str, CheckInfo]) -> RunRecord:
    """Return the record of a run; of one that was killed before its report, made from the results that it had.

    Raises:
        UsageError: the folder holds no run.

    """
    if (folder / "report.json").is_file():
        return RunRecord.load(folder)
    if not (folder / "settings.json").is_file():
        raise UsageError(f"{folder} holds neither a report.json nor a run", next_step="name the folder of a run")
    settings = RunSettings.load(folder)
    results = folder / RESULTS
    whole = [one for one in results.read_bytes().split(b"\n")[:-1] if one] if results.exists() else []
    record = complete(
        [json.loads(one) for one in whole],
        profile=load_profile(settings.profile, kubeconfig=settings.kubeconfig),
        catalogue=catalogue,
        settings=settings,
        stopped="its process ended before its report was written",
        notes=[],
        seconds=results.stat().st_mtime - _began(settings) if whole else 0.0,
        versions={},
    )
    return judge(record, settings.fail_on)


def _began(settings: RunSettings) -> float:
    return dt.datetime.fromisoformat(settings.started).timestamp()
