# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern config_sync: what changes in a repository, or in labelled ConfigMaps, reaches the running app."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._programs import fetch as fetcher
from .access import Access, authority
from .apps import first_app
from .fragment import BadPattern, Fragment, Target
from .git_source import CA_OPTION, GIT_OPTIONS, Repository, repository
from .helper import USER, Context, container, program
from .options import COMMON_OPTIONS, SIDECAR_OPTIONS, Spec
from .pattern import Pattern
from .published import (
    CONTENT_PATH,
    PUBLISHED_OPTIONS,
    WORK_PATH,
    file_mode,
    fragment,
    helper_mounts,
    running_as,
    seconds,
    startup_probe,
)
from .reload import RELOAD_OPTION, checked_reload, signalling_user

LABEL = re.compile(r"([a-z0-9]([-.a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")
DEFAULT_PERIOD = 30
DEFAULT_LINK = "current"
# git-sync's own user, which its image knows.
GIT_SYNC_USER = 65533

OPTIONS: Spec = {
    **COMMON_OPTIONS,
    **SIDECAR_OPTIONS,
    **PUBLISHED_OPTIONS,
    "tool": {"type": "str", "choices": ["git", "git_sync", "k8s_sidecar"], "default": "git"},
    "git": {"type": "dict", "options": GIT_OPTIONS},
    "select": {
        "type": "dict",
        "options": {
            "label": {"type": "str", "required": True},
            "value": {"type": "str"},
            "kind": {"type": "str", "choices": ["configmap", "secret", "both"], "default": "configmap"},
        },
    },
    "link": {"type": "str"},
    "period": {"type": "int"},
    "attempt_timeout": {"type": "int", "default": 60},
    "deadline": {"type": "int", "default": 120},
    "max_failures": {"type": "int"},
    "required_files": {"type": "list", "elements": "str", "default": []},
    "check": {"type": "list", "elements": "str", "default": []},
    "file_mode": {"type": "str"},
    "ca_config_map": CA_OPTION,
    "insecure": {"type": "bool", "default": False},
    "reload": RELOAD_OPTION,
    "port": {"type": "int"},
}

# Which tool has an option: what one cannot do is refused, not left undone.
ONLY_FOR: dict[str, tuple[str, ...]] = {
    "git": ("git", "git_sync"),
    "select": ("k8s_sidecar",),
    "link": ("git", "git_sync"),
    "period": ("git", "git_sync"),
    "max_failures": ("git", "git_sync"),
    "ca_config_map": ("git", "git_sync"),
    "required_files": ("git",),
    "check": ("git",),
    "file_mode": ("git", "k8s_sidecar"),
    "port": ("git_sync", "k8s_sidecar"),
}
DEFAULT_PORTS = {"git_sync": 9419, "k8s_sidecar": 9420}


@dataclass(frozen=True)
class _Plan:
    """What all tools need, checked."""

    options: Mapping[str, Any]
    target: Target
    context: Context
    reload: Mapping[str, Any] | None
    access: Access


