"""What a node's programs are told: configuration files and command lines, as pure functions of the node's description.

Starting them is `node`'s work. Why each unusual setting is there stands beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubproof.lab import layout as at
from hubproof.lab.layout import Layout

CONTAINERD_SOCKET = "/run/containerd.sock"
CNI_PROGRAMS = "/run/cni-bin"
POLICY_PLUGIN = "hubproof-policy"


@dataclass(frozen=True)
class NodeSetup:
    """One node.

    Attributes:
        name: `n1` or `n2`; the first carries the control plane.
        layout: where the lab is.
        pause: reference of the image that holds a pod's namespaces.
        reserved_mib: memory kept back, since both nodes see the whole machine's.

    """

    name: str
    layout: Layout
    pause: str
    reserved_mib: int

    @property
    def folder(self) -> Path:
        """Return the node's own folder."""
        return self.layout.node(self.name)

    @property
    def address(self) -> str:
        """Return the node's address."""
        return at.NODE_ADDRESS[self.name]

    @property
    def is_first(self) -> bool:
        """Return whether the node carries the control plane."""
        return self.name == at.NODES[0]


def containerd_toml(node: NodeSetup) -> str:
    """Return containerd's configuration.

    Version 1.6 takes one folder of CNI programs only; `opt` is set since its default lies outside the node.
    """
    return f"""\
version = 2
root = "{node.folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{node.pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{node.folder}/cni"
"""


def cni_conflist(node: NodeSetup) -> str:
    """Return the chain of CNI plugins: a veth pair, host ports, and the policy agent's consent."""
    ranges = [[{"subnet": at.POD_RANGE[node.name]}]]
    ipam = {"type": "host-local", "dataDir": f"{node.folder}/ipam", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": ipam},
        {"type": "portmap", "capabilities": {"portMappings": True}},
        {"type": POLICY_PLUGIN},
    ]
    return json.dumps({"cniVersion": "1.0.0", "name": "lab", "plugins": plugins}, indent=1)


def kubelet_config(node: NodeSetup) -> str:
    """Return the kubelet's configuration; JSON is YAML."""
    authority = str(node.layout.pki / "ca.crt")
    config: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/lab-{node.name}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": ["pods"],
        "failCgroupV1": False,
        "failSwapOn": False,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": authority},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [at.DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "podLogsDir": f"{node.folder}/pod-logs",
        "volumePluginDir": "/run/volume-plugins",
        "maxPods": 200,
        "serializeImagePulls": False,
        "evictionHard": {"memory.available": "200Mi", "nodefs.available": "2%", "imagefs.available": "2%"},
        "imageGCHighThresholdPercent": 100,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "podPidsLimit": -1,
        "makeIPTablesUtilChains": False,
        "resolvConf": f"{node.folder}/resolv.conf",
        "nodeStatusUpdateFrequency": "4s",
        "nodeLeaseDurationSeconds": 12,
        # Without it each of the nodes would offer the whole machine's memory.
        "systemReserved": {"memory": f"{node.reserved_mib}Mi"},
    }
    return json.dumps(config, indent=1)


def control_plane_store(node: NodeSetup) -> list[str]:
    """Return etcd's command line. It needs no fsync: the lab's state does not outlive the lab."""
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    return [
        _program(node, "etcd"), "--data-dir", f"{node.folder}/etcd", "--unsafe-no-fsync", "--log-level", "warn",
        "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
    ]  # fmt: skip


def api_server(node: NodeSetup) -> list[str]:
    """Return kube-apiserver's command line."""
    pki = node.layout.pki
    return [
        _program(node, "kube-apiserver"),
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={node.address}",
        "--bind-address=0.0.0.0",
        "--secure-port=6443",
        f"--service-cluster-ip-range={at.SERVICES}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        "--kubelet-preferred-address-types=InternalIP",
        # Pods of a dead node move after 20 s instead of five minutes, so that a check can watch it.
        "--default-not-ready-toleration-seconds=20",
        "--default-unreachable-toleration-seconds=20",
    ]


def controllers(node: NodeSetup) -> dict[str, list[str]]:
    """Return the command lines of what needs the API server and runs beside it."""
    pki = node.layout.pki
    return {
        "kube-controller-manager": [
            _program(node, "kube-controller-manager"),
            f"--kubeconfig={pki}/controller-manager.kubeconfig",
            f"--service-account-private-key-file={pki}/sa.key",
            f"--root-ca-file={pki}/ca.crt",
            f"--cluster-signing-cert-file={pki}/ca.crt",
            f"--cluster-signing-key-file={pki}/ca.key",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--controllers=*",
            # At the default of 20 requests a second its forty controllers take five seconds to start.
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            # A dead node is noticed after 14 s, matching its lease of 12 s.
            "--node-monitor-period=2s",
            "--node-monitor-grace-period=14s",
        ],
        "kube-scheduler": [
            _program(node, "kube-scheduler"),
            f"--kubeconfig={pki}/scheduler.kubeconfig",
            "--leader-elect=false",
        ],
    }


def node_programs(node: NodeSetup, python: str) -> dict[str, list[str]]:
    """Return the command lines of what every node runs once the API server answers."""
    layout, pki = node.layout, node.layout.pki
    agent = [python, "-P", "-m"]
    return {
        "kubelet": [
            _program(node, "kubelet"),
            f"--config={node.folder}/kubelet.json",
            f"--kubeconfig={pki}/kubelet-{node.name}.kubeconfig",
            f"--hostname-override={node.name}",
            f"--root-dir={node.folder}/kubelet",
            f"--node-ip={node.address}",
            "--v=2",
        ],
        "kube-proxy": [
            _program(node, "kube-proxy"),
            f"--kubeconfig={pki}/kube-proxy.kubeconfig",
            f"--hostname-override={node.name}",
            f"--cluster-cidr={at.ALL_PODS}",
            "--proxy-mode=nftables",
            # These would be settings of the whole machine.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            "--nodeport-addresses=primary",
        ],
        "policy-agent": [
            *agent, "hubproof.lab.policy_agent", node.name, at.POD_RANGE[node.name], str(layout.admin_kubeconfig),
            str(layout.ignore_policies),
        ],
        "volume-agent": [
            *agent, "hubproof.lab.volume_agent", node.name, str(layout.admin_kubeconfig), f"{node.folder}/volumes",
        ],
    }  # fmt: skip


def _program(node: NodeSetup, name: str) -> str:
    return str(node.layout.root / "bin" / name)
