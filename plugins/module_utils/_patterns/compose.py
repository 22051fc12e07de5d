# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Joins patterns to a workload: a pure function from a manifest and a list of patterns to a manifest."""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._pod.template import TEMPLATE_PATHS, is_workload
from .catalogue import CATALOGUE, Pattern
from .fragment import BadPattern, Fragment, Graft, Helper, Mode, Server, Target
from .grace import check_grace
from .helper import Context
from .marks import ANNOTATION, Marks, strip
from .options import checked
from .position import insert

# On the workload itself, not on its Pods: what else belongs to it is no reason to roll it out anew.
OBJECTS_ANNOTATION = "podpatterns.core/objects"
TOKEN_VOLUME = "podpatterns-token"
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True)
class Composition:
    """A workload with its patterns, further objects that they need, and what the user should know."""

    manifest: dict[str, Any]
    objects: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass
class _Draft:
    """A manifest under way. cursor: where the next helper of the init list goes by default."""

    manifest: dict[str, Any]
    template: dict[str, Any]
    target: Target
    marks: Marks = field(default_factory=Marks)
    cursor: int = 0
    helpers: list[Helper] = field(default_factory=list)
    rules: list[Mapping[str, Any]] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def spec(self) -> dict[str, Any]:
        """The Pod's spec."""
        spec: dict[str, Any] = self.template["spec"]
        return spec


def compose(
    manifest: Mapping[str, Any],
    patterns: Sequence[Any],
    *,
    namespace: str = "default",
    server: Server | None = None,
    image_map: Mapping[str, str] | None = None,
) -> Composition:
    """The workload with the patterns on it, and without those that an earlier composition had put there.

    patterns: mappings whose one key names the pattern and whose value holds its options. Composing a result
    again with the same list changes nothing. Raises BadPattern with one sentence.
    """
    draft = _draft(manifest, namespace)
    names: set[str] = set()
    for number, entry in enumerate(patterns):
        pattern, options, where = _entry(entry, number)
        name = _name(pattern, options, names, where)
        context = Context(where, name, server or Server(), image_map or {})
        validated = checked(options, pattern.options, pattern.rules, where)
        _join(draft, pattern.build(validated, draft.target, context), validated, where)
    _give_account(draft)
    check_grace(draft.spec, draft.helpers, f"{draft.target.kind} {draft.target.name}")
    _write_marks(draft)
    _note_objects(draft)
    return Composition(draft.manifest, draft.objects, draft.warnings)


def _draft(manifest: Mapping[str, Any], namespace: str) -> _Draft:
    if not is_workload(manifest):
        raise BadPattern(
            f"patterns are given, but {manifest.get('kind')} is no workload; those are {', '.join(TEMPLATE_PATHS)}"
        )
    whole = copy.deepcopy(dict(manifest))
    template = whole
    for key in TEMPLATE_PATHS[whole["kind"]]:
        template = template[key]
    strip(template)
    target = Target(
        kind=whole["kind"],
        name=whole["metadata"]["name"],
        namespace=whole["metadata"].get("namespace") or namespace,
        replicas=int(whole["spec"].get("replicas", 1)) if whole["kind"] != "Pod" else 1,
        pod_spec=copy.deepcopy(template["spec"]),
    )
    return _Draft(whole, template, target)


def _entry(entry: Any, number: int) -> tuple[Pattern, Any, str]:
    where = f"patterns[{number}]"
    if not isinstance(entry, Mapping) or len(entry) != 1:
        raise BadPattern(f"{where} must be a mapping with one key, the pattern's name, such as wait_for")
    name, options = next(iter(entry.items()))
    if name not in CATALOGUE:
        near = difflib.get_close_matches(str(name), CATALOGUE, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(CATALOGUE)}"
        raise BadPattern(f"{where} names pattern {name!r}, which does not exist; {hint}")
    return CATALOGUE[name], options, f"{where}.{name}"


def _name(pattern: Pattern, options: Any, taken: set[str], where: str) -> str:
    given = options.get("name") if isinstance(options, Mapping) else None
    base = str(given or pattern.name.replace("_", "-"))
    name, number = base, 1
    while name in taken:
        if given:
            raise BadPattern(
                f"{where}.name is {given!r}, which an earlier pattern of the list has; give another one"
            )
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return name


