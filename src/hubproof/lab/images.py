"""Makes the lab's images on this machine, without a container engine or a registry, and each only when it has changed.

Nothing is built twice: the names of files say what they were made from. A build that was killed leaves only files that
the next one removes before it continues.
"""

from __future__ import annotations

import errno
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from hubproof.errors import HubproofError
from hubproof.lab.commands import advice, run
from hubproof.lab.image_archive import ImageConfig, write_archive
from hubproof.lab.image_layer import Program, make_layer
from hubproof.lab.image_recipe import Recipe, images_folder, load_recipes, references
from hubproof.progress import Progress

__all__ = ["build_images", "load_recipes", "references"]

_AT_ONCE = 2


def build_images(progress: Progress, program: Program) -> list[Path]:
    """Build what is missing or has changed and return the archives of all images.

    Args:
        progress: where to tell.
        program: returns the path of a built Go program; may block until it is built.

    Raises:
        HubproofError: a package could not be had, a tool failed, or the disk is full; the next try continues.

    """
    recipes = load_recipes()
    _forget_others({path for recipe in recipes.values() for path in (recipe.archive, recipe.layer)})
    stale = [recipe for recipe in recipes.values() if not recipe.product.exists()]
    if stale:
        _Builder(recipes, progress, program).build(stale)
    return [recipe.archive for recipe in recipes.values() if not recipe.layer_only]


def _forget_others(kept: set[Path]) -> None:
    """Remove what no recipe leads to any more, and what a killed build left half made."""
    for path in images_folder().iterdir():
        if path not in kept:
            # A half-made system may still have folders of this machine mounted: those are not to be entered.
            run(["rm", "-rf", "--one-file-system", path])


class _Builder:
    """Builds recipes, a few at once, each after its base.

    Args:
        recipes: all, by name.
        progress: where to tell.
        program: returns the path of a built Go program.

    """

    def __init__(self, recipes: dict[str, Recipe], progress: Progress, program: Program) -> None:
        self._recipes = recipes
        self._progress = progress
        self._program = program
        self._slots = threading.Semaphore(_AT_ONCE)

    def build(self, stale: list[Recipe]) -> None:
        """Build these, given with each base before what is built on it."""
        with ThreadPoolExecutor(len(stale)) as pool:
            tasks: dict[str, Future[None]] = {}
            for recipe in stale:
                tasks[recipe.name] = pool.submit(self._build_after, tasks.get(recipe.base), recipe)
            for task in tasks.values():
                task.result()

    def _build_after(self, base: Future[None] | None, recipe: Recipe) -> None:
        if base:
            base.result()
        for name in recipe.data.get("programs", {}):
            self._program(name)  # waits here, where it keeps nobody from building
        with self._slots, self._progress.step(f"image {recipe.reference}"):
            try:
                self._build(recipe)
            except OSError as error:
                full = "no space left" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
                raise HubproofError(
                    f"image {recipe.name} could not be built: {error}",
                    where=str(images_folder()),
                    next_step=advice(full),
                ) from error

    def _build(self, recipe: Recipe) -> None:
        if not recipe.layer.exists():
            make_layer(recipe, self._recipes, self._program)
        if recipe.layer_only:
            return
        line = [recipe]
        while line[0].base:
            line.insert(0, self._recipes[line[0].base])
        layers = [each.layer for each in line]
        write_archive(recipe.archive, recipe.reference, layers, image_config(line))


def image_config(line: list[Recipe]) -> ImageConfig:
    """Return what containers start with, each recipe of a line (lowest first) overriding those below it."""
    config = ImageConfig()
    for recipe in line:
        own = recipe.data.get("config", {})
        config = ImageConfig(
            env={**config.env, **own.get("env", {})},
            entrypoint=own.get("entrypoint", config.entrypoint),
            user=own.get("user", config.user),
            workdir=own.get("workdir", config.workdir),
        )
    return config
