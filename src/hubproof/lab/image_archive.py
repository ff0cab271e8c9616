"""Writes OCI image archives: layers are plain tar files, and nothing else is needed to make an image of them.

Layers are not compressed: the archives never leave this machine. Layout: OCI image layout 1.0 in a tar file.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class ImageConfig:
    """What a container of the image starts with, unless its pod says otherwise.

    Attributes:
        env: variables.
        entrypoint: the command.
        user: `uid:gid`.
        workdir: folder that it starts in.

    """

    env: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    user: str = ""
    workdir: str = ""


def pack_folder(folder: Path, target: Path) -> None:
    """Write a folder as a layer: sorted, owned by root, without times, so that equal files give equal bytes."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = 0
        return info

    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=plain)


def write_archive(target: Path, reference: str, layers: list[Path], config: ImageConfig) -> None:
    """Write an archive with one image.

    Args:
        target: the file; it appears whole or not at all.
        reference: the image's full name with tag.
        layers: tar files, lowest first.
        config: what its containers start with.

    """
    digests = [_digest(layer) for layer in layers]
    image = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": [f"{name}={value}" for name, value in config.env.items()],
            "Entrypoint": config.entrypoint or None,
            "User": config.user,
            "WorkingDir": config.workdir,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{one}" for one in digests]},
    }
    config_blob = json.dumps(image, sort_keys=True).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _descriptor(_CONFIG, config_blob),
        "layers": [
            {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": layer.stat().st_size}
            for digest, layer in zip(digests, layers, strict=True)
        ],
    }
    manifest_blob = json.dumps(manifest, sort_keys=True).encode()
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [
            {
                **_descriptor(_MANIFEST, manifest_blob),
                # containerd takes the full name from the first, other tools the name from the second.
                "annotations": {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference},
            }
        ],
    }
    temporary = target.with_name(f".{target.name}.part")
    with tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT) as tar:
        _add_bytes(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add_bytes(tar, "index.json", json.dumps(index).encode())
        for blob in (config_blob, manifest_blob):
            _add_bytes(tar, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
        for digest, layer in dict(zip(digests, layers, strict=True)).items():
            tar.add(layer, arcname=f"blobs/sha256/{digest}")
    temporary.replace(target)


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, BytesIO(data))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
