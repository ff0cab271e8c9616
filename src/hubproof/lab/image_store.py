"""Image archives and containerd: unpacked once into a template that all nodes start from, or added to running nodes.

An archive is an OCI archive of one image, whose reference stands in it. What is unpacked is not unpacked again.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hubproof.errors import HubproofError
from hubproof.lab.commands import run
from hubproof.lab.layout import MACHINE, Layout
from hubproof.progress import Progress
from hubproof.waiting import wait_for

_NAME = "org.opencontainers.image.ref.name"
_CONTAINERD = ("-n", "k8s.io")


@dataclass(frozen=True)
class Archive:
    """One image archive.

    Attributes:
        path: the file.
        reference: the image's full name with tag.
        digest: of its manifest, so of all its content.

    """

    path: Path
    reference: str
    digest: str


def read_archive(path: Path) -> Archive:
    """Return what an OCI archive says of its image.

    Raises:
        HubproofError: it is none, or holds no image with a name.

    """
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile("index.json")
            index = json.load(member) if member else {}
        manifest = index["manifests"][0]
        return Archive(path, manifest["annotations"][_NAME], manifest["digest"])
    except (OSError, tarfile.TarError, ValueError, KeyError, IndexError) as error:
        raise HubproofError(
            f"{path.name} is no OCI archive of a named image: {error!r}",
            where=str(path),
            next_step="remove the file; the next try builds it again",
        ) from error


def digests(archives: Sequence[Archive]) -> dict[str, str]:
    """Return digest by reference, by which two sets of images are compared."""
    return {archive.reference: archive.digest for archive in archives}


def reference_of(archives: Sequence[Archive], name: str) -> str:
    """Return the full reference of the lab's own image `name` (`localhost/lab/<name>:…`)."""
    for archive in archives:
        if archive.reference.startswith(f"localhost/lab/{name}:"):
            return archive.reference
    raise HubproofError(f"no image archive holds localhost/lab/{name}", wanted="the lab's own images to be built")


def update_template(layout: Layout, archives: Sequence[Archive], progress: Progress) -> None:
    """Make the template hold exactly these images, unpacking only what is new. No node may run from it meanwhile."""
    note = layout.image_root.with_suffix(".json")
    before: dict[str, str] = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    if before == digests(archives):
        return
    new = [archive for archive in archives if before.get(archive.reference) != archive.digest]
    old = [reference for reference in before if reference not in digests(archives)]
    note.unlink(missing_ok=True)  # until it is whole again, so that a killed update starts over
    if not before:
        new = list(archives)
    with progress.step(f"unpacking {len(new)} images"), _containerd(layout.image_root) as socket:
        for archive in new:
            run(["ctr", "-a", socket, *_CONTAINERD, "images", "import", archive.path])
        if old:
            run(["ctr", "-a", socket, *_CONTAINERD, "images", "rm", "--sync", *old], check=False)
    note.write_text(json.dumps(digests(archives), indent=1), encoding="utf-8")


def add_to_node(first_process: int, archives: Sequence[Archive], socket: str) -> None:
    """Give a running node images that it lacks.

    Args:
        first_process: the node's first process, in whose namespaces its containerd is reached.
        archives: the images.
        socket: containerd's address in the node.

    """
    for archive in archives:
        inside = ["nsenter", "--target", str(first_process), "--mount", "--pid"]
        run([*inside, "ctr", "-a", socket, *_CONTAINERD, "images", "import", archive.path])


@contextmanager
def _containerd(root: Path) -> Iterator[str]:
    """Run a throw-away containerd on the template; it and its mounts end with this block, and with this process."""
    MACHINE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MACHINE, prefix="import-") as name:
        folder = Path(name)
        socket = folder / "c.sock"
        config = folder / "containerd.toml"
        config.write_text(
            f'version = 2\nroot = "{root}"\nstate = "{folder}/state"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\n  address = "{socket}"\n'
            f'[plugins."io.containerd.internal.v1.opt"]\n  path = "{folder}/opt"\n',
            encoding="utf-8",
        )
        log = root.with_suffix(".log")
        # Own mounts and processes: a killed import leaves neither mounts nor a containerd that locks the databases.
        confined = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*confined, "containerd", "-c", str(config)], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            wait_for(
                lambda: run(["ctr", "-a", socket, "version"], check=False).returncode == 0,
                within=20,
                what="containerd to start",
                last=lambda: log.read_text(encoding="utf-8", errors="replace")[-500:],
            )
            yield str(socket)
        finally:
            process.kill()
            process.wait()
