# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern logging: what the app writes to a file is shipped by a sidecar, the last lines included."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from .apps import first_app, known_user
from .fragment import BadPattern, Fragment, Graft, Helper, Mode, Target
from .helper import Context, container
from .options import COMMON_OPTIONS, SIDECAR_OPTIONS, Spec
from .pattern import Pattern
from .shippers import filebeat, fluent_bit, fluentd, otel, tail
from .shippers.plan import CA_FILE, CONFIG_FOLDER, POD_FIELDS, STATE, Output, Plan, Shipper

SHIPPERS: dict[str, Shipper] = {
    one.SHIPPER.name: one.SHIPPER for one in (tail, otel, fluentd, fluent_bit, filebeat)
}
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
PARSERS = ["text", "json", "regex"]
# TERM reaches an app and a classic sidecar at once: what the app writes later than this is lost.
CLASSIC_DRAIN_SECONDS = 5
# A native sidecar gets TERM when the app has ended; its last look for new files takes a scan and a little more.
BEYOND_DISCOVERY_SECONDS = 2
SLEEP_ACTION = (1, 30)

OPTIONS: Spec = {
    **COMMON_OPTIONS,
    **SIDECAR_OPTIONS,
    "shipper": {"type": "str", "choices": list(SHIPPERS), "default": "tail"},
    "path": {"type": "str", "required": True},
    "containers": {"type": "list", "elements": "str", "default": []},
    "volume": {"type": "str"},
    "size_limit": {"type": "str", "default": "256Mi"},
    "rotation": {"type": "str", "choices": ["none", "rename", "copytruncate"], "default": "none"},
    "parser": {"type": "str", "choices": PARSERS, "default": "text"},
    "expression": {"type": "str"},
    "multiline": {"type": "str"},
    "multiline_seconds": {"type": "int", "default": 2},
    "fields": {"type": "dict", "default": {}},
    "output": {
        "type": "dict",
        "default": {},
        "options": {
            "type": {"type": "str", "choices": list(OUTPUTS), "default": "stdout"},
            "url": {"type": "str"},
            "path": {"type": "str"},
            "host": {"type": "str"},
            "port": {"type": "int"},
            "index": {"type": "str"},
            "secret": {"type": "str"},
            "username_key": {"type": "str", "no_log": False},
            "password_key": {"type": "str", "no_log": False},
            "token_key": {"type": "str", "no_log": False},
            "ca_secret": {"type": "str", "no_log": False},
            "verify": {"type": "bool", "default": True},
        },
    },
    "state_volume": {"type": "str"},
    "discover_seconds": {"type": "int", "default": 1},
    "drain_seconds": {"type": "int"},
    "flush_seconds": {"type": "int", "default": 10},
    "health_port": {"type": "int"},
}