def build(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    """A sidecar that publishes before the app starts and keeps what is published up to date."""
    where = context.where
    _check(options, target, where)
    plan = _Plan(options, target, context, checked_reload(options, where), Access(f"{context.name}-access"))
    return BUILDERS[options["tool"]](plan)


def _check(options: Mapping[str, Any], target: Target, where: str) -> None:
    tool = options["tool"]
    for name, tools in ONLY_FOR.items():
        if options[name] and tool not in tools:
            raise BadPattern(
                f"{where}.{name} is given, but tool {tool} has none; it is for {' and '.join(tools)}"
            )
    needed = "select" if tool == "k8s_sidecar" else "git"
    if not options[needed]:
        raise BadPattern(f"{where}.{needed} is missing; tool {tool} must know what to synchronise")
    if options["git"] and options["git"]["commit"]:
        raise BadPattern(
            f"{where}.git.commit names a commit, which never changes; name a branch, or use fetch_config"
        )
    seconds(options, ("period", "attempt_timeout", "deadline"), where)
    link = options["link"]
    if link is not None and not re.fullmatch(r"[A-Za-z0-9][-._A-Za-z0-9]*", link):
        raise BadPattern(f"{where}.link is {link!r}; it must be a plain name, such as current")
    first_app(target, options["containers"], f"{where}.containers")
    port = _port(options)
    if not 0 < port < 65536:
        raise BadPattern(f"{where}.port is {port}; it must be from 1 to 65535")
    if tool in DEFAULT_PORTS and port in _ports_in_use(target):
        raise BadPattern(f"{where}.port is {port}, which a container of the workload has; give another one")


def _port(options: Mapping[str, Any]) -> int:
    given = options["port"]
    return int(given if given is not None else DEFAULT_PORTS.get(options["tool"], 1))


def _ports_in_use(target: Target) -> set[int]:
    spec = target.pod_spec
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    return {port.get("containerPort") for one in containers for port in one.get("ports") or ()}


# --- our own loop around git --------------------------------------------------------------------


def _with_git(plan: _Plan) -> Fragment:
    options, context, where = plan.options, plan.context, plan.context.where
    app = first_app(plan.target, options["containers"], f"{where}.containers")
    signalled = bool(plan.reload and "signal" in plan.reload)
    user = signalling_user(app, plan.target, options, where) if signalled else None
    found = repository(options["git"], plan.access, options["insecure"], f"{where}.git")
    if found.ssh_key:
        plan.access.user(options["security_context"].get("runAsUser", user or USER))
    ca_file = authority(options["ca_config_map"], plan.access, f"{where}.ca_config_map")
    config = {
        "source": {"type": "git", **vars(found), "ca_file": ca_file},
        "volume": CONTENT_PATH,
        "link": options["link"] or DEFAULT_LINK,
        "work": WORK_PATH,
        "file_mode": file_mode(options["file_mode"] or "0444", f"{where}.file_mode"),
        "required_files": options["required_files"],
        "check": options["check"],
        "timeout": options["attempt_timeout"],
        "deadline": options["deadline"],
        "period": options["period"] or DEFAULT_PERIOD,
        "max_failures": _max_failures(options),
        "reload": plan.reload,
    }

    def make(named: Context, stays: bool) -> dict[str, Any]:
        told = json.dumps({**config, "watch": stays}, sort_keys=True)
        return container(
            named,
            options,
            "git",
            command=program(fetcher),
            env=[{"name": "PODPATTERNS_CONFIG", "value": told}],
            mounts=helper_mounts(context.name, plan.access),
            security=running_as(user),
        )

    probe = startup_probe({"exec": {"command": ["test", "-e", f"{WORK_PATH}/synced"]}}, options["deadline"])
    return fragment(
        context, options, plan.access, make, stays=True, probe=probe, share_process_namespace=signalled
    )


def _max_failures(options: Mapping[str, Any]) -> int:
    """A server that is away is no reason to end: by default what was published stays for as long as it takes."""
    return -1 if options["max_failures"] is None else int(options["max_failures"])


# --- git-sync -----------------------------------------------------------------------------------


def _with_git_sync(plan: _Plan) -> Fragment:
    options, context, where = plan.options, plan.context, plan.context.where
    _refuse_signal(plan, "git_sync")
    if options["git"]["subdirectory"]:
        raise BadPattern(
            f"{where}.git.subdirectory is given, but git-sync publishes whole repositories; read it below"
            f" {options['link'] or DEFAULT_LINK}, or use tool git"
        )
    found = repository(options["git"], plan.access, options["insecure"], f"{where}.git")
    user = options["security_context"].get("runAsUser", GIT_SYNC_USER)
    if found.ssh_key:
        plan.access.user(user)
    ca_file = authority(options["ca_config_map"], plan.access, f"{where}.ca_config_map")

    def make(named: Context, stays: bool) -> dict[str, Any]:
        return container(
            named,
            options,
            "git-sync",
            args=_git_sync_arguments(plan, found, ca_file, stays),
            env=[{"name": "HOME", "value": WORK_PATH}, *_git_sync_ssh(found)],
            mounts=helper_mounts(context.name, plan.access),
            security=running_as(user),
        )

    # Its endpoint answers 503 until the first version is published.
    probe = startup_probe({"httpGet": {"path": "/", "port": _port(options)}}, options["deadline"])
    return fragment(context, options, plan.access, make, stays=True, probe=probe)


def _git_sync_arguments(plan: _Plan, found: Repository, ca_file: str | None, stays: bool) -> list[str]:
    options = plan.options
    arguments = [
        f"--repo={found.url}",
        f"--ref={found.ref or 'HEAD'}",
        # A directory of its own: git-sync clears what it finds in its root.
        f"--root={CONTENT_PATH}/.git-sync",
        f"--link={CONTENT_PATH}/{options['link'] or DEFAULT_LINK}",
        f"--sync-timeout={options['attempt_timeout']}s",
        f"--max-failures={_max_failures(options)}",
    ]
    if stays:
        arguments += [
            f"--period={options['period'] or DEFAULT_PERIOD}s",
            f"--http-bind=:{_port(options)}",
        ]
    else:
        arguments.append("--one-time")
    if plan.reload and stays:
        # It tries again until the app answers, so the first version, before there is an app, blocks nothing.
        arguments += [f"--webhook-url={plan.reload['url']}", "--webhook-method=POST", "--webhook-timeout=10s"]
    if found.token_file:
        arguments += [f"--username={found.username}", f"--password-file={found.token_file}"]
    if found.ssh_key:
        arguments += [f"--ssh-key-file={found.ssh_key}", f"--ssh-known-hosts-file={found.known_hosts}"]
    if ca_file:
        arguments.append(f"--git-config=http.sslCAInfo:{ca_file}")
    return arguments


def _git_sync_ssh(found: Repository) -> list[dict[str, str]]:
    """Early releases of version 4 ask for this, later ones see it from the URL."""
    return [{"name": "GITSYNC_SSH", "value": "true"}] if found.ssh_key else []


# --- k8s-sidecar --------------------------------------------------------------------------------


def _with_k8s_sidecar(plan: _Plan) -> Fragment:
    options, context = plan.options, plan.context
    _refuse_signal(plan, "k8s_sidecar")
    select = options["select"]
    if not LABEL.fullmatch(select["label"]):
        raise BadPattern(
            f"{context.where}.select.label is {select['label']!r}; it must be the name of a label"
        )
    # It writes into the files that are there, so they must be its own to write.
    mode = file_mode(options["file_mode"] or "0644", f"{context.where}.file_mode")
    if not mode & 0o200:
        raise BadPattern(
            f"{context.where}.file_mode is {options['file_mode']!r}, but k8s-sidecar writes into the files that are"
            " there; their owner must be able to write, as with '0644'"
        )
    kinds = {"configmap": ["configmaps"], "secret": ["secrets"], "both": ["configmaps", "secrets"]}

    def make(named: Context, stays: bool) -> dict[str, Any]:
        variables = {
            "LABEL": select["label"],
            **({"LABEL_VALUE": select["value"]} if select["value"] else {}),
            "RESOURCE": select["kind"],
            "FOLDER": CONTENT_PATH,
            "METHOD": "WATCH" if stays else "LIST",
            "DEFAULT_FILE_MODE": f"{mode:03o}",
            "HEALTH_PORT": str(_port(options)),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(_k8s_sidecar_reload(plan.reload["url"]) if plan.reload and stays else {}),
        }
        return container(
            named,
            options,
            "k8s-sidecar",
            env=[{"name": name, "value": value} for name, value in variables.items()],
            mounts=helper_mounts(context.name, plan.access),
        )

    # Its endpoint answers 503 until the first files are written. It is no liveness probe: it answers 503 as well
    # while a watch is renewed, and the kubelet would end a sidecar that is well.
    probe = startup_probe({"httpGet": {"path": "/healthz", "port": _port(options)}}, options["deadline"])
    rule = {"apiGroups": [""], "resources": kinds[select["kind"]], "verbs": ["get", "list", "watch"]}
    return fragment(context, options, plan.access, make, stays=True, probe=probe, rules=[rule])


def _k8s_sidecar_reload(url: str) -> dict[str, str]:
    # The first files are written before there is an app: a native sidecar that waits for its answer waits for ever.
    return {"REQ_URL": url, "REQ_METHOD": "POST", "REQ_SKIP_INIT": "true"}


def _refuse_signal(plan: _Plan, tool: str) -> None:
    if plan.reload and "signal" in plan.reload:
        raise BadPattern(
            f"{plan.context.where}.reload.signal is given, but tool {tool} sends none; reload by url, or use tool git"
        )


BUILDERS: dict[str, Callable[[_Plan], Fragment]] = {
    "git": _with_git,
    "git_sync": _with_git_sync,
    "k8s_sidecar": _with_k8s_sidecar,
}

PATTERN = Pattern("config_sync", OPTIONS, build)
