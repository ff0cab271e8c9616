"""Objects as the zero-to-jupyterhub chart 4.x makes them: names, labels and policies of its templates."""

from __future__ import annotations

from typing import Any

from hubproof.init.gathering import Found

SPACE = "hub-of-others"
COMMON = {"app": "jupyterhub", "release": "jhub"}
_PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.169.254/32"]


def named(name: str, space: str = SPACE, *, labels: dict[str, str] | None = None, **rest: object) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": space, "labels": labels or {}}, **rest}


def pod(name: str, component: str, *ports: tuple[str, int], space: str = SPACE, **labels: str) -> dict[str, Any]:
    listed = [{"name": port, "containerPort": number} for port, number in ports]
    return named(
        name,
        space,
        labels={**COMMON, "component": component, **labels},
        spec={"containers": [{"name": component, "ports": listed}]},
        status={"podIP": "10.1.0.9"},
    )


def service(
    name: str, component: str, port: int, target: str | int, space: str = SPACE, **spec: object
) -> dict[str, Any]:
    ports = [{"port": port, "targetPort": target}]
    return named(name, space, spec={"selector": {**COMMON, "component": component}, "ports": ports, **spec})


def policy(name: str, ingress: list[Any], egress: list[Any]) -> dict[str, Any]:
    component = {"hub": "hub", "proxy": "proxy", "singleuser": "singleuser-server"}[name]
    spec = {
        "podSelector": {"matchLabels": {**COMMON, "component": component}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    }
    return named(name, spec=spec)


def access(name: str, port: str) -> dict[str, Any]:
    labels = {f"hub.jupyter.org/network-access-{name}": "true"}
    return {"from": [{"podSelector": {"matchLabels": labels}}], "ports": [{"port": port}]}


def to(component: str, port: int) -> dict[str, Any]:
    labels = {**COMMON, "component": component}
    return {"to": [{"podSelector": {"matchLabels": labels}}], "ports": [{"port": port}]}


DNS = {
    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}
INTERNET = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": _PRIVATE}}]}


def user_pod() -> dict[str, Any]:
    made = pod(
        "jupyter-ann", "singleuser-server", ("notebook-port", 8888), **{"hub.jupyter.org/network-access-hub": "true"}
    )
    container = made["spec"]["containers"][0]
    container["resources"] = {
        "limits": {"memory": "1073741824", "cpu": "0.5"},
        "requests": {"memory": "536870912"},
    }
    container["volumeMounts"] = [{"name": "home", "mountPath": "/home/jovyan"}]
    made["spec"]["volumes"] = [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-ann"}}]
    return made


def hub_pod() -> dict[str, Any]:
    made = pod("hub-1", "hub", ("http", 8081))
    made["spec"]["volumes"] = [{"name": "secret", "secret": {"secretName": "hub"}}]
    return made


def zero_to_jupyterhub(*, with_user: bool = True) -> Found:
    """Return what `gather` reads of such a deployment, with or without a user's server."""
    claim = named("claim-ann")
    claim["spec"] = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "standard",
        "resources": {"requests": {"storage": "10Gi"}},
    }
    found = Found(SPACE, hub_version="5.3.0")
    found.inside = {
        "Pod": [
            hub_pod(),
            pod("proxy-1", "proxy", ("http", 8000), ("api", 8001)),
            *([user_pod()] if with_user else []),
        ],
        "Deployment": [
            named("hub", spec={"replicas": 1, "template": {"spec": {"serviceAccountName": "hub"}}}),
            named("proxy", spec={"replicas": 1}),
            named("user-scheduler", spec={"replicas": 2}),
        ],
        "DaemonSet": [named("continuous-image-puller")],
        "StatefulSet": [named("user-placeholder", spec={"replicas": 0})],
        "Service": [
            service("hub", "hub", 8081, "http"),
            service("proxy-api", "proxy", 8001, "api"),
            service("proxy-public", "proxy", 80, "http"),
        ],
        "PersistentVolumeClaim": [named("hub-db-dir"), *([claim] if with_user else [])],
        "Ingress": [
            named(
                "jupyterhub",
                spec={"rules": [{"host": "hub.example.org", "http": {"paths": [{"path": "/lab/"}]}}]},
                status={"loadBalancer": {"ingress": [{"ip": "192.0.2.80"}]}},
            )
        ],
        "NetworkPolicy": [
            policy("hub", [access("hub", "http")], [INTERNET, DNS]),
            policy("proxy", [access("proxy-http", "http"), access("proxy-api", "api")], [to("hub", 8081), DNS]),
            policy(
                "singleuser",
                [access("singleuser", "notebook-port")],
                [to("hub", 8081), to("proxy", 8000), DNS, INTERNET],
            ),
        ],
        "ServiceAccount": [named("default"), named("hub"), named("user-scheduler")],
        "ConfigMap": [named("kube-root-ca.crt"), named("user-scheduler")],
    }
    found.around = {
        "Namespace": [named("kube-system", labels={"kubernetes.io/metadata.name": "kube-system"})],
        "Service": [
            *found.inside["Service"],
            named("kubernetes", "default", spec={"clusterIP": "10.96.0.1", "ports": [{"port": 443}]}),
            named("trino", "data", spec={"ports": [{"port": 8080}]}),
        ],
    }
    dns = pod("coredns-1", "dns", ("dns", 53), space="kube-system", **{"k8s-app": "kube-dns"})
    found.pods_of = {"kube-system/kube-dns": [dns]}
    return found
