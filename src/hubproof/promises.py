"""What a deployment may promise. Every field is optional: what is not promised is not checked, and says so.

Promises are apart from access (`hubproof.profile`): how to get in is not something that can be broken.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hubproof.units import Duration, Percentage, Quantity


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Spawn(_Strict):
    """A user's server: how soon it is there, and in which offered profiles."""

    ready_within: Duration = 60.0
    stopped_within: Duration = 60.0
    profiles: list[str] = []
    kernels: list[str] = Field(default=["python3"], description="Kernelspecs that must exist and work.")


class Storage(_Strict):
    """The home volume of each user."""

    size: Quantity
    class_: str | None = Field(default=None, alias="class")
    access_mode: str = "ReadWriteOnce"
    home: str = Field(default="/home/jovyan", description="Where the volume is mounted in the user's pod.")
    on_user_delete: Literal["keep", "delete"] = "keep"


class Quota(_Strict):
    """Limits of each user's pod, and of the namespace as its ResourceQuota states them."""

    memory: Quantity | None = None
    memory_request: Quantity | None = None
    cpu: Quantity | None = None
    cpu_request: Quantity | None = None
    namespace: dict[str, Quantity] = {}


class Endpoint(_Strict):
    """What a role of the reachability matrix is called on the network, as seen from a pod."""

    host: str
    port: int = Field(gt=0, le=65535)
    protocol: Literal["tcp", "udp"] = "tcp"


class Reach(_Strict):
    """One promise of the matrix: `from` may, or may not, reach `to`. A port overrides the endpoint's own."""

    from_: str = Field(alias="from")
    to: str
    port: int | None = Field(default=None, gt=0, le=65535)
    protocol: Literal["tcp", "udp"] | None = None


class Network(_Strict):
    """The promised reachability. Role names are `user`, `dns`, `hub`, and the keys of `endpoints`."""

    endpoints: dict[str, Endpoint] = {}
    open: list[Reach] = []
    closed: list[Reach] = []
    timeout: Duration = Field(default=2.0, description="How long an answer may take before it counts as none.")


class Rule(_Strict):
    """Rights, as in an RBAC rule."""

    api_groups: list[str] = [""]
    resources: list[str]
    verbs: list[str]


class Rbac(_Strict):
    """The hub's service account, and exactly what it may do in its namespace."""

    hub_account: str = "hub"
    hub_may: list[Rule] = Field(default=[], description="Beyond what a KubeSpawner needs in every deployment.")


class Service(_Strict):
    """A platform service as a user's kernel reaches it, with what that user was given in the environment.

    `env` says under which names: the value `host`, `port`, `user`, `password`, `database` of each is read from the
    named environment variable of the user's server.
    """

    host: str
    port: int = Field(gt=0, le=65535)
    within: Duration = 5.0
    env: dict[Literal["host", "port", "user", "password", "database"], str] = {}


class Services(_Strict):
    """The platform services that users were promised."""

    postgresql: Service | None = None


class Prometheus(_Strict):
    """Where Prometheus is: a Service in the cluster, reached through the Kubernetes API's proxy."""

    namespace: str
    service: str
    port: int = 9090


class Monitoring(_Strict):
    """What must be scraped, and how fresh a sample is."""

    service_monitor: str
    prometheus: Prometheus
    metrics: list[str] = Field(min_length=1)
    fresh_within: Duration = 60.0


class Allowed(_Strict):
    """A log line that is known and harmless: a regular expression and the reason why it is."""

    pattern: str
    reason: str = Field(min_length=1)


class Logs(_Strict):
    """Which lines are critical, in which components, over which window before the run and during it."""

    window: Duration = 900.0
    components: list[str] = Field(default=[], description="Values of the component label; none means every pod.")
    allowed: list[Allowed] = []


class Deploy(_Strict):
    """What the release consists of, by kind; and whether anything else may run in the namespace."""

    inventory: dict[str, list[str]]
    nothing_else: bool = True


class Ha(_Strict):
    """Replicas and recovery times."""

    hub: int = Field(default=1, ge=1)
    proxy: int = Field(default=1, ge=1)
    hub_recovery: Duration | None = None
    proxy_recovery: Duration | None = None
    lost_requests: Percentage | None = None


class Promises(_Strict):
    """All that a deployment promises."""

    spawn: Spawn | None = None
    storage: Storage | None = None
    quota: Quota | None = None
    network: Network | None = None
    rbac: Rbac | None = None
    services: Services | None = None
    monitoring: Monitoring | None = None
    logs: Logs | None = None
    deploy: Deploy | None = None
    ha: Ha | None = None

    def has(self, dotted: str) -> bool:
        """Whether `storage` or `quota.namespace` is promised: present and not empty."""
        value: object = self
        for name in dotted.split("."):
            value = getattr(value, name, None)
            if value is None or value in ([], {}):
                return False
        return True
