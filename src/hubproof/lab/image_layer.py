"""Makes the one layer that a recipe adds to its base, with the tools of this machine.

Packages are staged outside the image, since a chroot may not trust the network's certificates; byte code is compiled by
the image's own Python.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hubproof.lab.commands import run
from hubproof.lab.image_archive import pack_folder
from hubproof.lab.image_recipe import Recipe, images_folder
from hubproof.lab.locked_packages import install_npm, install_wheels

Program = Callable[[str], Path]
"""Returns the path of a built Go program by its name; may block until it is built."""
_SITE = "opt/site"
_NEVER_READ = ("doc", "man", "locale", "info", "lintian", "common-licenses", "bug")
_MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
# Unchecked: byte code stays good whatever times the files get in a layer; the interpreter never compares them. Some
# packages have files for other Pythons that do not compile: what fails here would fail there too, so it is no error.
_COMPILE = ("python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")


def make_layer(recipe: Recipe, recipes: dict[str, Recipe], program: Program) -> None:
    """Write the recipe's layer; the file appears whole or not at all."""
    part = recipe.layer.with_suffix(".part")
    if "debian" in recipe.data:
        _install_debian(recipe, part)
    else:
        with tempfile.TemporaryDirectory(dir=images_folder(), prefix=f".{recipe.name}-") as temporary:
            _stage(recipe, Path(temporary), program, recipes)
            pack_folder(Path(temporary), part)
    part.replace(recipe.layer)


def _install_debian(recipe: Recipe, target: Path) -> None:
    left_out = [*(f"/usr/share/{name}/*" for name in _NEVER_READ), *recipe.data.get("leave_out", [])]
    # usrmerge would bring all of Perl, only to merge what mmdebstrap merges from the start.
    packages = ["usr-is-merged", *recipe.data["debian"]]
    hooks = list(recipe.data.get("hooks", []))
    if "python3" in packages:
        hooks.append(f'chroot "$1" {" ".join(_COMPILE)} /usr/lib/python3.11 /usr/lib/python3 || true')
    run([
        "mmdebstrap", "--quiet", "--variant=minbase", f"--hook-dir={_MERGED_USR}", f"--include={','.join(packages)}",
        *[f"--dpkgopt=path-exclude={pattern}" for pattern in left_out], "--dpkgopt=force-unsafe-io",
        "--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Retries 3", "--aptopt=Acquire::http::Timeout 30",
        *[f"--customize-hook={hook}" for hook in hooks], "--format=tar", recipe.data["suite"], str(target),
    ], env={**os.environ, "TMPDIR": str(images_folder())})  # fmt: skip


def _stage(recipe: Recipe, root: Path, program: Program, recipes: dict[str, Recipe]) -> None:
    """Put into a folder what the recipe adds to its base."""
    files = recipe.folder / "files"
    if files.is_dir():
        shutil.copytree(files, root, dirs_exist_ok=True, symlinks=True)
    for host_file, place in recipe.data.get("host_files", {}).items():
        _copy(Path(host_file), root / place.lstrip("/"))
    if "npm" in recipe.data:
        _stage_npm(recipe, root)
    if "python" in recipe.data:
        _stage_python(recipe, root, recipes)
    for name, place in recipe.data.get("programs", {}).items():
        _copy(program(name), root / place.lstrip("/"))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    target.chmod(0o755)


def _stage_python(recipe: Recipe, root: Path, recipes: dict[str, Recipe]) -> None:
    site = root / _SITE
    install_wheels(recipe.folder / recipe.data["python"], site)
    for pattern in recipe.data.get("leave_out", []):
        for path in list(site.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with _chroot(recipes[recipe.base]) as chroot:
        (chroot / _SITE).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(site, chroot / _SITE)
        run(["chroot", chroot, *_COMPILE, f"/{_SITE}"], check=False)
        shutil.move(chroot / _SITE, site)


@contextmanager
def _chroot(base: Recipe) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=images_folder(), prefix=".chroot-") as temporary:
        run(["tar", "-C", temporary, "--exclude=./dev/*", "-xf", base.layer])
        yield Path(temporary)


def _stage_npm(recipe: Recipe, root: Path) -> None:
    """Install locked npm packages; the image gets the Node that did it, too."""
    with tempfile.TemporaryDirectory(dir=images_folder(), prefix=".node-") as temporary:
        folder = Path(temporary) / "packages"
        node = install_npm(recipe.folder, recipe.folder / recipe.data["npm"]["node"], folder, "--omit=dev")
        for pattern in recipe.data.get("leave_out", []):
            for path in list((folder / "node_modules").glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (root / "opt").mkdir(parents=True, exist_ok=True)
        shutil.move(folder, root / "opt/node")
        _copy(node, root / "usr/local/bin/node")
