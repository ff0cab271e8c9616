from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from hubproof.errors import HubproofError
from hubproof.lab.image_store import Archive, digests, read_archive, reference_of


def archive(path: Path, index: object) -> Path:
    data = json.dumps(index).encode()
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("index.json")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return path


def test_reference_and_digest_stand_in_the_archive(tmp_path: Path) -> None:
    named = {"annotations": {"org.opencontainers.image.ref.name": "localhost/lab/hub:1"}, "digest": "sha256:ab"}
    read = read_archive(archive(tmp_path / "hub.tar", {"manifests": [named]}))
    assert (read.reference, read.digest) == ("localhost/lab/hub:1", "sha256:ab")


@pytest.mark.parametrize("index", [{}, {"manifests": []}, {"manifests": [{"digest": "sha256:ab"}]}])
def test_an_archive_without_a_named_image_is_told_to_be_removed(tmp_path: Path, index: object) -> None:
    with pytest.raises(HubproofError, match="no OCI archive") as raised:
        read_archive(archive(tmp_path / "broken.tar", index))
    assert "next try" in raised.value.next_step


def test_a_truncated_archive_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "short.tar").write_bytes(b"x" * 100)
    with pytest.raises(HubproofError, match="no OCI archive"):
        read_archive(tmp_path / "short.tar")


def test_the_labs_own_images_are_found_by_name() -> None:
    images = [Archive(Path("a"), "docker.io/other/pause:1", "1"), Archive(Path("b"), "localhost/lab/pause:2", "2")]
    assert reference_of(images, "pause") == "localhost/lab/pause:2"
    assert digests(images)["localhost/lab/pause:2"] == "2"
    with pytest.raises(HubproofError):
        reference_of(images, "coredns")
