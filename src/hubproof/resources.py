"""Where hubproof's own files are: checks, profiles, templates, defects; and where its state is kept.

One function for both a checkout and an installed wheel, so that no other module computes a path from `__file__`.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def root() -> Path:
    """Return the folder that holds `tests`, `load`, `fixtures` and `reports`: the checkout, or the wheel's data."""
    checkout = _PACKAGE.parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "src" / "hubproof").is_dir():
        return checkout
    return _PACKAGE / "_data"


def resource(*parts: str) -> Path:
    """Return the path of one of hubproof's own files.

    Raises:
        FileNotFoundError: the file is not part of this installation.

    """
    path = root().joinpath(*parts)
    if not path.exists():
        msg = f"hubproof's own file {'/'.join(parts)} is missing from this installation ({root()})"
        raise FileNotFoundError(msg)
    return path


def home() -> Path:
    """Return the state folder: `HUBPROOF_HOME`, else `hubproof` in the user's cache folder. It is made when missing."""
    chosen = os.environ.get("HUBPROOF_HOME")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hubproof"
    base.mkdir(parents=True, exist_ok=True)
    return base.resolve()
