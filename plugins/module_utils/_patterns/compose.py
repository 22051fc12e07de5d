# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Joins patterns to a workload: a pure function from a manifest and a list of patterns to a manifest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._pod.template import TEMPLATE_PATHS, is_workload, plain_copy, pod_spec
from .catalogue import CATALOGUE, Pattern
from .composition import Composed, Composition, identity, note_objects, noted_objects
from .fragment import BadPattern, ExpectedProxy, Fragment, Graft, Helper, Mode, Server, Target
from .grace import check_grace
from .helper import Context
from .marks import ANNOTATION, Marks, strip
from .options import checked
from .position import insert

TOKEN_VOLUME = "podpatterns-token"
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
CONTAINER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class _Entry:
    """One entry of the list of patterns, checked: what it holds is the same for every workload."""

    pattern: Pattern
    options: Mapping[str, Any]
    context: Context


@dataclass
class _Draft:
    """A manifest under way. cursor: where the next helper of the init list goes by default."""

    manifest: dict[str, Any]
    template: dict[str, Any]
    target: Target
    marks: Marks = field(default_factory=Marks)
    cursor: int = 0
    helpers: list[Helper] = field(default_factory=list)
    rules: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    objects: list[dict[str, Any]] = field(default_factory=list)
    expected_proxies: list[ExpectedProxy] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def spec(self) -> dict[str, Any]:
        """The Pod's spec."""
        spec: dict[str, Any] = self.template["spec"]
        return spec

    def own(self, list_name: str) -> list[dict[str, Any]]:
        """The user's own containers of a list."""
        entries = self.spec.get(list_name) or ()
        return [one for one in entries if isinstance(one, dict) and one["name"] not in self.marks.containers]

    def seen_by_patterns(self) -> Target:
        """The workload as the next pattern finds it: the user's containers, with what was grafted on them so far."""
        if not self.marks.containers and not self.marks.grafts:
            return self.target
        own = {"containers": self.own("containers"), "initContainers": self.own("initContainers")}
        return replace(self.target, pod_spec={**self.spec, **own})


def compose_all(
    manifests: Sequence[Mapping[str, Any]],
    patterns: Sequence[Any],
    *,
    namespace: str = "default",
    server: Server | None = None,
    image_map: Mapping[str, str] | None = None,
) -> Composed:
    """Every object of a definition, with the patterns on each workload that has containers.

    namespace: where a workload goes that names none. What an earlier composition had added, further objects
    among it, is made anew. Otherwise as compose.
    """
    entries = _entries(patterns, server, image_map)
    made_before = {identity(item) for manifest in manifests for item in noted_objects(manifest)}
    made: list[dict[str, Any]] = []
    warnings: list[str] = []
    expected: dict[tuple[str, str, str], Sequence[ExpectedProxy]] = {}
    for manifest in manifests:
        if made_before and identity(manifest) in made_before:
            continue
        if not pod_spec(manifest).get("containers"):
            made.append(dict(manifest))
            continue
        one = _composed(manifest, entries, namespace)
        made += [*one.objects, one.manifest]
        warnings += one.warnings
        if one.expected_proxies:
            metadata = one.manifest["metadata"]
            place = metadata.get("namespace") or namespace
            expected[one.manifest["kind"], place, metadata["name"]] = one.expected_proxies
    return Composed(made, tuple(warnings), expected)


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
    return _composed(manifest, _entries(patterns, server, image_map), namespace)


def _entries(
    patterns: Sequence[Any], server: Server | None, image_map: Mapping[str, str] | None
) -> list[_Entry]:
    if not isinstance(patterns, Sequence) or isinstance(patterns, str):
        raise BadPattern(f"patterns is {patterns!r}; it must be a list of mappings, one for each pattern")
    names: set[str] = set()
    entries = []
    for number, given in enumerate(patterns):
        pattern, options, where = _named(given, number)
        context = Context(where, _name(pattern, options, names, where), server or Server(), image_map or {})
        entries.append(_Entry(pattern, checked(options, pattern.options, pattern.rules, where), context))
    return entries