# --- joining ------------------------------------------------------------------------------------


def _join(draft: _Draft, fragment: Fragment, options: Mapping[str, Any], where: str) -> None:
    mounts_token = bool(fragment.rules)
    for helper in fragment.helpers:
        _check_mode(draft, helper, where)
        _add_helper(draft, helper, where, mounts_token)
    for volume in fragment.volumes:
        _add_volume(draft, volume, where)
    for graft in fragment.grafts:
        _add_graft(draft, graft, where)
    for secret in options.get("image_pull_secrets") or ():
        _add_pull_secret(draft, secret)
    _add_metadata(draft, "labels", fragment.labels, draft.marks.labels, where)
    _add_metadata(draft, "annotations", fragment.annotations, draft.marks.annotations, where)
    if fragment.share_process_namespace and "shareProcessNamespace" not in draft.spec:
        draft.spec["shareProcessNamespace"] = True
        draft.marks.fields.append("shareProcessNamespace")
    draft.rules += fragment.rules
    draft.objects += [_placed(item, draft.target.namespace) for item in fragment.objects]
    draft.warnings += fragment.warnings


def _check_mode(draft: _Draft, helper: Helper, where: str) -> None:
    if helper.mode is not Mode.CLASSIC or helper.ends_by_itself:
        return
    ends = draft.target.kind in ("Job", "CronJob") or draft.spec.get("restartPolicy", "Always") != "Always"
    if ends:
        raise BadPattern(
            f"{where}.mode is classic, but {draft.target.kind} {draft.target.name} runs to an end, and a classic"
            " sidecar would keep it from ever completing; use mode native"
        )


def _add_helper(draft: _Draft, helper: Helper, where: str, mounts_token: bool) -> None:
    spec = copy.deepcopy(dict(helper.spec))
    if mounts_token:
        spec.setdefault("volumeMounts", []).append(
            {"name": TOKEN_VOLUME, "mountPath": TOKEN_PATH, "readOnly": True}
        )
    if helper.mode is Mode.NATIVE:
        spec["restartPolicy"] = "Always"
    everyone = [*(draft.spec.get("initContainers") or ()), *(draft.spec.get("containers") or ())]
    if any(one.get("name") == spec["name"] for one in everyone):
        raise BadPattern(
            f"{where}: the workload has a container named {spec['name']!r} already; give the pattern another name"
        )
    list_name = "containers" if helper.mode is Mode.CLASSIC else "initContainers"
    entries = draft.spec.setdefault(list_name, [])
    default = len(entries) if helper.mode is Mode.CLASSIC else draft.cursor
    index = insert(entries, spec, helper.position, default, f"{where}.position")
    if helper.mode is not Mode.CLASSIC and index <= draft.cursor:
        draft.cursor += 1
    draft.helpers.append(helper)
    draft.marks.containers.append(spec["name"])


def _add_volume(draft: _Draft, volume: Mapping[str, Any], where: str) -> None:
    volumes = draft.spec.setdefault("volumes", [])
    for existing in volumes:
        if existing["name"] == volume["name"]:
            if existing == volume:
                return
            raise BadPattern(
                f"{where}: the workload has a volume named {volume['name']!r} of another kind; rename that one"
            )
    volumes.append(copy.deepcopy(dict(volume)))
    draft.marks.volumes.append(volume["name"])


def _add_graft(draft: _Draft, graft: Graft, where: str) -> None:
    own = [one for one in draft.spec["containers"] if one["name"] not in draft.marks.containers]
    own_inits = [
        one for one in draft.spec.get("initContainers") or () if one["name"] not in draft.marks.containers
    ]
    chosen = (
        own if not graft.containers else [one for one in own + own_inits if one["name"] in graft.containers]
    )
    missing = set(graft.containers) - {one["name"] for one in chosen}
    if missing:
        names = ", ".join(one["name"] for one in own + own_inits)
        raise BadPattern(
            f"{where} names container {min(missing)!r}, which the workload lacks; it has {names}"
        )
    for container in chosen:
        for mount in graft.mounts:
            _graft_entry(draft, container, "volumeMounts", "mountPath", mount, where)
        for variable in graft.env:
            _graft_entry(draft, container, "env", "name", variable, where)


