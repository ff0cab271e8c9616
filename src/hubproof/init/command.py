"""The command `hubproof init`: reads, derives, writes, and says what is left to answer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hubproof.cluster.client import Cluster
from hubproof.errors import CouldNotRunError, TargetError, UsageError
from hubproof.init.deriving import derive
from hubproof.init.draft import Said
from hubproof.init.gathering import gather
from hubproof.init.writing import as_yaml
from hubproof.profile import Kube, Profile
from hubproof.profile_file import ASK_TAG
from hubproof.progress import Progress

_IN_A_POD = "KUBERNETES_SERVICE_HOST"
_HEAD = (
    "A profile of the JupyterHub in namespace {namespace}, drafted by `hubproof init` from what runs there.\n"
    "Answer every {tag}: put the value in the place of the tag and its question. Then read the promises: they say how "
    "the deployment is today, and become what it is held to. docs/profile.md explains each field."
)


def write_profile(
    output: Path,
    namespace: str,
    *,
    kubeconfig: Path | None,
    context: str | None,
    runner: Path | None,
    lab: bool,
    progress: Progress,
) -> int:
    """Write the profile and return 0; it is refused by every other command until its questions are answered.

    Args:
        output: the file; one that is there already is left alone.
        namespace: of the hub.
        kubeconfig: of an account that may read the namespace; else the usual one, or the pod's own.
        context: of the kubeconfig.
        runner: a kubeconfig that later runs shall use; else this one.
        lab: whether it is the embedded lab, outside which nothing may be reached.
        progress: is told.

    Raises:
        UsageError: the file is there already, the cluster cannot be read, or nothing runs in the namespace.

    """
    if output.exists():
        raise UsageError(f"{output} is there already", next_step="name another file with -o, or move it away")
    in_cluster = kubeconfig is None and _IN_A_POD in os.environ
    kube = Kube(kubeconfig=kubeconfig.resolve() if kubeconfig else None, context=context, in_cluster=in_cluster)
    given: dict[str, Any] = {
        "schema": "hubproof/1",
        "name": "init",
        "url": "https://hub.invalid",
        "namespace": namespace,
        "lab": lab,
    }
    try:
        found = gather(
            Cluster(Profile.model_validate({**given, "url": "https://hub.invalid", "kube": kube})), namespace
        )
    except CouldNotRunError as error:
        raise UsageError(f"cannot read the cluster: {error.happened}", next_step=error.next_step) from error
    except TargetError as error:
        raise UsageError(error.happened, next_step=error.next_step) from error
    later = Kube(kubeconfig=runner) if runner else kube
    draft = derive(found, kube=later.model_dump(mode="json", exclude_defaults=True))
    if lab:
        draft["lab"] = Said(True, "Nothing outside the embedded lab is ever reached.")  # noqa: FBT003 - a value to write
    text = as_yaml(draft, _HEAD.format(namespace=namespace, tag=ASK_TAG))
    temporary = output.with_name(f".{output.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(output)
    for line in found.unseen:
        progress.say(f"! not seen: {line}")
    questions = text.count(f": {ASK_TAG} ")
    progress.say(f"written: {output}, with {questions} questions to answer; then hubproof gate --profile {output}")
    return 0
