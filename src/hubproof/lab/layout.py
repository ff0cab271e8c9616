"""Where the lab's parts are: addresses on the network, folders in the state folder, and its few fixed names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hubproof.resources import home

BRIDGE = "lab-br0"
GATEWAY = "198.18.0.1"
NODES = ("n1", "n2")
NODE_ADDRESS = {"n1": "198.18.0.2", "n2": "198.18.0.3"}
POD_RANGE = {"n1": "198.18.64.0/20", "n2": "198.18.80.0/20"}
ALL_PODS = "198.18.64.0/18"
SERVICES = "198.19.0.0/20"
API_SERVICE = "198.19.0.1"
DNS_SERVICE = "198.19.0.10"
OUTSIDE = "ext"
OUTSIDE_ADDRESS = "198.18.0.10"
PUBLIC_ADDRESS = "198.18.1.10"
"""The address that stands for the public one: a Service's external address, routed to the first node."""
METADATA = "169.254.169.254"
INTERNET = "203.0.113.10"
"""Documentation address (RFC 5737) of the stand-in for any host on the Internet; it lives in `lab-ext`."""
LAB_NETWORKS = ("127.0.0.0/8", "198.18.0.0/15")
"""What a client of the lab may talk to, and nothing else."""
API_SERVER = f"https://{NODE_ADDRESS['n1']}:6443"
MACHINE = Path("/run/hubproof-lab")
"""Machine-wide facts, whoever's state folder the lab lives in: its lock, and what runs."""


@dataclass(frozen=True)
class Layout:
    """The folders of one lab, all below its root."""

    root: Path

    @classmethod
    def default(cls) -> Layout:
        """Return the layout in hubproof's state folder."""
        return cls(home() / "lab")

    @property
    def pki(self) -> Path:
        """Return the folder of certificates, keys and kubeconfigs."""
        return self.root / "pki"

    @property
    def secrets(self) -> Path:
        """Return the folder of generated passwords and tokens, readable by its owner only."""
        return self.root / "secrets"

    @property
    def image_root(self) -> Path:
        """Return the containerd root into which images are unpacked once."""
        return self.root / "image-root"

    @property
    def agents(self) -> Path:
        """Return the copy of hubproof that the running nodes use; a lab outlives the checkout that started it."""
        return self.root / "agents"

    @property
    def admin_kubeconfig(self) -> Path:
        """Return the cluster administrator's kubeconfig: for the lab's own work, never for checks."""
        return self.pki / "admin.kubeconfig"

    @property
    def runner_kubeconfig(self) -> Path:
        """Return the runner's kubeconfig, with the rights of fixtures/rbac and no more."""
        return self.pki / "runner.kubeconfig"

    @property
    def profile(self) -> Path:
        """Return the profile of the reference deployment as it stands in this lab."""
        return self.root / "profile.yaml"

    @property
    def ignore_policies(self) -> Path:
        """Return the file whose presence makes the nodes ignore every NetworkPolicy: a seeded defect."""
        return self.root / "ignore-policies"

    @property
    def seeded_defect(self) -> Path:
        """Return the file that names the seeded defect that is in; a lab that has one is replaced, never adopted."""
        return self.root / "seeded-defect"

    def node(self, name: str) -> Path:
        """Return the folder of one node."""
        return self.root / name


def namespace_of(name: str) -> str:
    """Return the network namespace of a node or of the outside host."""
    return f"lab-{name}"
