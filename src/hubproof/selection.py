"""Which checks a command line means, and why each is in or out."""

from __future__ import annotations

import datetime as dt
import difflib
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from hubproof.checking import CheckInfo, Criterion, Reach
from hubproof.errors import UsageError
from hubproof.profile import Profile

Catalogue = Mapping[str, CheckInfo]


@dataclass(frozen=True)
class Wish:
    """What the command line asks for. Words within one option add up; the options narrow each other.

    Attributes:
        words: ids, families or globs; none means all.
        severity: severities; none means all.
        reach: reaches; none means all.
        criterion: criteria, or the beginning of their names; none means all.

    """

    words: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    reach: tuple[str, ...] = ()
    criterion: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Wish:
        """Read the options of the command line."""
        return cls(
            _split(options.get("select")),
            _split(options.get("severity")),
            _split(options.get("only_reach")),
            _split(options.get("criterion")),
        )


@dataclass(frozen=True)
class Selection:
    """What will run, and what will not.

    Attributes:
        why: for each selected check, in the catalogue's order, the words that selected it.
        consent: reaches that may be used.
        not_proven: for each other check of the catalogue, why it does not run.

    """

    why: dict[str, str]
    consent: tuple[str, ...] = ()
    not_proven: dict[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """The ids of what will run."""
        return list(self.why)


def _split(given: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(word.strip() for one in given or () for word in one.split(",") if word.strip())


def choose(catalogue: Catalogue, wish: Wish) -> dict[str, str]:
    """Return the ids that a wish means, each with the words that selected it.

    Empty is what options that together leave nothing come to: a run of nothing, which ends as incomplete.

    Raises:
        UsageError: a word means nothing; the nearest is named.

    """
    by_word = _by_words(catalogue, wish.words)
    criteria = _criteria(wish.criterion)
    chosen = {}
    for check_id, why in by_word.items():
        info = catalogue[check_id]
        reasons = [why]
        for value, allowed in ((info.severity, wish.severity), (info.reach, wish.reach), (info.criterion, criteria)):
            if allowed and value not in allowed:
                break
            reasons += [value] if allowed else []
        else:
            chosen[check_id] = ", ".join(filter(None, reasons)) or "all"
    return chosen


def consented(catalogue: Catalogue, chosen: Mapping[str, str], profile: Profile, allowed: tuple[str, ...]) -> Selection:
    """Return what of the chosen may run: reaches that the profile allows, `disrupt` also by the command line."""
    consent = tuple(
        reach for reach in get_args(Reach) if reach in profile.reach and (reach != "disrupt" or reach in allowed)
    )
    not_proven = {one: "not selected by the command line" for one in catalogue if one not in chosen}
    for check_id in chosen:
        reach = catalogue[check_id].reach
        if reach not in consent:
            where = "the profile's reach" if reach not in profile.reach else "the command line (--allow disrupt)"
            not_proven[check_id] = f"needs {reach}, which {where} does not allow"
    return Selection({one: why for one, why in chosen.items() if one not in not_proven}, consent, not_proven)


def excuse(profile: Profile, info: CheckInfo, today: dt.date) -> str:
    """Return why a check is not applicable to a target: taken out by name until a date, or not promised; else nothing.

    An entry whose date is over excuses nothing any more: the check runs again.
    """
    for entry in profile.not_applicable:
        if entry.check == info.id and (entry.until is None or entry.until >= today):
            return f"{entry.reason} (owner {entry.owner}, until {entry.until or 'further notice'})"
    for promise in info.promise:
        if not profile.promises.has(promise):
            return f"the profile does not promise {promise}"
    return ""


def refuse_unknown_ids(catalogue: Catalogue, profile: Profile) -> None:
    """Refuse a profile that excuses a check which does not exist: such an entry would excuse nothing, in silence.

    Raises:
        UsageError: with the entry and the nearest id.

    """
    for name, entries in (("not_applicable", profile.not_applicable), ("known", profile.known)):
        for entry in entries:
            if entry.check not in catalogue:
                near = difflib.get_close_matches(entry.check, catalogue, n=1, cutoff=0.3)
                raise UsageError(
                    f"{profile.path}: {name}: there is no check {entry.check}",
                    next_step=f"did you mean {near[0]}?" if near else "hubproof checks shows them all",
                )


def _by_words(catalogue: Catalogue, words: tuple[str, ...]) -> dict[str, str]:
    if not words:
        return dict.fromkeys(catalogue, "")
    found: dict[str, list[str]] = {}
    for word in words:
        hits = [i for i, info in catalogue.items() if word in (i, info.family) or fnmatch.fnmatchcase(i, word)]
        if not hits:
            known = [*catalogue, *{info.family for info in catalogue.values()}]
            near = difflib.get_close_matches(word, known, n=1, cutoff=0.3)
            raise UsageError(
                f"--select {word}: there is no such check, family or glob",
                next_step=f"did you mean {near[0]}?" if near else "hubproof checks shows them all",
            )
        for check_id in hits:
            found.setdefault(check_id, []).append(word)
    return {i: " ".join(found[i]) for i in catalogue if i in found}


def _criteria(words: tuple[str, ...]) -> tuple[str, ...]:
    known = get_args(Criterion)
    found: list[str] = []
    for word in words:
        hits = [one for one in known if one.lower().startswith(word.lower())]
        if not hits:
            raise UsageError(f"--criterion {word}: there is no such criterion", next_step=f"one of: {', '.join(known)}")
        found += hits
    return tuple(found)
