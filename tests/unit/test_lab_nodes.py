from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

from hubproof.lab import node_config, node_process
from hubproof.lab.layout import Layout
from hubproof.lab.node_config import NodeSetup

FIRST = NodeSetup("n1", Layout(Path("/lab")), "localhost/lab/pause:1", 4096)
SECOND = NodeSetup("n2", Layout(Path("/lab")), "localhost/lab/pause:1", 4096)


def test_each_node_keeps_to_its_own_folder_and_pod_range() -> None:
    first, second = (json.loads(node_config.cni_conflist(node)) for node in (FIRST, SECOND))
    assert first["plugins"][0]["ipam"]["ranges"] != second["plugins"][0]["ipam"]["ranges"]
    assert "/lab/n2/containerd" in node_config.containerd_toml(SECOND)
    assert "/lab/n1" not in node_config.kubelet_config(SECOND)


def test_the_policy_plugin_comes_last_in_the_chain() -> None:
    assert json.loads(node_config.cni_conflist(FIRST))["plugins"][-1] == {"type": node_config.POLICY_PLUGIN}


def test_a_kubelet_accepts_no_anonymous_requests_and_keeps_memory_back() -> None:
    config = json.loads(node_config.kubelet_config(FIRST))
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["systemReserved"] == {"memory": "4096Mi"}
    assert config["cgroupRoot"] == "/lab-n1"


def test_only_kube_proxy_and_the_node_agents_run_on_every_node() -> None:
    assert list(node_config.node_programs(SECOND, "python")) == [
        "kubelet",
        "kube-proxy",
        "policy-agent",
        "volume-agent",
    ]


def test_no_part_but_the_agents_acts_as_administrator() -> None:
    commands = {**node_config.controllers(FIRST), **node_config.node_programs(FIRST, "python")}
    as_admin = [name for name, words in commands.items() if any("admin.kubeconfig" in word for word in words)]
    assert as_admin == ["policy-agent", "volume-agent"]


def test_modules_that_run_in_nodes_import_only_the_standard_library_and_each_other() -> None:
    package = Path(node_process.__file__).parents[1]
    staged = {f"hubproof.{name.replace('/', '.')}" for name in node_process._STAGED}
    for name in node_process._STAGED:
        for node in ast.walk(ast.parse((package / f"{name}.py").read_text(encoding="utf-8"))):
            for imported in _imported(node):
                known = imported.split(".")[0] in sys.stdlib_module_names or imported in staged
                assert known, f"{name} imports {imported}"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        if node.module in {"hubproof", "hubproof.lab"}:
            return [f"{node.module}.{alias.name}" for alias in node.names]
        return [node.module]
    return []


def test_staged_modules_are_copied_once_and_by_content(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    folder = node_process.stage_modules(layout)
    assert node_process.stage_modules(layout) == folder
    assert (folder / "hubproof" / "lab" / "node.py").is_file()
    assert (folder / "hubproof" / "lab" / "__init__.py").read_text() == ""
    assert list(layout.agents.iterdir()) == [folder]