def _composed(manifest: Mapping[str, Any], entries: Sequence[_Entry], namespace: str) -> Composition:
    draft = _draft(manifest, namespace)
    for entry in entries:
        where = entry.context.where
        fragment = entry.pattern.build(entry.options, draft.seen_by_patterns(), entry.context)
        _join(draft, fragment, entry.options, where)
    _give_account(draft)
    check_grace(draft.spec, draft.helpers, f"{draft.target.kind} {draft.target.name}")
    _write_marks(draft)
    note_objects(draft.manifest, draft.objects)
    return Composition(draft.manifest, draft.objects, draft.warnings, draft.expected_proxies)


def _draft(manifest: Mapping[str, Any], namespace: str) -> _Draft:
    if not is_workload(manifest):
        raise BadPattern(
            f"patterns are given, but {manifest.get('kind')} is no workload; those are {', '.join(TEMPLATE_PATHS)}"
        )
    whole = plain_copy(manifest)
    template = whole
    for key in TEMPLATE_PATHS[whole["kind"]]:
        template = template[key]
    strip(template)
    return _Draft(
        whole,
        template,
        Target(
            kind=whole["kind"],
            name=whole["metadata"]["name"],
            namespace=whole["metadata"].get("namespace") or namespace,
            replicas=_replicas(whole),
            pod_spec=plain_copy(template["spec"]),
            metadata=whole["metadata"],
            template_metadata=plain_copy(template.get("metadata") or {}),
        ),
    )


def _replicas(manifest: Mapping[str, Any]) -> int:
    """How many of its Pods run at once; a DaemonSet's number is the nodes' affair and counts as one."""
    spec, place = manifest["spec"], "spec.replicas"
    if manifest["kind"] == "CronJob":
        spec, place = spec["jobTemplate"]["spec"], "spec.jobTemplate.spec.parallelism"
    elif manifest["kind"] == "Job":
        place = "spec.parallelism"
    given = spec.get(place.rpartition(".")[2]) if manifest["kind"] != "Pod" else None
    if given is None:
        return 1
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise BadPattern(
            f"{manifest['kind']} {manifest['metadata']['name']}: {place} is {given!r}; it must be a whole"
            " number, 0 or more"
        )
    return given


