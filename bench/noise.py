"""Says how much the times of checks differ between runs of one deployment that nobody changed.

Run it as `python bench/noise.py RUN RUN [RUN …]` with folders of gates. It compares every pair as `hubproof report A B`
does, and prints how many checks would be called slower or faster: the rule is good when that is none.
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

from hubproof.record import RunRecord
from hubproof.reporting.comparison import SLOWER_BY, SLOWER_THAN, compare


def main() -> int:
    """Print the largest differences, and what the rule says of them."""
    folders = [Path(word) for word in sys.argv[1:]]
    records = {folder: RunRecord.load(folder) for folder in folders}
    flagged, pairs, most = [], 0, (0.0, "")
    for one, other in combinations(folders, 2):
        pairs += 1
        found = compare(records[one], records[other], (one, other))
        flagged += [change.name for change in found.of_kind("slower", "faster")]
        times = {check.name: check.seconds for check in records[one].checks if check.verdict == "pass"}
        for check in records[other].checks:
            if check.name in times and check.verdict == "pass":
                most = max(most, (abs(check.seconds - times[check.name]), check.name))
    print(f"{len(folders)} runs, {pairs} pairs; rule: {SLOWER_BY:g} times and {SLOWER_THAN:g} s")
    print(f"largest difference: {most[0]:.1f} s, {most[1]}")
    print(f"called slower or faster: {len(flagged)} ({', '.join(sorted(set(flagged))) or 'none'})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
