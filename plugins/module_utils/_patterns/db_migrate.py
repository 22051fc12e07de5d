# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern db_migrate: the app starts only on a schema that fits it, and each migration is applied once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._programs import db_migrate as migrator
from .fragment import BadPattern, Fragment, Helper, Mode, Target
from .helper import Context, container, program
from .migration_tools import TOOLS, Tool, checked_files, files_as_annotations
from .options import COMMON_OPTIONS, Spec
from .pattern import Pattern

_KEY: dict[str, Any] = {
    "type": "dict",
    "options": {"name": {"type": "str", "required": True}, "key": {"type": "str", "required": True}},
    "no_log": False,
}

OPTIONS: Spec = {
    **COMMON_OPTIONS,
    "tool": {"type": "str", "required": True, "choices": list(TOOLS)},
    "mode": {"type": "str", "choices": ["auto", "job", "init", "init_with_lock"], "default": "auto"},
    "runner_image": {"type": "raw"},
    "database": {
        "type": "dict",
        "required": True,
        "options": {
            "url_secret": _KEY,
            "host": {"type": "str"},
            "port": {"type": "int", "default": 5432},
            "name": {"type": "str"},
            "user": {"type": "str"},
            "user_secret": _KEY,
            "password_secret": _KEY,
            "sslmode": {
                "type": "str",
                "choices": ["disable", "prefer", "require", "verify-ca", "verify-full"],
            },
            "variable": {"type": "str", "default": "DATABASE_URL"},
        },
    },
    "files": {"type": "dict", "default": {}},
    "config_map": {"type": "str"},
    "directory": {"type": "str"},
    "entry_file": {"type": "str"},
    "command": {"type": "list", "elements": "str"},
    "version": {"type": "str"},
    "table": {"type": "str"},
    "ready_query": {"type": "str"},
    "lock": {"type": "str", "choices": ["auto", "advisory", "tool", "none"], "default": "auto"},
    "lock_name": {"type": "str"},
    "lock_timeout": {"type": "int", "default": 300},
    "deadline": {"type": "int", "default": 600},
    "retries": {"type": "int", "default": 2},
    "revision": {"type": "str"},
    "job_ttl": {"type": "int"},
}

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What the Job's Pod takes over from the workload's, so that it may run where the workload may.
PASSED_ON = (
    "nodeSelector",
    "tolerations",
    "imagePullSecrets",
    "serviceAccountName",
    "priorityClassName",
    "schedulerName",
    "runtimeClassName",
    "dnsPolicy",
    "dnsConfig",
    "hostAliases",
)
# Seconds that a Job gets beside its migration: for a node, an image, a tool that must be stopped.
JOB_SLACK = 60
TOOL_FOLDER = migrator.GOLANG_MIGRATE.rpartition("/")[0]


@dataclass(frozen=True)
class _Plan:
    """The options, decided. lock: an advisory lock's name, or None where the tool is left to itself."""

    options: Mapping[str, Any]
    target: Target
    context: Context
    tool_name: str
    tool: Tool
    mode: str
    files: Mapping[str, str]
    directory: str | None
    version: str | None
    lock: str | None
    runs_program: bool

    @property
    def short(self) -> str:
        """The entry's name, with room for an ending."""
        return self.context.name[:50].rstrip("-")


