"""Images: recipes, their keys, what goes into an archive, and what a build does again, never does again, or removes."""

import errno
import hashlib
import json
import re
import tarfile
from pathlib import Path

import pytest
from rich.console import Console

from hubproof.errors import HubproofError
from hubproof.lab import image_recipe, images
from hubproof.lab.image_archive import ImageConfig, pack_folder, write_archive
from hubproof.lab.image_recipe import Recipe, load_recipes
from hubproof.progress import Progress
from hubproof.resources import resource

QUIET = Progress(Console(quiet=True))


def write_recipes(root: Path) -> Path:
    for name, text in {
        "base": 'reference = "localhost/lab/base:{key}"\n[config]\nenv = { A = "1", B = "1" }\nuser = "0"\n',
        "app": 'reference = "localhost/lab/app:{key}"\nbase = "base"\n[config]\nenv = { B = "2" }\n',
        "under": 'reference = "x:{key}"\nlayer_only = true\n',
    }.items():
        (root / name).mkdir(parents=True)
        (root / name / "image.toml").write_text(text)
    return root


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Recipe]:
    monkeypatch.setenv("HUBPROOF_HOME", str(tmp_path / "home"))
    loaded = load_recipes(write_recipes(tmp_path / "recipes"))
    monkeypatch.setattr(images, "load_recipes", lambda: loaded)
    return loaded


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def make(recipe: Recipe, recipes: dict[str, Recipe], _program: object) -> None:
        assert not recipe.base or recipes[recipe.base].layer.exists(), "built before its base"
        names.append(recipe.name)
        folder = recipe.layer.parent / f".{recipe.name}-folder"
        folder.mkdir()
        (folder / recipe.name).write_text(recipe.name)
        pack_folder(folder, recipe.layer)

    monkeypatch.setattr(images, "make_layer", make)
    return names


def no_program(name: str) -> Path:
    raise AssertionError(name)


def test_own_recipes_load_each_base_before_what_stands_on_it() -> None:
    loaded = list(load_recipes().values())
    for place, recipe in enumerate(loaded):
        assert not recipe.base or recipe.base in {before.name for before in loaded[:place]}
        assert recipe.layer_only or re.fullmatch(r"[\w./-]+:[\w.]+", recipe.reference)


def test_key_follows_every_file_its_mode_and_the_base(tmp_path: Path) -> None:
    root = write_recipes(tmp_path / "recipes")
    before = load_recipes(root)
    script = root / "base" / "files" / "start"
    script.parent.mkdir()
    script.write_text("one")
    with_file = load_recipes(root)
    script.chmod(0o755)
    executable = load_recipes(root)
    assert before["base"].key != with_file["base"].key != executable["base"].key
    assert before["app"].key != with_file["app"].key
    assert before["under"].key == executable["under"].key


def test_recipe_on_a_base_that_is_not_there_is_named(tmp_path: Path) -> None:
    root = write_recipes(tmp_path / "recipes")
    (root / "app" / "image.toml").write_text('reference = "a"\nbase = "nowhere"\n')
    with pytest.raises(HubproofError, match="nowhere"):
        load_recipes(root)


def test_recipe_that_is_not_toml_is_named(tmp_path: Path) -> None:
    root = write_recipes(tmp_path / "recipes")
    (root / "app" / "image.toml").write_text("reference: a\n")
    with pytest.raises(HubproofError) as caught:
        load_recipes(root)
    assert caught.value.where.endswith("app/image.toml")


def test_what_is_built_is_not_built_again(recipes: dict[str, Recipe], made: list[str]) -> None:
    first = images.build_images(QUIET, no_program)
    assert sorted(made) == ["app", "base", "under"]
    assert images.build_images(QUIET, no_program) == first
    assert len(made) == 3
    assert [path.name for path in first] == [f"{name}-{recipes[name].key}.oci.tar" for name in ("base", "app")]


def test_a_killed_build_continues_and_what_it_left_goes(recipes: dict[str, Recipe], made: list[str]) -> None:
    images.build_images(QUIET, no_program)
    folder = recipes["app"].archive.parent
    recipes["app"].archive.unlink()
    (folder / ".app-x").mkdir()
    (folder / "app-0123.layer.part").write_text("half")
    (folder / "app-000000000000.oci.tar").write_text("of an older recipe")
    images.build_images(QUIET, no_program)
    assert len(made) == 3, "the layer was there already"
    kept = {path for recipe in recipes.values() for path in (recipe.archive, recipe.layer)}
    assert set(folder.iterdir()) == {path for path in kept if path.exists()}


def test_full_disk_is_told_as_such(recipes: dict[str, Recipe], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(images, "make_layer", full)
    with pytest.raises(HubproofError) as caught:
        images.build_images(QUIET, no_program)
    assert "the disk is full" in caught.value.next_step
    assert not recipes["app"].archive.exists()


def test_containers_start_with_what_the_highest_recipe_says(recipes: dict[str, Recipe]) -> None:
    config = images.image_config([recipes["base"], recipes["app"]])
    assert config == ImageConfig(env={"A": "1", "B": "2"}, user="0")


def test_equal_folders_make_equal_layers(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name / "opt").mkdir(parents=True)
        (tmp_path / name / "opt" / "b").write_text("b")
        (tmp_path / name / "a").symlink_to("opt/b")
        pack_folder(tmp_path / name, tmp_path / f"{name}.tar")
        digests.add(hashlib.sha256((tmp_path / f"{name}.tar").read_bytes()).hexdigest())
    assert len(digests) == 1
    with tarfile.open(tmp_path / "one.tar") as tar:
        assert {(member.uid, member.gid, member.mtime) for member in tar} == {(0, 0, 0)}


def test_archive_holds_what_its_manifest_says(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("content")
    layer, archive = tmp_path / "layer.tar", tmp_path / "image.oci.tar"
    pack_folder(tmp_path / "folder", layer)
    write_archive(archive, "localhost/lab/app:1", [layer], ImageConfig(env={"A": "1"}, user="1000:100"))
    with tarfile.open(archive) as tar:
        blobs = {m.name.removeprefix("blobs/sha256/"): tar.extractfile(m).read() for m in tar if "blobs" in m.name}  # type: ignore[union-attr]
        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
    assert all(hashlib.sha256(blob).hexdigest() == digest for digest, blob in blobs.items())
    manifest = json.loads(blobs[index["manifests"][0]["digest"].removeprefix("sha256:")])
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    assert index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == "localhost/lab/app:1"
    assert config["config"]["Env"] == ["A=1"]
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]


def locks() -> list[Path]:
    return sorted(resource("fixtures", "reference", "images").rglob("*.lock"))


@pytest.mark.parametrize("lock", locks(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_python_package_is_pinned_by_hash_and_no_registry_is_named(lock: Path) -> None:
    text = lock.read_text()
    requirements = re.split(r"(?m)^(?=[\w.-]+(?:\[[\w,-]+\])?==)", text)[1:]
    assert requirements
    assert all("--hash=sha256:" in requirement for requirement in requirements)
    assert "://" not in text


def test_every_npm_package_is_pinned_by_hash_and_no_registry_is_named() -> None:
    lock = json.loads((resource("fixtures", "reference", "images") / "proxy" / "package-lock.json").read_text())
    packages = [package for path, package in lock["packages"].items() if path]
    assert packages
    assert all(package["integrity"].startswith("sha512-") and "resolved" not in package for package in packages)


def test_recipes_are_read_from_hubproofs_own_files() -> None:
    assert image_recipe.load_recipes().keys() >= {"base", "coredns", "hub", "idp", "notebook", "pause", "proxy"}
