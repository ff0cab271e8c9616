"""One authenticated connection to a Kubernetes API: requests with short timeouts, no retries, and errors that say why.

The official package reads the kubeconfig and signs in; everything above this module speaks plain dictionaries.
Refused rights and an API out of reach are the runner's side (`CouldNotRunError`); any other refusal is an answer of the
target (`KubernetesError`), since an admission controller, a quota or a missing namespace speaks for the deployment.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import threading
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from hubproof.errors import CouldNotRunError, HubproofError, TargetError
from hubproof.lab.layout import LAB_NETWORKS
from hubproof.profile import Profile

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_UNAUTHORIZED, _FORBIDDEN, _BAD = 401, 403, 400
_RBAC_REFUSAL = re.compile(
    r'User "[^"]*" cannot (?P<verb>\S+) (?:path|resource "(?P<resource>[^"]+)")'
    r'(?: in API group "(?P<group>[^"]*)" (?P<place>in the namespace "(?P<namespace>[^"]+)"|at the cluster scope))?'
)
_CONNECT_SECONDS, _READ_SECONDS = 3.0, 10.0
_SMALL_SKEW = 2.0  # the Date header has whole seconds: less than this cannot be told from none


class KubernetesError(TargetError):
    """The API understood the runner and refused: a quota, a conflict, an admission, a kind that it does not serve.

    Attributes:
        status: the HTTP status.
        reason: the machine's word for it, such as `AlreadyExists`, `Conflict`, `NotFound`, `Forbidden`.
        message: the API's own sentence.

    """

    def __init__(self, status: int, reason: str, message: str, *, where: str) -> None:
        super().__init__(f"the Kubernetes API answered {status} {reason}: {message}", where=where)
        self.status = status
        self.reason = reason
        self.message = message


class Connection:
    """A Kubernetes API as one profile reaches it. Safe to share between threads.

    Args:
        profile: its `kube` says how; without it there is no cluster.
        connect: seconds for a connection to be made.
        read: seconds for an answer.

    Raises:
        CouldNotRunError: there is no cluster to reach, or the kubeconfig cannot be used.

    """

    def __init__(self, profile: Profile, *, connect: float = _CONNECT_SECONDS, read: float = _READ_SECONDS) -> None:
        if profile.kube is None:
            raise CouldNotRunError("the profile names no cluster (`kube`)", next_step="name one under `kube`")
        self.connect, self.read = connect, read
        self._configuration = _configuration(profile)
        self.host = str(self._configuration.host).rstrip("/")
        if profile.lab:
            self._configuration.proxy = None
            _refuse_outside(self.host)
        from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415 - see hubproof.cluster

        self._configuration.retries = False
        self._pool = RESTClientObject(self._configuration).pool_manager
        self._lock = threading.Lock()
        self._skew: dt.timedelta | None = None

    def now(self) -> dt.datetime:
        """Return the time by the cluster's clock, as its last answer told, so that leases agree between machines.

        Raises:
            CouldNotRunError: nothing was asked of the cluster yet, and it does not answer.

        """
        if self._skew is None:
            try:
                self.request("GET", "/version", doing="get /version")
            except HubproofError:
                if self._skew is None:  # a refusal has told the time too
                    raise
        return dt.datetime.now(dt.UTC) + (self._skew or dt.timedelta())

    def api_client(self) -> Any:  # noqa: ANN401 - the official package ships no types
        """Return a new official client, for what changes the client that it uses (`kubernetes.stream` does)."""
        from kubernetes.client import ApiClient  # noqa: PLC0415 - see hubproof.cluster

        return ApiClient(self._configuration)

    def request(
        self,
        method: str,
        path: str,
        *,
        doing: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        content_type: str = "application/json",
        read: float | None = None,
        stream: bool = False,
    ) -> Any:  # noqa: ANN401 - an urllib3 response, which the official package brings
        """Send one request, once, and return the response, unread when `stream` is true.

        Args:
            method: of HTTP.
            path: from the API's root.
            doing: verb, resource and namespace for the error, such as `get pods in namespace jupyter`.
            query: parameters; None and empty ones are left out.
            body: becomes JSON.
            content_type: of the body; the patches differ by it.
            read: seconds for the answer, instead of the connection's own.
            stream: hand over the open response instead of reading it.

        Raises:
            CouldNotRunError: out of reach, token refused, or right missing.
            KubernetesError: any other status of 400 and above.

        """
        import urllib3  # noqa: PLC0415 - see hubproof.cluster

        given = {name: value for name, value in (query or {}).items() if value not in (None, "", False)}
        url = self.host + quote(path) + (f"?{urlencode(given)}" if given else "")
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=self._headers(None if body is None else content_type),
                timeout=urllib3.Timeout(connect=self.connect, read=self.read if read is None else read),
                retries=False,
                redirect=False,
                preload_content=not stream,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self.unreachable(error, doing) from error
        self._learn_time(response.headers.get("Date"))
        if response.status >= _BAD:
            raise self.refusal(response.status, response.data, doing)
        return response

    def unreachable(self, error: Exception, doing: str) -> CouldNotRunError:
        """Say in words why no answer came."""
        return CouldNotRunError(
            f"the Kubernetes API at {self.host} is out of reach: {_why(error)}",
            wanted=doing,
            next_step="check the kubeconfig's server address, and that the cluster runs",
        )

    def refusal(self, status: int, body: bytes, doing: str) -> HubproofError:
        """Turn an error answer into the exception that names whose side it is on."""
        told = _status_object(body)
        message, reason = str(told.get("message", "")), str(told.get("reason", ""))
        where = f"{doing} at {self.host}"
        if status == _UNAUTHORIZED:
            return CouldNotRunError(
                f"the cluster refused the runner's token (401) at {self.host}",
                wanted=doing,
                next_step="make a new token or kubeconfig for the runner's account",
            )
        refused = _RBAC_REFUSAL.search(message) if status == _FORBIDDEN else None
        if refused:
            return CouldNotRunError(
                f"right missing: {_right(refused) or doing}",
                where=message,
                next_step="apply fixtures/rbac/<reach>.yaml for the reach in use, or grant this right alone",
            )
        return KubernetesError(status, reason or "error", message[:2000], where=where)

    def _headers(self, content_type: str | None) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "hubproof"}
        if content_type:
            headers["Content-Type"] = content_type
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers

    def _learn_time(self, date: str | None) -> None:
        if not date:
            return
        try:
            told = parsedate_to_datetime(date)
        except ValueError:
            return
        skew = told - dt.datetime.now(dt.UTC)
        with self._lock:
            self._skew = skew if abs(skew.total_seconds()) >= _SMALL_SKEW else dt.timedelta()


def _configuration(profile: Profile) -> Any:  # noqa: ANN401 - the official package ships no types
    from kubernetes import client, config  # noqa: PLC0415 - see hubproof.cluster

    kube = profile.kube
    configuration = client.Configuration()
    try:
        if kube and kube.in_cluster:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            file = str(profile.folder / kube.kubeconfig) if kube and kube.kubeconfig else None
            context = kube.context if kube else None
            config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=file, context=context, client_configuration=configuration
            )
    except (config.ConfigException, OSError, ValueError) as error:
        raise CouldNotRunError(
            f"the cluster's access cannot be used: {error}",
            where=str(kube.kubeconfig if kube and kube.kubeconfig else "KUBECONFIG or ~/.kube/config"),
            next_step="check kube.kubeconfig and kube.context in the profile",
        ) from error
    return configuration


def _refuse_outside(host: str) -> None:
    """Keep a run against the lab inside the lab, also when its kubeconfig was replaced by another."""
    name = urlsplit(host).hostname or ""
    try:
        inside = any(ipaddress.ip_address(name) in ipaddress.ip_network(one) for one in LAB_NETWORKS)
    except ValueError:
        inside = name == "localhost"
    if not inside:
        raise HubproofError(
            f"a run against the lab refuses the Kubernetes API at {name}, which is outside the lab",
            next_step="./hubproof lab kubeconfig prints the lab's own",
        )


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {"message": body[:500].decode("utf-8", "replace")}
    return told if isinstance(told, dict) else {"message": str(told)[:500]}


def _right(refused: re.Match[str]) -> str:
    """Say which right the API missed, in its own words: the verb of an exec differs by version of Kubernetes."""
    if not refused["resource"] or not refused["place"]:
        return ""
    resource = f"{refused['resource']}.{refused['group']}" if refused["group"] else refused["resource"]
    place = f"in namespace {refused['namespace']}" if refused["namespace"] else "in the whole cluster"
    return f"{refused['verb']} {resource} {place}"


def _why(error: Exception) -> str:
    text = str(error)
    for marker, said in (
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not signed by the kubeconfig's authority"),
        ("Connection refused", "connection refused"),
        ("Name or service not known", "its name is not known (DNS)"),
        ("Temporary failure in name resolution", "its name could not be looked up (DNS)"),
        ("No route to host", "no route to host"),
        ("Network is unreachable", "no route to host"),
        ("Connect timeout", "no connection in time"),
        ("ConnectTimeout", "no connection in time"),
        ("Read timed out", "no answer in time"),
    ):
        if marker in text or marker in type(error).__name__:
            return said
    return text.splitlines()[0][:300] if text else type(error).__name__