def build(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    """Init containers that migrate, or a Job that does and an init container that waits for the schema."""
    plan = _plan(options, target, context)
    if plan.mode == "job":
        return _with_job(plan)
    helpers, volumes = _migration(plan)
    return Fragment(
        helpers=[_init(spec, plan, helpers[:number]) for number, spec in enumerate(helpers)],
        volumes=volumes,
        annotations=_annotations(plan),
    )


def _init(spec: Mapping[str, Any], plan: _Plan, before: Sequence[Mapping[str, Any]]) -> Helper:
    """The first goes where the user wants it, each other one right after it."""
    position = plan.options["position"]
    return Helper(spec, Mode.INIT, f"after:{before[-1]['name']}" if position and before else position)


# --- deciding -------------------------------------------------------------------------------------


def _plan(options: Mapping[str, Any], target: Target, context: Context) -> _Plan:
    where, name = context.where, options["tool"]
    tool = TOOLS[name]
    _check_numbers(options, where)
    _check_database(options["database"], f"{where}.database")
    _check_tool(options, name, tool, where)
    files = checked_files(options["files"], name, f"{where}.files")
    mode = _mode(options["mode"], target, where)
    lock = _lock(options, name, tool, mode, where)
    derived = tool.version_of(files) if tool.version_of else None
    plan = _Plan(
        options,
        target,
        context,
        name,
        tool,
        mode,
        files,
        _directory(options, tool, bool(files)),
        options["version"] or derived,
        lock,
        runs_program=name == "golang-migrate" or tool.has_python or lock is not None,
    )
    if mode == "job":
        _check_job(plan)
    return plan


def _check_numbers(options: Mapping[str, Any], where: str) -> None:
    for name, least in {"deadline": 1, "lock_timeout": 1, "retries": 0, "job_ttl": 0}.items():
        if options[name] is not None and options[name] < least:
            raise BadPattern(f"{where}.{name} is {options[name]}; it must be {least} or more")


def _check_database(database: Mapping[str, Any], where: str) -> None:
    if database["url_secret"] and database["host"]:
        raise BadPattern(f"{where} has both url_secret and host; give one of them")
    if not database["url_secret"]:
        for name in ("host", "name", "password_secret"):
            if not database[name]:
                raise BadPattern(
                    f"{where}.{name} is missing; give host, name, user and password_secret, or the whole URL as"
                    " url_secret"
                )
        if not database["user"] and not database["user_secret"]:
            raise BadPattern(f"{where} has neither user nor user_secret; give one of them")
    if database["user"] and database["user_secret"]:
        raise BadPattern(f"{where} has both user and user_secret; give one of them")
    if database["host"] and ("/" in database["host"] or "@" in database["host"]):
        raise BadPattern(f"{where}.host is no host's name; a URL belongs into a Secret, given as url_secret")
    if not 0 < database["port"] < 65536:
        raise BadPattern(f"{where}.port is {database['port']}; it must be from 1 to 65535")
    if not VARIABLE.fullmatch(database["variable"]):
        raise BadPattern(f"{where}.variable is {database['variable']!r}; it must be a variable's name")


def _check_tool(options: Mapping[str, Any], name: str, tool: Tool, where: str) -> None:
    if tool.image is None and options["image"] is None:
        raise BadPattern(
            f"{where}.image is missing; {name} runs in an image of your own"
            + (", the one with the project and the tool in it" if tool.has_python else "")
        )
    if name == "custom" and not options["command"]:
        raise BadPattern(f"{where}.command is missing; tool custom runs nothing without one")
    if name == "golang-migrate" and options["command"]:
        raise BadPattern(
            f"{where}.command is given, but golang-migrate's is made from the options; remove it"
        )
    if options["ready_query"] and name != "custom":
        raise BadPattern(f"{where}.ready_query is for tool custom; {name} knows its own version")
    if options["files"] and options["config_map"]:
        raise BadPattern(f"{where} has both files and config_map; give one of them")
    if options["table"] and not IDENTIFIER.fullmatch(options["table"]):
        raise BadPattern(f"{where}.table is {options['table']!r}; it must be a table's name, or schema.table")
    if options["table"] and "." in options["table"] and name in ("flyway", "liquibase"):
        raise BadPattern(
            f"{where}.table is {options['table']!r}; {name} takes a table's name alone, give the schema by a variable"
            " of its own in env"
        )
    if options["directory"] and not options["directory"].startswith("/"):
        raise BadPattern(f"{where}.directory is {options['directory']!r}; it must begin with /")
    if options["version"] and name in ("django", "custom"):
        raise BadPattern(f"{where}.version is given, but {name} has no single version; remove it")
    if options["version"] and tool.version_of and not re.fullmatch(r"\d[\d.]*", options["version"]):
        raise BadPattern(
            f"{where}.version is {options['version']!r}; {name} has numbers for versions, such as 3"
        )


def _mode(wanted: str, target: Target, where: str) -> str:
    several = target.kind == "DaemonSet" or target.replicas > 1
    if wanted == "auto":
        return "job" if several else "init"
    if wanted == "init" and several:
        how_many = "a Pod for each node" if target.kind == "DaemonSet" else f"{target.replicas} Pods"
        raise BadPattern(
            f"{where}.mode is init, but {target.kind} {target.name} has {how_many}, which would all migrate at once;"
            " use job or init_with_lock"
        )
    return wanted


def _lock(options: Mapping[str, Any], name: str, tool: Tool, mode: str, where: str) -> str | None:
    """The advisory lock's name; None for the tool's own lock, and for none."""
    wanted = options["lock"]
    java = name in ("flyway", "liquibase")
    if wanted == "advisory" and java:
        raise BadPattern(
            f"{where}.lock is advisory, but the image of {name} has no Python to hold it; use lock: tool"
        )
    if wanted == "tool" and not tool.has_lock:
        raise BadPattern(f"{where}.lock is tool, but {name} has no lock of its own; use advisory")
    if mode == "init" and wanted in ("advisory", "tool"):
        raise BadPattern(f"{where}.lock is {wanted}, but mode is init; use mode: init_with_lock")
    if mode == "init_with_lock" and wanted == "none":
        raise BadPattern(f"{where}.lock is none, but mode is init_with_lock; use advisory or tool")
    if wanted == "auto":
        program_is_there = not java and (name != "custom" or mode == "init_with_lock")
        wanted = "advisory" if program_is_there and mode != "init" else "none"
    if wanted != "advisory":
        return None
    return str(options["lock_name"] or f"podpatterns.db_migrate.{name}.{options['table'] or tool.table}")


def _directory(options: Mapping[str, Any], tool: Tool, has_files: bool) -> str | None:
    if options["directory"]:
        return str(options["directory"])
    return "/migrations" if has_files or options["config_map"] else tool.directory


def _check_job(plan: _Plan) -> None:
    where = plan.context.where
    if plan.tool_name == "custom" and not plan.options["ready_query"]:
        raise BadPattern(
            f"{where}.ready_query is missing; in mode job the app waits until this SQL returns true, or use mode init"
        )
    if plan.tool.knows_itself or plan.version or plan.tool_name == "custom":
        return
    raise BadPattern(
        f"{where}.version is missing; in mode job the app waits for that version of the schema"
        + (", which can be known beforehand only from files" if plan.tool.version_of else "")
    )


# --- containers -----------------------------------------------------------------------------------


def _annotations(plan: _Plan) -> dict[str, str]:
    return files_as_annotations(plan.files, plan.short)[0]


def _volumes(plan: _Plan) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The volumes of a migration, and their mounts: a place to write, and the files."""
    volumes: list[dict[str, Any]] = [{"name": f"{plan.short}-tmp", "emptyDir": {}}]
    mounts: list[dict[str, Any]] = [{"name": f"{plan.short}-tmp", "mountPath": "/tmp"}]
    if plan.files:
        volumes.append(files_as_annotations(plan.files, plan.short)[1])
    elif plan.options["config_map"]:
        volumes.append({"name": f"{plan.short}-files", "configMap": {"name": plan.options["config_map"]}})
    if len(volumes) > 1:
        mounts.append({"name": f"{plan.short}-files", "mountPath": plan.directory, "readOnly": True})
    return volumes, mounts


def _migration(plan: _Plan) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The containers that migrate, one after another, and their volumes."""
    volumes, mounts = _volumes(plan)
    if plan.tool_name == "golang-migrate":
        name = f"{plan.short}-tool"
        volumes.append({"name": name, "emptyDir": {}})
        mounts.append({"name": name, "mountPath": TOOL_FOLDER})
        config = _config(plan, "migrate")
        made = _tool_copy(plan, mounts[-1]), _runner(plan, config, mounts, plan.options["runner_image"])
        return list(made), volumes
    if plan.runs_program:
        return [_runner(plan, _config(plan, "migrate"), mounts, plan.options["image"])], volumes
    return [_bare_tool(plan, mounts)], volumes


def _made(plan: _Plan, options: Mapping[str, Any], image: str, **parts: Any) -> dict[str, Any]:
    resources = {
        "requests": {"cpu": "10m", "memory": "64Mi" if plan.tool.memory == "128Mi" else "128Mi"},
        "limits": {"memory": plan.tool.memory},
    }
    sized = {**options, "resources": options["resources"] or resources}
    return container(plan.context, sized, image, **parts)


def _runner(
    plan: _Plan, config: Mapping[str, Any], mounts: Sequence[Mapping[str, Any]], image: Any
) -> dict[str, Any]:
    """Our program, in the image that has Python: the project's own, or the default one."""
    env = [
        {"name": "PODPATTERNS_CONFIG", "value": json.dumps(config, sort_keys=True)},
        {"name": "HOME", "value": "/tmp"},
        {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
        *_address(plan),
    ]
    options = {**plan.options, "image": image}
    return _made(plan, options, "python", command=program(migrator), env=env, mounts=mounts)


def _tool_copy(plan: _Plan, mount: Mapping[str, Any]) -> dict[str, Any]:
    """golang-migrate is one static program in an image without Python: it is copied to where our program runs."""
    baked = [] if plan.files or plan.options["config_map"] else [str(plan.directory)]
    options = {**plan.options, "env": [], "mounts": []}
    made = _made(
        plan,
        options,
        "golang-migrate",
        command=["cp", "-r", "/usr/local/bin/migrate", *baked, f"{TOOL_FOLDER}/"],
        mounts=[mount],
    )
    return {**made, "name": f"{plan.short}-tool"}


def _config(plan: _Plan, action: str, job: str | None = None) -> dict[str, Any]:
    options, directory = plan.options, plan.directory
    lock = {"name": plan.lock, "timeout": options["lock_timeout"]} if plan.lock else None
    if plan.tool_name == "golang-migrate" and not (plan.files or options["config_map"]):
        directory = f"{TOOL_FOLDER}/{str(directory).rstrip('/').rpartition('/')[2]}"
    return {
        "action": action,
        "tool": plan.tool_name,
        "url_variable": options["database"]["variable"],
        "command": options["command"],
        "directory": directory if action == "migrate" or plan.tool.has_python else None,
        "entry_file": options["entry_file"] or plan.tool.entry_file,
        "version": plan.version if action == "wait" else options["version"],
        "table": options["table"] or plan.tool.table,
        "ready_query": options["ready_query"],
        "lock": lock if action == "migrate" else None,
        "deadline": options["deadline"],
        "job": job,
    }


def _address(plan: _Plan) -> list[dict[str, Any]]:
    """Where the database is, by the variables of libpq; secrets by reference."""
    database = plan.options["database"]
    found = [_secret(database["variable"], database["url_secret"])] if database["url_secret"] else []
    if database["host"]:
        found += [
            {"name": "PGHOST", "value": database["host"]},
            {"name": "PGPORT", "value": str(database["port"])},
            {"name": "PGDATABASE", "value": database["name"]},
        ]
    if database["sslmode"]:
        found.append({"name": "PGSSLMODE", "value": database["sslmode"]})
    return [*found, *_login(database, "PGUSER", "PGPASSWORD")]


def _login(database: Mapping[str, Any], user: str, password: str) -> list[dict[str, Any]]:
    found = [{"name": user, "value": database["user"]}] if database["user"] else []
    if database["user_secret"]:
        found.append(_secret(user, database["user_secret"]))
    if database["password_secret"]:
        found.append(_secret(password, database["password_secret"]))
    return found


def _secret(name: str, key: Mapping[str, str]) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": key["name"], "key": key["key"]}}}


# --- tools that run by themselves -----------------------------------------------------------------


def _bare_tool(plan: _Plan, mounts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The tool as its image has it, ended at the deadline by coreutils' or busybox' timeout."""
    options = plan.options
    commands = {"flyway": ["flyway", "migrate"], "liquibase": ["liquibase", "update"]}
    command = list(options["command"] or commands[plan.tool_name])
    if plan.tool_name != "custom":
        command = ["timeout", "-k", "10", str(options["deadline"]), *command]
    variables = {"flyway": _flyway, "liquibase": _liquibase, "custom": _address}[plan.tool_name](plan)
    made = _made(
        plan,
        options,
        plan.tool.image or "python",
        command=command,
        env=[{"name": "HOME", "value": "/tmp"}, *variables],
        mounts=mounts,
    )
    if plan.tool_name == "custom" and plan.directory:
        made["workingDir"] = plan.directory
    return made


def _jdbc(plan: _Plan, name: str) -> dict[str, Any]:
    database = plan.options["database"]
    if database["url_secret"]:
        return _secret(name, database["url_secret"])
    mode = f"?sslmode={database['sslmode']}" if database["sslmode"] else ""
    place = f"{database['host']}:{database['port']}/{database['name']}"
    return {"name": name, "value": f"jdbc:postgresql://{place}{mode}"}


def _flyway(plan: _Plan) -> list[dict[str, Any]]:
    options = plan.options
    settings = {
        "FLYWAY_LOCATIONS": f"filesystem:{plan.directory}",
        "FLYWAY_TABLE": options["table"] or plan.tool.table,
        "FLYWAY_CONNECT_RETRIES": "60",
        "FLYWAY_CONNECT_RETRIES_INTERVAL": "5",
        "FLYWAY_LOCK_RETRY_COUNT": str(options["lock_timeout"]),
        # A lock in a transaction holds a snapshot that CREATE INDEX CONCURRENTLY would wait for.
        "FLYWAY_POSTGRESQL_TRANSACTIONAL_LOCK": "false",
        **({"FLYWAY_TARGET": options["version"]} if options["version"] else {}),
    }
    return [
        *({"name": key, "value": value} for key, value in settings.items()),
        _jdbc(plan, "FLYWAY_URL"),
        *_login(options["database"], "FLYWAY_USER", "FLYWAY_PASSWORD"),
    ]


def _liquibase(plan: _Plan) -> list[dict[str, Any]]:
    options = plan.options
    settings = {
        "LIQUIBASE_SEARCH_PATH": str(plan.directory),
        "LIQUIBASE_COMMAND_CHANGELOG_FILE": options["entry_file"] or str(plan.tool.entry_file),
        "LIQUIBASE_CHANGELOG_LOCK_WAIT_TIME_IN_MINUTES": str(max(1, options["lock_timeout"] // 60)),
        "LIQUIBASE_DATABASE_CHANGELOG_TABLE_NAME": options["table"] or str(plan.tool.table),
    }
    return [
        *({"name": key, "value": value} for key, value in settings.items()),
        _jdbc(plan, "LIQUIBASE_COMMAND_URL"),
        *_login(options["database"], "LIQUIBASE_COMMAND_USERNAME", "LIQUIBASE_COMMAND_PASSWORD"),
    ]


# --- mode job -------------------------------------------------------------------------------------


def _with_job(plan: _Plan) -> Fragment:
    job = _job(plan)
    volumes, mounts = _volumes(plan) if plan.tool.has_python else ([], [])
    image = plan.options["image"] if plan.tool.has_python else plan.options["runner_image"]
    config = _config(plan, "wait", f"Job {job['metadata']['name']}")
    waits = _runner(plan, config, mounts, image)
    return Fragment(
        helpers=[Helper(waits, Mode.INIT, plan.options["position"])],
        volumes=volumes,
        annotations=_annotations(plan) if plan.tool.has_python else {},
        objects=[job],
        warnings=_job_warnings(plan, job),
    )


def _job(plan: _Plan) -> dict[str, Any]:
    """A Job whose name holds a hash of all that it does: it is made once, and again where that changes."""
    options, target = plan.options, plan.target
    containers, volumes = _migration(plan)
    labels = {"podpatterns.core/db-migrate": target.name[:63].rstrip("-.")}
    pod: dict[str, Any] = {key: target.pod_spec[key] for key in PASSED_ON if key in target.pod_spec}
    secrets = [{"name": name} for name in options["image_pull_secrets"]]
    if secrets:
        pod["imagePullSecrets"] = [*pod.get("imagePullSecrets", []), *secrets]
    pod |= {
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "containers": containers[-1:],
        "volumes": [*volumes, *_borrowed(plan)],
    }
    if containers[:-1]:
        pod["initContainers"] = containers[:-1]
    spec: dict[str, Any] = {
        "backoffLimit": options["retries"],
        "activeDeadlineSeconds": options["deadline"] + JOB_SLACK,
        "template": {"metadata": {"labels": labels, "annotations": _annotations(plan)}, "spec": pod},
    }
    if plan.runs_program:
        spec["podFailurePolicy"] = _failure_policy(plan.context.name)
    if options["job_ttl"] is not None:
        spec["ttlSecondsAfterFinished"] = options["job_ttl"]
    digest = hashlib.sha256(json.dumps([spec, options["revision"]], sort_keys=True).encode()).hexdigest()[:10]
    name = f"{target.name.replace('.', '-')}-{plan.context.name}"[:52].rstrip("-")
    metadata = {"name": f"{name}-{digest}", "labels": labels}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _failure_policy(name: str) -> dict[str, Any]:
    """A migration that is wrong is not tried again; a Pod that was evicted does not count as a try."""
    final = {"containerName": name, "operator": "In", "values": [migrator.FINAL]}
    return {
        "rules": [
            {"action": "FailJob", "onExitCodes": final},
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        ]
    }


def _borrowed(plan: _Plan) -> list[Mapping[str, Any]]:
    """The workload's own volumes that the option `mounts` speaks of."""
    wanted = {mount.get("name") for mount in plan.options["mounts"]}
    return [volume for volume in plan.target.pod_spec.get("volumes") or () if volume.get("name") in wanted]


def _job_warnings(plan: _Plan, job: Mapping[str, Any]) -> list[str]:
    options = plan.options
    if plan.files or options["revision"]:
        return []
    if options["config_map"]:
        return [
            f"{plan.context.where}: new content of ConfigMap {options['config_map']} makes no new Job; give the"
            " ConfigMap a new name with its content, or set revision"
        ]
    pod = job["spec"]["template"]["spec"]
    image = [*pod.get("initContainers", ()), *pod["containers"]][0]["image"]
    if "@" in image or image.rpartition("/")[2].partition(":")[2] not in ("", "latest"):
        return []
    return [
        f"{plan.context.where}: image {image} has no fixed tag, so a new image of that name makes no new Job;"
        " give a tag, or set revision"
    ]


PATTERN = Pattern("db_migrate", OPTIONS, build)
