# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern logging: what the app writes to a file is shipped by a sidecar, the last lines included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .apps import first_app, known_user
from .fragment import BadPattern, Fragment, Graft, Helper, Mode, Target
from .helper import Context, container
from .log_plan import OUTPUTS, plan_of
from .options import COMMON_OPTIONS, SIDECAR_OPTIONS, Spec
from .pattern import Pattern
from .shippers.catalogue import SHIPPERS
from .shippers.plan import CA_FILE, CONFIG_FOLDER, POD_FIELDS, STATE, Plan, Shipper

PARSERS = ["text", "json", "regex"]

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
    plan = plan_of(options, shipper, mode, target, context)
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
    if context.server.sleep_hooks:
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
