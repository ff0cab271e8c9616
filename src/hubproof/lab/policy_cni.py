"""Chained CNI plugin: tells the policy agent of a new pod's address and lets the pod start once its rules are loaded.

Copied as a program into the node and started by containerd for every pod, so it imports little and nothing of hubproof.
When the agent does not answer, making the pod's sandbox fails and the kubelet tries again.
"""

from __future__ import annotations

import json
import os
import socket
import sys

SOCKET = "/run/hubproof-policy.sock"
_TRY_AGAIN_LATER = 11


def main() -> int:
    """Carry out the command that containerd gives in CNI_COMMAND."""
    command = os.environ["CNI_COMMAND"]
    if command == "VERSION":
        sys.stdout.write('{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}')
        return 0
    if command != "ADD":
        return 0
    previous = json.load(sys.stdin)["prevResult"]
    arguments = dict(part.split("=", 1) for part in os.environ["CNI_ARGS"].split(";"))
    address = previous["ips"][0]["address"].split("/")[0]
    message = f"{arguments['K8S_POD_NAMESPACE']} {arguments['K8S_POD_NAME']} {address}"
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(5)
            agent.connect(SOCKET)
            agent.send(message.encode())
            answer = agent.recv(9)
    except OSError as error:
        answer = str(error).encode()
    if answer != b"ok":
        reason = f"policy agent: {answer.decode(errors='replace') or 'no answer'}"
        sys.stdout.write(json.dumps({"cniVersion": "1.0.0", "code": _TRY_AGAIN_LATER, "msg": reason}))
        return 1
    sys.stdout.write(json.dumps(previous))
    return 0


if __name__ == "__main__":
    sys.exit(main())