def _graft_entry(
    draft: _Draft, container: dict[str, Any], list_name: str, key: str, entry: Mapping[str, Any], where: str
) -> None:
    entries = container.setdefault(list_name, [])
    for existing in entries:
        if existing.get(key) == entry[key]:
            if existing == entry:
                return
            raise BadPattern(
                f"{where}: container {container['name']} has its own {list_name} entry {entry[key]!r} already;"
                " remove it, or let the pattern use another one"
            )
    entries.append(copy.deepcopy(dict(entry)))
    marks = draft.marks.grafts.setdefault(container["name"], {})
    marks.setdefault("mounts" if key == "mountPath" else "env", []).append(entry[key])


def _add_pull_secret(draft: _Draft, name: str) -> None:
    secrets = draft.spec.setdefault("imagePullSecrets", [])
    if not any(one.get("name") == name for one in secrets):
        secrets.append({"name": name})
        draft.marks.pull_secrets.append(name)


def _add_metadata(
    draft: _Draft, field_name: str, wanted: Mapping[str, str], marks: list[str], where: str
) -> None:
    if not wanted:
        return
    metadata = draft.template.setdefault("metadata", {})
    present = metadata.get(field_name) or {}
    for key, value in wanted.items():
        if key not in present:
            present[key] = value
            marks.append(key)
        elif present[key] != value:
            raise BadPattern(
                f"{where}: the Pod template has {field_name[:-1]} {key}={present[key]!r}, the pattern needs"
                f" {value!r}; remove one of the two"
            )
    metadata[field_name] = present


def _placed(item: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    return {**item, "metadata": {"namespace": namespace, **item["metadata"]}}


# --- access to the API --------------------------------------------------------------------------


def _give_account(draft: _Draft) -> None:
    """An account with just the rights that helpers need; its token is mounted into those helpers only."""
    if not draft.rules:
        return
    target = draft.target
    name = f"{target.name}-podpatterns"
    account = draft.spec.get("serviceAccountName")
    if account is None:
        account = name
        draft.spec["serviceAccountName"] = account
        draft.marks.fields.append("serviceAccountName")
        draft.objects.append(
            _placed(
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {"name": account},
                    "automountServiceAccountToken": False,
                },
                target.namespace,
            )
        )
    metadata = {"name": name}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": target.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    rbac = "rbac.authorization.k8s.io/v1"
    role = {"apiVersion": rbac, "kind": "Role", "metadata": metadata, "rules": _merged(draft.rules)}
    binding = {
        "apiVersion": rbac,
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": reference,
        "subjects": [subject],
    }
    draft.objects += [_placed(role, target.namespace), _placed(binding, target.namespace)]
    _add_volume(draft, _token_volume(), "patterns")


def _merged(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    merged: list[dict[str, Any]] = []
    for rule in rules:
        if dict(rule) not in merged:
            merged.append(dict(rule))
    return merged


def _token_volume() -> dict[str, Any]:
    return {
        "name": TOKEN_VOLUME,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {
                    "downwardAPI": {
                        "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
                    }
                },
            ]
        },
    }


def noted_objects(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The further objects that an earlier composition made for this workload: kind, name and namespace of each."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    try:
        noted = json.loads(annotations.get(OBJECTS_ANNOTATION, "[]"))
        return [
            {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
            for version, kind, namespace, name in noted
        ]
    except (TypeError, ValueError):
        return []


def _note_objects(draft: _Draft) -> None:
    """Note on the workload what else was made for it, so that it can go when its pattern goes."""
    metadata = draft.manifest["metadata"]
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key != OBJECTS_ANNOTATION
    }
    if draft.objects:
        noted = [
            [item["apiVersion"], item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]]
            for item in draft.objects
        ]
        annotations[OBJECTS_ANNOTATION] = json.dumps(noted)
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)


def _write_marks(draft: _Draft) -> None:
    if draft.marks == Marks():
        return
    metadata = draft.template.setdefault("metadata", {})
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {**annotations, ANNOTATION: draft.marks.text()}
