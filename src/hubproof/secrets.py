"""Looks secrets up by reference, at the moment of use, and tells the redactor of each value."""

from __future__ import annotations

import os
from collections.abc import Callable

from hubproof.errors import CouldNotRunError
from hubproof.profile import Profile, SecretKey, SecretRef
from hubproof.redaction import redact

KeyReader = Callable[[str, SecretKey], str]
"""Reads a key of a Kubernetes Secret: (namespace, key) to its text. Raises CouldNotRunError when it may not."""


class Secrets:
    """Gives the values behind a profile's references; each is read once a process.

    Args:
        profile: whose references they are.
        read_key: reads Kubernetes Secrets; without it such a reference could not be followed.

    """

    def __init__(self, profile: Profile, read_key: KeyReader | None = None) -> None:
        self._profile = profile
        self._read_key = read_key
        self._known: dict[str, str] = {}

    def value(self, ref: SecretRef) -> str:
        """Return the value, without a trailing line break.

        Raises:
            CouldNotRunError: it cannot be read now; the message names the reference, never the value.

        """
        name = str(ref)
        if name not in self._known:
            value = self._read(ref).rstrip("\r\n")
            if not value:
                raise CouldNotRunError(f"the secret behind {name} is empty")
            for line in value.splitlines():
                redact.add(line)
            self._known[name] = value
        return self._known[name]

    def _read(self, ref: SecretRef) -> str:
        if ref.env:
            return os.environ.get(ref.env, "")
        if ref.file:
            try:
                return (self._profile.folder / ref.file).read_text(encoding="utf-8")
            except OSError as error:
                raise CouldNotRunError(f"cannot read the secret's file {ref.file}: {error.strerror}") from error
        if ref.secret is None or self._read_key is None:
            raise CouldNotRunError(f"{ref} needs a cluster, and the profile names none under `kube`")
        return self._read_key(ref.secret.namespace or self._profile.namespace, ref.secret)
