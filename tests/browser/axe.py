"""axe-core, the accessibility checker that browsers' own tools use: pinned by package-lock.json, kept by hubproof."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from tests.browser.chromium import Page

from hubproof.lab.locked_packages import install_npm
from hubproof.resources import home, root

_HERE = Path(__file__).parent
_NODE = root() / "fixtures" / "reference" / "images" / "proxy" / "node.lock"


def script() -> str:
    """Return axe-core's script; it is fetched when its lock is new to this machine."""
    lock = (_HERE / "package-lock.json").read_bytes()
    folder = home() / "axe" / hashlib.sha256(lock).hexdigest()[:12]
    file = folder / "axe.min.js"
    if not file.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            install_npm(_HERE, _NODE, Path(temporary) / "packages")
            folder.mkdir(exist_ok=True)
            part = folder / ".axe.part"
            shutil.copy(Path(temporary) / "packages" / "node_modules" / "axe-core" / "axe.min.js", part)
            part.replace(file)
    return file.read_text(encoding="utf-8")


def violations(page: Page, axe: str) -> list[str]:
    """Return what is wrong for readers with other senses or means, as `rule: element: why`, by all of axe's rules."""
    page.run(axe)
    told = page.run("axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations))")
    return [
        f"{rule['id']}: {node['target'][0]}: {' '.join(str(node.get('failureSummary')).split())[:220]}"
        for rule in json.loads(told)
        for node in rule["nodes"]
    ]
