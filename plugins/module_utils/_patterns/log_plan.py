# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What pattern logging was asked for, checked and made into a plan for any shipper."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .fragment import BadPattern, Mode, Target
from .helper import Context
from .shippers.catalogue import SHIPPERS
from .shippers.plan import Output, Plan, Shipper

# Output types and the one option that each cannot do without.
OUTPUTS = {
    "stdout": None,
    "file": "path",
    "forward": "host",
    "http": "url",
    "elasticsearch": "url",
    "loki": "url",
    "otlp": "url",
}
FORWARD_PORT = 24224
# TERM reaches an app and a classic sidecar at once: what the app writes later than this is lost.
CLASSIC_DRAIN_SECONDS = 5
# A native sidecar gets TERM when the app has ended; its last look for new files takes a scan and a little more.
BEYOND_DISCOVERY_SECONDS = 2


def plan_of(
    options: Mapping[str, Any], shipper: Shipper, mode: Mode, target: Target, context: Context
) -> Plan:
    where = context.where
    _check_path(options["path"], where)
    _check_parsing(options, shipper, where)
    _check_fields(options["fields"], where)
    for name, least in (("multiline_seconds", 1), ("discover_seconds", 1), ("flush_seconds", 1)):
        if options[name] < least:
            raise BadPattern(f"{where}.{name} is {options[name]}; it must be {least} or more seconds")
    if not re.fullmatch(r"[1-9]\d*(Ki|Mi|Gi|Ti|k|M|G|T)?", options["size_limit"]):
        raise BadPattern(f"{where}.size_limit is {options['size_limit']!r}; it must be a size such as 256Mi")
    if options["state_volume"] and target.kind in ("Deployment", "ReplicaSet") and target.replicas > 1:
        raise BadPattern(
            f"{where}.state_volume is {options['state_volume']!r}, but {target.kind} {target.name} has"
            f" {target.replicas} replicas that would share it; use a StatefulSet, whose Pods have volumes of their own"
        )
    plan = Plan(
        name=context.name,
        path=options["path"],
        output=_output(options, shipper, context),
        rotation=options["rotation"],
        parser=options["parser"],
        expression=_named_groups(options["expression"] or ""),
        multiline=options["multiline"] or "",
        multiline_seconds=options["multiline_seconds"],
        fields={str(key): str(value) for key, value in options["fields"].items()},
        discover_seconds=options["discover_seconds"],
        drain_seconds=_drain_seconds(options, shipper, mode, where),
        flush_seconds=options["flush_seconds"],
        health_port=_health_port(options, shipper, where),
        outlives=bool(options["state_volume"]),
    )
    if plan.output.type == "file":
        _check_file_output(options, plan, where)
    return plan


def _check_path(path: str, where: str) -> None:
    if not re.fullmatch(r"/[\w.@+=-]+(/[\w.@+=-]+)*/[\w.@+=*?-]+", path):
        raise BadPattern(
            f"{where}.path is {path!r}; it must be the absolute path of a log file in a directory of its own, such"
            " as /var/log/app/app.log, with wildcards in the file's name only"
        )


def _check_parsing(options: Mapping[str, Any], shipper: Shipper, where: str) -> None:
    parser = options["parser"]
    if parser not in shipper.parsers:
        others = ", ".join(name for name, one in SHIPPERS.items() if parser in one.parsers)
        raise BadPattern(f"{where}.parser is {parser}, which {shipper.name} cannot do; these can: {others}")
    if (parser == "regex") != bool(options["expression"]):
        raise BadPattern(
            f"{where}.parser is regex, which needs expression with named groups, such as (?P<message>.*)"
            if parser == "regex"
            else f"{where}.expression is given, but parser is {parser}; set parser to regex"
        )
    if parser == "json" and options["multiline"]:
        raise BadPattern(f"{where}.multiline is given, but parser is json, whose records are one line each")
    for name in ("expression", "multiline"):
        if options[name]:
            _check_expression(options[name], f"{where}.{name}")
    if options["expression"] and not re.compile(_named_groups(options["expression"])).groupindex:
        raise BadPattern(
            f"{where}.expression is {options['expression']!r}, which has no named group; write (?P<message>.*)"
        )


def _check_expression(text: str, where: str) -> None:
    if "\n" in text or "${" in text:
        raise BadPattern(f"{where} is {text!r}; it must be one line without ${{")
    try:
        re.compile(_named_groups(text))
    except re.error as error:
        raise BadPattern(f"{where} is {text!r}, no regular expression: {error}") from error


def _named_groups(text: str) -> str:
    """Named groups as Python and Go spell them."""
    return re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", text)


def _check_fields(fields: Mapping[str, Any], where: str) -> None:
    for key, value in fields.items():
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", str(key)):
            raise BadPattern(
                f"{where}.fields has key {key!r}; it must be letters, digits, dots, dashes, underscores"
            )
        if isinstance(value, (Mapping, list)) or value is None:
            raise BadPattern(f"{where}.fields.{key} is {value!r}; it must be a text")
        if "\n" in str(value) or "${" in str(value):
            raise BadPattern(f"{where}.fields.{key} is {value!r}; it must be one line without ${{")


def _drain_seconds(options: Mapping[str, Any], shipper: Shipper, mode: Mode, where: str) -> int:
    given: int | None = options["drain_seconds"]
    if given is not None:
        if given < 0:
            raise BadPattern(f"{where}.drain_seconds is {given}; it must be 0 or more seconds")
        return given
    if mode is Mode.CLASSIC:
        return CLASSIC_DRAIN_SECONDS
    return 0 if shipper.drains_by_itself else int(options["discover_seconds"]) + BEYOND_DISCOVERY_SECONDS


