"""Provisions volumes on one node: every claim gets an ext4 file system of the size that it asks for, on a loop device.

Runs in the node's mount namespace, so that ending the node ends its mounts and frees its loop devices. StorageClass:
provisioner `lab.hubproof.dev/loop`, binding WaitForFirstConsumer. No expansion, no shared access.
"""

from __future__ import annotations

import argparse
import contextlib
import http
import http.client
import subprocess
import threading
import time
from pathlib import Path

from hubproof.lab.kube_api import ApiAnswerError, KubeApi, Mirror, Object, read_kubeconfig, say

PROVISIONER = "lab.hubproof.dev/loop"
_NODE = "lab.hubproof.dev/node"
_MAKER = "pv.kubernetes.io/provisioned-by"
_BLOCK = 4096
_LARGEST_EXTRA = 2**24
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def bytes_of(quantity: str) -> int:
    """Return the bytes that a Kubernetes quantity of storage means."""
    for unit, factor in _UNITS.items():
        if quantity.endswith(unit):
            return int(float(quantity.removesuffix(unit)) * factor)
    return int(quantity)


def file_size(promised: int) -> int:
    """Return how large a file must be for its file system to have `promised` bytes available.

    Inode tables (2 % at one inode per 16 KiB) and the clusters that ext4 keeps back (2 %, at most 16 MiB) come on top.
    Tried from 16 MiB to 10 GiB.
    """
    share = promised // 50
    size = promised + share + min(share, _LARGEST_EXTRA) + 2**21
    return (size + _BLOCK - 1) // _BLOCK * _BLOCK


class VolumeAgent:
    """One node's provisioner.

    Args:
        node: the node's name.
        api: the API server.
        folder: where volumes and their files are kept.

    """

    def __init__(self, node: str, api: KubeApi, folder: Path) -> None:
        self._node = node
        self._api = api
        self._folder = folder
        self._wake = threading.Event()
        self._claims = Mirror(api, "/api/v1/persistentvolumeclaims", self._awaited_claim, self._wake.set)
        self._volumes = Mirror(api, "/api/v1/persistentvolumes", self._own_volume, self._wake.set)

    def run(self) -> None:
        """Make, mount and remove volumes as the API asks for, for ever."""
        for mirror in (self._claims, self._volumes):
            mirror.start()
        for mirror in (self._claims, self._volumes):
            mirror.synced.wait()
        while True:
            self._wake.wait()
            self._wake.clear()
            try:
                self._reconcile()
            except subprocess.CalledProcessError as error:
                self._try_again(f"{error} {error.stderr}")
            except (OSError, http.client.HTTPException, ApiAnswerError) as error:
                self._try_again(repr(error))

    def _try_again(self, why: str) -> None:
        say(f"will try again: {why:.500}")
        time.sleep(0.5)
        self._wake.set()

    def _awaited_claim(self, claim: Object) -> Object | None:
        """Keep the claims that wait for a volume on this node."""
        notes = claim["metadata"].get("annotations", {})
        awaited = (
            claim["status"].get("phase") == "Pending"
            and not claim["spec"].get("volumeName")
            and notes.get("volume.kubernetes.io/storage-provisioner") == PROVISIONER
            and notes.get("volume.kubernetes.io/selected-node") == self._node
        )
        return claim if awaited else None

    def _own_volume(self, volume: Object) -> Object | None:
        notes = volume["metadata"].get("annotations", {})
        return volume if notes.get(_MAKER) == PROVISIONER and notes.get(_NODE) == self._node else None

    def _reconcile(self) -> None:
        known = {name for _, name in self._volumes.items}
        for claim in self._claims.items.values():
            name = f"pvc-{claim['metadata']['uid']}"
            if name not in known:
                self._provision(name, claim)
        for volume in self._volumes.items.values():
            name, phase = volume["metadata"]["name"], volume["status"].get("phase")
            if phase == "Released" and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete":
                self._remove(name, being_deleted="deletionTimestamp" in volume["metadata"])
            elif phase in {"Bound", "Available", "Pending"}:
                _mount(self._folder / name)  # after a restart of the node

    def _provision(self, name: str, claim: Object) -> None:
        wanted = claim["spec"]["resources"]["requests"]["storage"]
        path, started = self._folder / name, time.monotonic()
        _make(path, file_size(bytes_of(wanted)))
        with contextlib.suppress(_AlreadyThere):
            self._post(name, claim, wanted, path)
        say(f"{name} {wanted} made in {(time.monotonic() - started) * 1000:.0f} ms")

    def _post(self, name: str, claim: Object, wanted: str, path: Path) -> None:
        meta, spec = claim["metadata"], claim["spec"]
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [self._node]}
        owner = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "uid": meta["uid"]}
        try:
            self._api.call("POST", "/api/v1/persistentvolumes", {
                "metadata": {"name": name, "annotations": {_MAKER: PROVISIONER, _NODE: self._node}},
                "spec": {
                    "capacity": {"storage": wanted},
                    "accessModes": spec["accessModes"],
                    "storageClassName": spec.get("storageClassName", ""),
                    "persistentVolumeReclaimPolicy": "Delete",
                    "local": {"path": str(path)},
                    "claimRef": {**owner, "namespace": meta["namespace"], "name": meta["name"]},
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
                },
            })  # fmt: skip
        except ApiAnswerError as error:
            if error.status == http.HTTPStatus.CONFLICT:
                raise _AlreadyThere from error
            raise

    def _remove(self, name: str, *, being_deleted: bool) -> None:
        path = self._folder / name
        if path.is_mount():
            _command("umount", path)
        if path.is_dir():
            path.rmdir()
        _file_of(path).unlink(missing_ok=True)
        if not being_deleted:
            with contextlib.suppress(ApiAnswerError):
                self._api.call("DELETE", f"/api/v1/persistentvolumes/{name}")
        say(f"{name} removed")


class _AlreadyThere(Exception):  # noqa: N818 - no error: an earlier try had made it
    """The volume is already known to the API server."""


def _file_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.img")


def _make(path: Path, size: int) -> None:
    """Make the file with its file system, unless an earlier try did, and mount it for any user to write."""
    if not _file_of(path).exists():
        temporary = path.with_name(f"{path.name}.tmp")
        with temporary.open("wb") as file:
            file.truncate(size)
        _command(
            "mkfs.ext4", "-q", "-m", "0", "-b", str(_BLOCK), "-i", "16384", "-O", "^has_journal,^resize_inode",
            "-E", "lazy_itable_init=1", temporary,
        )  # fmt: skip
        temporary.rename(_file_of(path))
    _mount(path)
    path.chmod(0o777)
    with contextlib.suppress(FileNotFoundError):
        (path / "lost+found").rmdir()


def _mount(path: Path) -> None:
    if not path.is_mount():
        path.mkdir(parents=True, exist_ok=True)
        # -o loop sets autoclear: the device is free again with its last mount.
        _command("mount", "-t", "ext4", "-o", "loop", _file_of(path), path)


def _command(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)


def main() -> None:
    """Run the agent of the node that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("node")
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    VolumeAgent(given.node, read_kubeconfig(given.kubeconfig), given.folder).run()


if __name__ == "__main__":
    main()
