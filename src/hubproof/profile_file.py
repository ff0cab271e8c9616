"""Reads a profile from a file: strictly, and with file, line and the nearest valid key in every complaint."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from hubproof.errors import UsageError
from hubproof.profile import Kube, Persona, Profile, SecretRef

Loc = tuple[str | int, ...]
ASK_TAG = "!ask"
"""Stands before a question that `hubproof init` leaves where only the deployment's owner knows the value."""


def load_profile(path: Path, *, kubeconfig: Path | None = None, secrets_there: bool = True) -> Profile:
    """Read and check a profile.

    Args:
        path: of the file.
        kubeconfig: takes the place of the one that the profile names, in every process of the run.
        secrets_there: whether the variables and files that it names for secrets must be there now.

    Raises:
        UsageError: it is missing, no YAML, not of this shape, or names an environment variable or a file for a secret
            that is not there. All complaints are in the one error.

    """
    path = path.resolve()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the profile {path}: {error.strerror}",
            next_step="give --profile an existing file, set HUBPROOF_PROFILE, or use --lab for the embedded lab",
        ) from error
    try:
        node = yaml.compose(raw, Loader=yaml.SafeLoader)
        lines = dict(_lines(node)) if node else {}
        _refuse_questions(node, path)
        data = yaml.safe_load(raw)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UsageError(f"{place}: this is no YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(data, dict):
        raise UsageError(f"{path}:1: a profile is a mapping of keys to values", next_step="see fixtures/profiles")
    _refuse_duplicates(node, path)
    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        complaints = [_complaint(path, lines, dict(one)) for one in error.errors()]
        raise UsageError("\n".join(complaints)) from error
    if kubeconfig is not None:
        profile = profile.model_copy(update={"kube": Kube(kubeconfig=kubeconfig)})
        profile._kubeconfig = kubeconfig  # noqa: SLF001 - see below
    profile._path = path  # noqa: SLF001 - the reader is the one who knows where it came from
    profile._sha256 = hashlib.sha256(raw).hexdigest()  # noqa: SLF001
    if secrets_there:
        _check_files(profile, lines)
    return profile


def _refuse_questions(node: yaml.Node | None, path: Path) -> None:
    """Complain of every question that is not answered yet, with its place."""
    open_ = []

    def look(one: yaml.Node | None, at: str) -> None:
        if one is None:
            return
        if one.tag == ASK_TAG:
            open_.append(f"{path}:{one.start_mark.line + 1}: {at}: answer this question: {one.value}")
        elif isinstance(one, yaml.MappingNode):
            for key, value in one.value:
                look(value, f"{at}.{key.value}".lstrip("."))
        elif isinstance(one, yaml.SequenceNode):
            for number, value in enumerate(one.value):
                look(value, f"{at}.{number}")

    look(node, "")
    if open_:
        raise UsageError("\n".join(open_), next_step=f"put the answer in the place of {ASK_TAG} and its question")


def _lines(node: yaml.Node, at: Loc = ()) -> Iterator[tuple[Loc, int]]:
    """Yield the path of every value and key with its line, counted from one."""
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            yield from _lines(value, here)
            yield here, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*at, index))


def _refuse_duplicates(node: yaml.Node | None, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise UsageError(f"{path}:{key.start_mark.line + 1}: {key.value} stands twice; the first would be lost")
            seen.add(str(key.value))
            _refuse_duplicates(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_duplicates(value, path)


def _complaint(path: Path, lines: dict[Loc, int], error: dict[str, Any]) -> str:
    loc: Loc = tuple(error["loc"])
    line = next((lines[loc[:n]] for n in range(len(loc), -1, -1) if loc[:n] in lines), 1)
    where = f"{path}:{line}: {'.'.join(map(str, loc))}: "
    if error["type"] == "extra_forbidden":
        keys = _keys_at(loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), keys, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(keys)}"
        return f"{where}unknown key; {hint}"
    if error["type"] == "missing":
        return f"{where}this key is required and missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error.get("input")
    # A value that may be a secret is never repeated.
    shown = "" if "secret" in message or isinstance(given, dict | list) else f" (given: {given!r})"
    return f"{where}{message}{shown if repr(given) not in message else ''}"


def _keys_at(loc: Loc) -> list[str]:
    """Return the keys that the schema knows at a path, for the nearest-key hint."""
    model: type[BaseModel] | None = Profile
    for part in loc:
        if model is None:
            return []
        if isinstance(part, int):
            continue
        by_key = {field.alias or name: field for name, field in model.model_fields.items()}
        field = by_key.get(part)
        model = _model_in(field.annotation) if field else None
    return sorted(field.alias or name for name, field in model.model_fields.items()) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any type expression
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)


def _check_files(profile: Profile, lines: dict[Loc, int]) -> None:
    """Complain of files and environment variables that are named and not there, before anything is touched."""
    complaints = []
    for loc, ref in _secret_refs(profile):
        line = next((lines[loc[:n]] for n in range(len(loc), -1, -1) if loc[:n] in lines), 1)
        where = f"{profile.path}:{line}: {'.'.join(map(str, loc))}: "
        if ref.env is not None and not os.environ.get(ref.env):
            complaints.append(f"{where}environment variable {ref.env} is not set, or empty")
        if ref.file is not None and (problem := _unreadable(profile.folder / ref.file)):
            complaints.append(f"{where}cannot read the secret's file {ref.file}: {problem}")
    files = {("tls", "ca_file"): profile.ca_file()}
    if profile.kube and profile.kube.kubeconfig:
        files["kube", "kubeconfig"] = profile.folder / profile.kube.kubeconfig
    for (outer, inner), file in files.items():
        if file and (problem := _unreadable(file)):
            line = lines.get((outer, inner), 1)
            complaints.append(f"{profile.path}:{line}: {outer}.{inner}: cannot read {file}: {problem}")
    if complaints:
        raise UsageError("\n".join(complaints), next_step="set the variable or make the file, then run again")


def _unreadable(path: Path) -> str:
    try:
        empty = not path.read_bytes().strip()
    except OSError as error:
        return error.strerror or str(error)
    return "it is empty" if empty else ""


def _secret_refs(profile: Profile) -> Iterator[tuple[Loc, SecretRef]]:
    if profile.hub.api_token:
        yield ("hub", "api_token"), profile.hub.api_token
    for index, persona in enumerate(profile.personas):
        yield from _persona_refs(index, persona)
    if profile.capacity and profile.capacity.passwords:
        yield ("capacity", "passwords"), profile.capacity.passwords


def _persona_refs(index: int, persona: Persona) -> Iterator[tuple[Loc, SecretRef]]:
    if persona.password:
        yield ("personas", index, "password"), persona.password
    if persona.token:
        yield ("personas", index, "token"), persona.token