def build(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    """A sidecar that has the app's log files, its own state, and its configuration within the Pod."""
    shipper = SHIPPERS[options["shipper"]]
    mode = context.mode(options["mode"])
    plan = _plan(options, shipper, mode, target, context)
    mounts, volumes, graft = _files(options, plan, target, context)
    state_mounts, state_volumes = _state(options, context)
    ca_mounts, ca_volumes = _ca(options, context)
    config_mounts, config_volumes, annotations = _config(plan, shipper, context)
    made = container(
        context,
        {**options, "resources": options["resources"] or _resources(shipper)},
        shipper.image,
        command=shipper.command(f"{CONFIG_FOLDER}/{shipper.config_file}"),
        args=shipper.args,
        env=[*_pod_env(), *_login_env(options["output"]), *_config_env(plan, shipper)],
        mounts=[*mounts, *state_mounts, *ca_mounts, *config_mounts],
        security=_user(options, target, context),
    )
    if options["probes"]:
        made["startupProbe"] = _startup_probe(plan, shipper)
    warnings = [*_warnings(plan, mode, context)]
    hook = _hook(plan, shipper, context, warnings)
    if hook:
        made["lifecycle"] = hook
    helper = Helper(
        made,
        mode,
        options["position"],
        # A native one's drain is a hook, counted as that.
        shutdown_seconds=plan.flush_seconds
        + (plan.drain_seconds if _drains_after_term(shipper, mode) else 0),
    )
    return Fragment(
        helpers=[helper],
        volumes=[*volumes, *state_volumes, *ca_volumes, *config_volumes],
        grafts=[graft] if graft else [],
        annotations=annotations,
        warnings=warnings,
    )


def _drains_after_term(shipper: Shipper, mode: Mode) -> bool:
    return mode is Mode.CLASSIC or shipper.drains_by_itself


# --- what is asked for ----------------------------------------------------------------------------


def _plan(options: Mapping[str, Any], shipper: Shipper, mode: Mode, target: Target, context: Context) -> Plan:
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


# --- what comes of it -----------------------------------------------------------------------------


def _files(
    options: Mapping[str, Any], plan: Plan, target: Target, context: Context
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Graft | None]:
    """The shipper's mount of the log files, the volume, and what the app containers get."""
    name = options["volume"]
    if name is None:
        volume = {"name": f"{context.name}-files", "emptyDir": {"sizeLimit": options["size_limit"]}}
        mount = {"name": volume["name"], "mountPath": plan.folder}
        return (
            [{**mount, "readOnly": True}],
            [volume],
            Graft([mount], containers=tuple(options["containers"])),
        )
    existing = _mount_of(name, plan.folder, target)
    if existing is not None:
        return [{**existing, "readOnly": True}], [], None
    known = [one["name"] for one in target.pod_spec.get("volumes") or ()]
    if name not in known:
        raise BadPattern(
            f"{context.where}.volume is {name!r}, which the workload lacks; it has {', '.join(known) or 'none'}"
        )
    mount = {"name": name, "mountPath": plan.folder}
    return [{**mount, "readOnly": True}], [], Graft([mount], containers=tuple(options["containers"]))


def _mount_of(volume: str, folder: str, target: Target) -> dict[str, Any] | None:
    """An app container's own mount of the volume at or above the folder."""
    for app in target.pod_spec["containers"]:
        for mount in app.get("volumeMounts") or ():
            path = str(mount.get("mountPath", "")).rstrip("/")
            if mount.get("name") == volume and f"{folder}/".startswith(f"{path}/"):
                return {key: value for key, value in mount.items() if key != "readOnly"}
    return None


def _state(options: Mapping[str, Any], context: Context) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Positions and buffers: kept when the container restarts, and beyond the Pod where a volume is given."""
    if options["state_volume"]:
        mount = {
            "name": options["state_volume"],
            "mountPath": STATE,
            "subPath": f"podpatterns-{context.name}",
        }
        return [mount], []
    volume = {"name": f"{context.name}-state", "emptyDir": {"sizeLimit": options["size_limit"]}}
    return [{"name": volume["name"], "mountPath": STATE}], [volume]


def _ca(options: Mapping[str, Any], context: Context) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    secret = options["output"].get("ca_secret")
    if not secret:
        return [], []
    name = f"{context.name}-ca"
    volume = {"name": name, "secret": {"secretName": secret, "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    return [{"name": name, "mountPath": CA_FILE.rsplit("/", 1)[0], "readOnly": True}], [volume]


def _config(
    plan: Plan, shipper: Shipper, context: Context
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    """A configuration file, as an annotation that the Pod sees as a file: it rolls out and back with the template."""
    if shipper.config_file is None:
        return [], [], {}
    annotation, name = f"podpatterns.core/{context.name}-config", f"{context.name}-config"
    item = {
        "path": shipper.config_file,
        "fieldRef": {"fieldPath": f"metadata.annotations['{annotation}']"},
    }
    volume = {"name": name, "downwardAPI": {"items": [item]}}
    mount = {"name": name, "mountPath": CONFIG_FOLDER, "readOnly": True}
    return [mount], [volume], {annotation: shipper.render(plan)}


def _config_env(plan: Plan, shipper: Shipper) -> Iterator[dict[str, Any]]:
    if shipper.config_file is None:
        # Kubernetes expands $(NAME) in a value, and makes one dollar of two.
        yield {"name": "PODPATTERNS_CONFIG", "value": shipper.render(plan).replace("$", "$$")}


def _pod_env() -> Iterator[dict[str, Any]]:
    paths = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "NODE_NAME": "spec.nodeName"}
    for name in POD_FIELDS.values():
        yield {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": paths[name]}}}


def _login_env(output: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for variable, option in (
        ("LOG_USERNAME", "username_key"),
        ("LOG_PASSWORD", "password_key"),
        ("LOG_TOKEN", "token_key"),
    ):
        if output.get(option):
            reference = {"name": output["secret"], "key": output[option]}
            yield {"name": variable, "valueFrom": {"secretKeyRef": reference}}


def _resources(shipper: Shipper) -> dict[str, Any]:
    return {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": shipper.memory}}


def _user(options: Mapping[str, Any], target: Target, context: Context) -> dict[str, Any]:
    """The app's own user, who can read what the app writes whatever its umask; root stays out."""
    app = first_app(target, options["containers"], f"{context.where}.containers")
    user = known_user(app, target)
    return {"runAsUser": user, "runAsGroup": user} if user else {}


def _startup_probe(plan: Plan, shipper: Shipper) -> dict[str, Any]:
    """The app starts when the shipper is up: without it, a short app may be over before its log is looked for."""
    probe: dict[str, Any] = {"periodSeconds": 1, "failureThreshold": 120}
    if shipper.health is not None:
        return {"httpGet": {"path": shipper.health[1], "port": plan.health_port}, **probe}
    return {"exec": {"command": ["test", "-f", shipper.ready_file]}, **probe}


def _hook(plan: Plan, shipper: Shipper, context: Context, warnings: list[str]) -> dict[str, Any] | None:
    """What keeps TERM from the shipper until it has looked for new files once more."""
    if shipper.drains_by_itself or not plan.drain_seconds:
        return None
    if context.server.version >= SLEEP_ACTION:
        return {"preStop": {"sleep": {"seconds": plan.drain_seconds}}}
    if shipper.sleep:
        return {"preStop": {"exec": {"command": [*shipper.sleep, str(plan.drain_seconds)]}}}
    warnings.append(
        f"{context.where}: the server is older than 1.30 and the {shipper.name} image has no sleep command, so"
        " drain_seconds is not kept; the last lines of a short Pod may be lost"
    )
    return None


def _warnings(plan: Plan, mode: Mode, context: Context) -> Iterator[str]:
    if mode is Mode.CLASSIC:
        yield (
            f"{context.where}: a classic sidecar gets TERM together with the app; what the app writes later than"
            f" {plan.drain_seconds} s after that is lost (drain_seconds)"
        )
    if not plan.output.verify:
        yield f"{context.where}.output.verify is false: whoever answers gets the logs"


PATTERN = Pattern("logging", OPTIONS, build)
