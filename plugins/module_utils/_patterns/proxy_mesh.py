# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The meshes of pattern proxy, from its options to what their injectors are told."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .fragment import BadPattern, ExpectedProxy, Fragment, Mode, Target
from .helper import Context
from .mesh_keys import LINKERD_NATIVE, VOCABULARIES, unread_keys
from .meshes import (
    API_GROUPS,
    ISTIO_NATIVE,
    LINKERD_ALPHA,
    NEWEST,
    PROXIES,
    TITLES,
    WRITERS,
    Wish,
    linkerd_native_key,
)

GO_BOOLEANS = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")


def mesh(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    provider, where = options["provider"], context.where
    title = TITLES[provider]
    groups = context.server.groups
    if groups is not None and API_GROUPS[provider] not in groups:
        raise BadPattern(
            f"{where}.provider is {provider}, but {title} is not installed: the server does not serve"
            f" {API_GROUPS[provider]}; install it first, or use provider envoy"
        )
    if target.pod_spec.get("hostNetwork"):
        raise BadPattern(
            f"{where}: {target.kind} {target.name} has hostNetwork, and no mesh injects a proxy into such a Pod"
        )
    version = _version(options, context)
    native = _native(options, version, context)
    _check_job(options, native, target, context)
    warnings = [
        *_check_metadata(provider, version, target, context),
        *_mesh_warnings(options, native, context),
    ]
    wish = Wish(
        version=version,
        native=native,
        hold=options["hold"],
        exclude_outbound_ports=_ports(options, "exclude_outbound_ports", context),
        exclude_inbound_ports=_ports(options, "exclude_inbound_ports", context),
        exclude_outbound_cidrs=_cidrs(options["exclude_outbound_cidrs"], context),
        revision=_revision(options, context),
        drain_seconds=options["drain_seconds"],
        app_shuts_down=options["job_shutdown"] == "app",
        resources=_mesh_resources(options["resources"] or {}, context),
    )
    written = WRITERS[provider](wish)
    expected = [ExpectedProxy(PROXIES[provider], native)] if options["verify_injection"] else []
    return Fragment(
        labels=written.labels, annotations=written.annotations, expected_proxies=expected, warnings=warnings
    )


def _version(options: Mapping[str, Any], context: Context) -> tuple[int, int]:
    given = options["version"]
    if given is None:
        return NEWEST[options["provider"]]
    match = re.fullmatch(r"v?(\d+)\.(\d+)(\.\d+)?", given)
    if not match:
        raise BadPattern(
            f"{context.where}.version is {given!r}; it must be the control plane's release, such as 1.27 or 2.20"
        )
    version = int(match[1]), int(match[2])
    newest = NEWEST[options["provider"]]
    if version[0] != newest[0]:
        raise BadPattern(
            f"{context.where}.version is {given!r}, but {TITLES[options['provider']]}'s releases are {newest[0]}.x"
        )
    return version


def _native(options: Mapping[str, Any], version: tuple[int, int], context: Context) -> bool | None:
    """What the injector is told; None where it has no switch, and injects a classic sidecar."""
    provider = options["provider"]
    first = ISTIO_NATIVE if provider == "istio" else LINKERD_ALPHA
    title, release = TITLES[provider], f"{version[0]}.{version[1]}"
    if version >= first:
        return context.mode(options["mode"]) is Mode.NATIVE
    if options["mode"] == "native":
        raise BadPattern(
            f"{context.where}.mode is native, but {title} {release} has no switch for it in a Pod; that came with"
            f" {first[0]}.{first[1]}"
        )
    return None


def _check_job(options: Mapping[str, Any], native: bool | None, target: Target, context: Context) -> None:
    if native or target.kind not in ("Job", "CronJob"):
        return
    if options["job_shutdown"] == "app":
        return
    call = (
        "POST http://127.0.0.1:15020/quitquitquit"
        if options["provider"] == "istio"
        else "POST http://127.0.0.1:4191/shutdown"
    )
    raise BadPattern(
        f"{context.where}.mode is {options['mode']}, which means a classic proxy here, and that would keep"
        f" {target.kind} {target.name} from ever completing; use mode native, or let the app {call} at its end and"
        " say so with job_shutdown: app"
    )


def _ports(options: Mapping[str, Any], name: str, context: Context) -> tuple[str, ...]:
    ranges = options["provider"] == "linkerd"
    for number, port in enumerate(options[name]):
        pattern = r"\d{1,5}(-\d{1,5})?" if ranges else r"\d{1,5}"
        numbers = [int(part) for part in re.findall(r"\d+", port)]
        good = (
            re.fullmatch(pattern, port)
            and all(0 < one < 65536 for one in numbers)
            and numbers == sorted(numbers)
        )
        if not good:
            right = "a port or a range such as 4000-4010" if ranges else "a port from 1 to 65535"
            raise BadPattern(f"{context.where}.{name}[{number}] is {port!r}; it must be {right}")
    return tuple(options[name])


def _cidrs(given: list[str], context: Context) -> tuple[str, ...]:
    for number, one in enumerate(given):
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise BadPattern(
                f"{context.where}.exclude_outbound_cidrs[{number}] is {one!r}; it must be a network such as 10.0.0.0/8"
            ) from error
    return tuple(given)


def _revision(options: Mapping[str, Any], context: Context) -> str:
    revision = options["revision"] or ""
    if revision and options["provider"] != "istio":
        raise BadPattern(f"{context.where}.revision is {revision!r}, which Linkerd does not have; remove it")
    if revision and not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", revision):
        raise BadPattern(
            f"{context.where}.revision is {revision!r}; it must be lower case letters, digits, dashes"
        )
    return revision


def _mesh_resources(resources: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    for part, values in resources.items():
        if part not in ("requests", "limits") or not isinstance(values, Mapping):
            raise BadPattern(
                f"{context.where}.resources.{part} is {values!r}; it has requests and limits, mappings"
            )
        for name in values:
            if name not in ("cpu", "memory"):
                raise BadPattern(
                    f"{context.where}.resources.{part}.{name} cannot be told to a mesh; it takes cpu and memory"
                )
    return resources


def _mesh_warnings(options: Mapping[str, Any], native: bool | None, context: Context) -> Iterator[str]:
    if native and not options["hold"]:
        yield (
            f"{context.where}.hold is false: that takes the startup probe off Linkerd's native sidecar, so the"
            " workload's init containers may start before the proxy is ready"
            if options["provider"] == "linkerd"
            else f"{context.where}.hold is false, which has no effect: a native sidecar starts before the app anyway"
        )
    if native and options["drain_seconds"] is not None:
        yield f"{context.where}.drain_seconds has no effect on a native sidecar, which ends after the app anyway"
    if native is not True:
        yield (
            f"{context.where}: with a classic proxy the workload's own init containers run before interception,"
            " past the mesh; a target that asks for the mesh's identity refuses them"
        )


def _check_metadata(
    provider: str, version: tuple[int, int], target: Target, context: Context
) -> Iterator[str]:
    """Refuse what the injector would pass over in silence; warn of what it may."""
    vocabulary, place = VOCABULARIES[provider], f"{target.kind} {target.name}"
    for finding in unread_keys(
        vocabulary, target.template_metadata, f"{context.where}: the Pod template of {place}"
    ):
        if finding.certain:
            raise BadPattern(finding.sentence)
        yield finding.sentence
    if target.kind != "Pod":
        for field in ("annotations", "labels"):
            for key in target.metadata.get(field) or {}:
                if vocabulary.is_its_own(key):
                    raise BadPattern(
                        f"{context.where}: {place} has {key} on its own metadata, where it has no effect; put it on"
                        " the Pod template"
                    )
    check = _VALUES[provider]
    for key, value in (target.template_metadata.get("annotations") or {}).items():
        right = check(key, str(value), version)
        if right:
            raise BadPattern(
                f"{context.where}: the Pod template of {place} has {key}: {value!r}, which {vocabulary.mesh}"
                f" passes over; {right}"
            )


def _istio_value(key: str, value: str, _version: tuple[int, int]) -> str | None:
    if key in ("sidecar.istio.io/nativeSidecar", "sidecar.istio.io/inject") and value not in (
        "true",
        "false",
    ):
        return "it must be true or false"
    return None


def _linkerd_value(key: str, value: str, version: tuple[int, int]) -> str | None:
    if key == "linkerd.io/inject" and value not in ("enabled", "ingress", "disabled"):
        return "it must be enabled, ingress or disabled"
    if key == "config.linkerd.io/proxy-await" and value not in ("enabled", "disabled"):
        return "it must be enabled or disabled"
    if key.endswith(f"/{LINKERD_NATIVE}"):
        if key != linkerd_native_key(version):
            return f"with {version[0]}.{version[1]} the switch is {linkerd_native_key(version)}, set by mode"
        if value not in GO_BOOLEANS:
            return "it must be true or false"
    return None


_VALUES: dict[str, Callable[[str, str, tuple[int, int]], str | None]] = {
    "istio": _istio_value,
    "linkerd": _linkerd_value,
}