def _health_port(options: Mapping[str, Any], shipper: Shipper, where: str) -> int:
    given: int | None = options["health_port"]
    if shipper.health is None:
        if given is not None:
            raise BadPattern(f"{where}.health_port is {given}, but {shipper.name} listens on no port")
        return 0
    if given is not None and not 0 < given < 65536:
        raise BadPattern(f"{where}.health_port is {given}; it must be a port from 1 to 65535")
    return shipper.health[0] if given is None else given


def _output(options: Mapping[str, Any], shipper: Shipper, context: Context) -> Output:
    where, given = f"{context.where}.output", options["output"]
    kind = given.get("type") or "stdout"
    _check_reach(kind, shipper, options, where)
    needed = OUTPUTS[kind]
    if needed and not given.get(needed):
        raise BadPattern(f"{where}.{needed} is not given, but output {kind} needs it")
    for name in ("url", "path", "host"):
        if given.get(name) and name != needed:
            raise BadPattern(
                f"{where}.{name} is {given[name]!r}, which output {kind} does not use; remove it"
            )
    if given.get("port") is not None and (kind != "forward" or not 0 < given["port"] < 65536):
        raise BadPattern(
            f"{where}.port is {given['port']}; it is for output forward, a number from 1 to 65535"
        )
    if given.get("index") and kind != "elasticsearch":
        raise BadPattern(f"{where}.index is {given['index']!r}, which output {kind} does not use; remove it")
    if needed == "url":
        _check_url(given["url"], where)
    if given.get("path"):
        _check_file_path(given["path"], where)
    if given.get("host") and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?", given["host"]):
        raise BadPattern(f"{where}.host is {given['host']!r}; it must be a host name or an address")
    if given.get("index") and not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", given["index"]):
        raise BadPattern(
            f"{where}.index is {given['index']!r}; it must be lower case letters, digits, dots, dashes"
        )
    return Output(
        type=kind,
        url=given.get("url") or "",
        path=given.get("path") or "",
        host=given.get("host") or "",
        port=given.get("port") or FORWARD_PORT,
        index=given.get("index") or "logs",
        login=_login(given, kind, shipper, where),
        ca=bool(given.get("ca_secret")),
        verify=given.get("verify", True),
    )


def _check_reach(kind: str, shipper: Shipper, options: Mapping[str, Any], where: str) -> None:
    if kind in shipper.outputs:
        return
    plugin = shipper.plugins.get(kind)
    if plugin and options["image"]:
        return
    if plugin:
        raise BadPattern(
            f"{where}.type is {kind}, for which the {shipper.name} image lacks {plugin}; set image to one that has it"
        )
    others = ", ".join(name for name, one in SHIPPERS.items() if kind in one.outputs)
    raise BadPattern(
        f"{where}.type is {kind}, which {shipper.name} cannot write to; these shippers can: {others}"
    )


def _check_url(url: str, where: str) -> None:
    try:
        parts = urlsplit(url)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        port_is_good = False
    if (
        not port_is_good
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or re.search(r"[\s'\"$]", url)
    ):
        raise BadPattern(f"{where}.url is {url!r}; it must be a URL such as http://logs.monitoring:8080/app")
    if parts.username or parts.password:
        raise BadPattern(f"{where}.url holds a login; name a Secret in {where}.secret instead")


def _check_file_path(path: str, where: str) -> None:
    if not re.fullmatch(r"(/[\w.@+=-]+){2,}", path):
        raise BadPattern(
            f"{where}.path is {path!r}; it must be an absolute path below a mount, such as /out/app.log"
        )


def _check_file_output(options: Mapping[str, Any], plan: Plan, where: str) -> None:
    path = plan.output.path
    mounted = [str(one.get("mountPath", "")).rstrip("/") for one in options["mounts"]]
    if not any(mount and path.startswith(f"{mount}/") for mount in mounted):
        raise BadPattern(
            f"{where}.output.path is {path!r}, which is on no volume; mount one that outlives the Pod with mounts"
        )
    if fnmatch.fnmatch(path, plan.pattern):
        raise BadPattern(
            f"{where}.output.path is {path!r}, which is shipped itself; write to another directory"
        )


def _login(given: Mapping[str, Any], kind: str, shipper: Shipper, where: str) -> str:
    keys = [name for name in ("username_key", "password_key", "token_key") if given.get(name)]
    if not keys and not given.get("secret"):
        return "none"
    if not given.get("secret"):
        raise BadPattern(f"{where}.{keys[0]} is given without secret; name the Secret that has the key")
    if keys not in (["username_key", "password_key"], ["token_key"]):
        raise BadPattern(f"{where}.secret needs either username_key and password_key, or token_key")
    login = "token" if keys == ["token_key"] else "basic"
    shared_key = kind == "forward"
    if kind in ("stdout", "file") or (shared_key and login == "basic"):
        takes = "token_key, its shared key" if shared_key else "no login"
        raise BadPattern(f"{where}.secret is given, but output {kind} takes {takes}")
    if not shared_key and login not in shipper.logins:
        raise BadPattern(
            f"{where}.token_key is given, but {shipper.name} cannot take a token from the environment;"
            " use username_key and password_key"
        )
    return login
