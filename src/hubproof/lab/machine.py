"""What the lab needs of the machine: Linux, root, and Debian packages, which it installs and says so."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from hubproof.errors import HubproofError
from hubproof.lab.commands import run
from hubproof.progress import Progress

_OTHER_WAYS = "check a deployment of yours instead: hubproof gate --profile PROFILE [--kubeconfig FILE]"

# Debian package → a file that shows that it is there; a file, since dpkg cannot tell what was installed otherwise.
PACKAGES = {
    "containerd": "/usr/bin/containerd",
    "runc": "/usr/sbin/runc",
    "containernetworking-plugins": "/usr/lib/cni/ptp",
    "nftables": "/usr/sbin/nft",
    "mmdebstrap": "/usr/bin/mmdebstrap",
    "catatonit": "/usr/bin/catatonit",
    "conntrack": "/usr/sbin/conntrack",
    "ipset": "/usr/sbin/ipset",
    "iproute2": "/usr/sbin/ip",
    "e2fsprogs": "/usr/sbin/mkfs.ext4",
    "util-linux": "/usr/bin/unshare",
    "kmod": "/usr/sbin/modprobe",
    "procps": "/usr/sbin/sysctl",
}


def require_machine() -> None:
    """Stop, before anything is touched, where the lab cannot run.

    Raises:
        HubproofError: not Linux, not root, or no apt.

    """
    if platform.system() != "Linux":
        raise HubproofError(f"the lab needs Linux; this is {platform.system()}", next_step=_OTHER_WAYS)
    if os.geteuid() != 0:
        raise HubproofError(
            "the lab needs root: it makes network namespaces, mounts and cgroups",
            next_step=f"run it as root, or {_OTHER_WAYS}",
        )


def install_packages(progress: Progress, packages: Mapping[str, str] = MappingProxyType(PACKAGES)) -> None:
    """Install the Debian packages that are missing, after naming them.

    Args:
        progress: where to tell.
        packages: name of each, and a file that shows that it is there; the lab's own when left out.

    Raises:
        HubproofError: some are missing, and there is no apt-get.

    """
    missing = [name for name, file in packages.items() if not Path(file).exists()]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise HubproofError(
            f"these are missing and there is no apt-get to install them: {', '.join(missing)}",
            next_step=f"install them by your distribution's own means, or {_OTHER_WAYS}",
        )
    with progress.step(f"installing Debian packages: {' '.join(missing)}"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], env=environment)
        # Policy: containerd must not start as a service beside the lab's own.
        policy = Path("/usr/sbin/policy-rc.d")
        guard = not policy.exists()
        if guard:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], env=environment)
        finally:
            if guard:
                policy.unlink()