def _named(entry: Any, number: int) -> tuple[Pattern, Any, str]:
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
    if given is not None and not CONTAINER_NAME.fullmatch(str(given)):
        raise BadPattern(
            f"{where}.name is {given!r}; a container's name has lower-case letters, digits and hyphens, 63 at most,"
            " and begins and ends with a letter or digit"
        )
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
    mounts_token = bool(fragment.rules or fragment.rules_elsewhere)
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
    _add_rules(draft, draft.target.namespace, fragment.rules)
    for namespace, rules in fragment.rules_elsewhere.items():
        _add_rules(draft, namespace, rules)
    draft.objects += [_placed(item, draft.target.namespace) for item in fragment.objects]
    draft.expected_proxies += fragment.expected_proxies
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
    spec = plain_copy(helper.spec)
    if mounts_token:
        _list_of(spec, "volumeMounts").append(
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
    entries = _list_of(draft.spec, list_name)
    default = len(entries) if helper.mode is Mode.CLASSIC else draft.cursor
    index = insert(entries, spec, helper.position, default, f"{where}.position")
    if helper.mode is not Mode.CLASSIC and index <= draft.cursor:
        draft.cursor += 1
    draft.helpers.append(helper)
    draft.marks.containers.append(spec["name"])


def _add_volume(draft: _Draft, volume: Mapping[str, Any], where: str) -> None:
    volumes = _list_of(draft.spec, "volumes")
    for existing in volumes:
        if existing["name"] == volume["name"]:
            if existing == volume:
                return
            raise BadPattern(
                f"{where}: the workload has a volume named {volume['name']!r} of another kind; rename that one"
            )
    volumes.append(plain_copy(volume))
    draft.marks.volumes.append(volume["name"])


def _add_graft(draft: _Draft, graft: Graft, where: str) -> None:
    own, own_inits = draft.own("containers"), draft.own("initContainers")
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
        if graft.pre_stop and container in own:
            _graft_pre_stop(draft, container, graft.pre_stop)


def _graft_entry(
    draft: _Draft, container: dict[str, Any], list_name: str, key: str, entry: Mapping[str, Any], where: str
) -> None:
    entries = _list_of(container, list_name)
    for existing in entries:
        if existing.get(key) == entry[key]:
            if existing == entry:
                return
            raise BadPattern(
                f"{where}: container {container['name']} has its own {list_name} entry {entry[key]!r} already;"
                " remove it, or let the pattern use another one"
            )
    entries.append(plain_copy(entry))
    marks = draft.marks.grafts.setdefault(container["name"], {})
    marks.setdefault("mounts" if key == "mountPath" else "env", []).append(entry[key])


def _graft_pre_stop(draft: _Draft, container: dict[str, Any], seconds: int) -> None:
    hooks = container.get("lifecycle") or {}
    if not hooks.get("preStop"):
        container["lifecycle"] = {**hooks, "preStop": {"sleep": {"seconds": seconds}}}
        draft.marks.grafts.setdefault(container["name"], {})["hooks"] = ["preStop"]


def _add_pull_secret(draft: _Draft, name: str) -> None:
    secrets = _list_of(draft.spec, "imagePullSecrets")
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


def _list_of(owner: dict[str, Any], name: str) -> list[Any]:
    """The list of this name, made where it is missing or null."""
    if owner.get(name) is None:
        owner[name] = []
    found: list[Any] = owner[name]
    return found


# --- access to the API --------------------------------------------------------------------------


def _add_rules(draft: _Draft, namespace: str, rules: Sequence[Mapping[str, Any]]) -> None:
    for rule in rules:
        known = draft.rules.setdefault(namespace, [])
        if rule not in known:
            known.append(plain_copy(rule))


def _give_account(draft: _Draft) -> None:
    """An account with just the rights that helpers need; its token is mounted into those helpers only."""
    if not draft.rules:
        return
    target = draft.target
    name = f"{target.kind.lower()}-{target.name}-podpatterns"
    account = draft.spec.get("serviceAccountName") or draft.spec.get("serviceAccount")
    if account is None:
        account = name
        # The server copies the name to its old field too, and back from there when it is taken off: own both.
        for field_name in ("serviceAccountName", "serviceAccount"):
            draft.spec[field_name] = account
            draft.marks.fields.append(field_name)
        draft.objects.append(_account(account, target.namespace))
    for namespace, rules in draft.rules.items():
        local = name if namespace == target.namespace else f"{target.namespace}-{name}"
        draft.objects += _grant(local, namespace, rules, account, target.namespace)
    _add_volume(draft, _token_volume(), "patterns")


def _account(name: str, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
        "automountServiceAccountToken": False,
    }


def _grant(
    name: str, namespace: str, rules: list[dict[str, Any]], account: str, account_namespace: str
) -> list[dict[str, Any]]:
    """A Role of the namespace, and its binding to the account."""
    group = "rbac.authorization.k8s.io"
    kinds = {"apiVersion": f"{group}/v1", "metadata": {"name": name, "namespace": namespace}}
    return [
        {**kinds, "kind": "Role", "rules": rules},
        {
            **kinds,
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account_namespace}],
        },
    ]


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


def _write_marks(draft: _Draft) -> None:
    if draft.marks == Marks():
        return
    metadata = draft.template.setdefault("metadata", {})
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {**annotations, ANNOTATION: draft.marks.text()}
