"""The recipes of the lab's images: data under fixtures/reference/images, and what tells one state of it from another.

A recipe is a folder with an `image.toml`: Debian packages for the lowest layer, hashed Python requirements, locked npm
packages, Go programs, files. How they become an image is for `image_layer` and `images`.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubproof.errors import HubproofError
from hubproof.resources import home, resource

_FORMAT = "5"
"""Part of every key: raise it when the code makes other bytes of the same recipe."""
_MODULE = {"agnhost": "kubernetes"}
"""Go programs that are not named after the module in fixtures/lab/go that builds them."""


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
    def base(self) -> str:
        """Return the name of the recipe that it stands on; empty when it stands on nothing."""
        return str(self.data.get("base", ""))

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
        return images_folder() / f"{self.name}-{self.key}.layer.tar"

    @property
    def archive(self) -> Path:
        """Return the file of the finished image."""
        return images_folder() / f"{self.name}-{self.key}.oci.tar"


def images_folder() -> Path:
    """Return the folder of what is built. It is made when missing."""
    folder = home() / "lab" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def load_recipes(root: Path | None = None) -> dict[str, Recipe]:
    """Return all recipes by name, each base before what is built on it.

    Args:
        root: folder of recipes; hubproof's own when left out.

    Raises:
        HubproofError: a recipe is not TOML, or stands on one that is not there.

    """
    root = root or resource("fixtures", "reference", "images")
    folders = {path.parent.name: path.parent for path in root.glob("*/image.toml")}
    found: dict[str, Recipe] = {}

    def load(name: str) -> Recipe:
        if name in found:
            return found[name]
        if name not in folders:
            raise HubproofError(f"no recipe of an image {name}", where=str(root))
        data = _read(folders[name] / "image.toml")
        base = load(data["base"]).key if "base" in data else ""
        found[name] = Recipe(name, folders[name], data, _key(folders[name], data, base))
        return found[name]

    for name in sorted(folders):
        load(name)
    return found


def references() -> dict[str, str]:
    """Return the full name of each image by its recipe's name, for the charts' values."""
    return {name: recipe.reference for name, recipe in load_recipes().items() if not recipe.layer_only}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise HubproofError(f"this recipe is not TOML: {error}", where=str(path)) from error


def _key(folder: Path, data: dict[str, Any], base: str) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {base}".encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_mode & 0o111:o}\0".encode() + path.read_bytes())
    for module in sorted({_MODULE.get(program, program) for program in data.get("programs", {})}):
        for name in ("go.mod", "go.sum"):
            digest.update(resource("fixtures", "lab", "go", module, name).read_bytes())
    return digest.hexdigest()[:12]
