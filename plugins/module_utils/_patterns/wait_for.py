# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern wait_for: the app starts when what it depends on is there, or the Pod says what is not, and why."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._programs import wait_for as waiter
from .._programs.postgres import SSL_MODES
from .access import Access, checked_url, key_name, object_name
from .fragment import BadPattern, Fragment, Graft, Helper, Mode, Target
from .git_source import CA_OPTION
from .helper import Context, container, program
from .options import COMMON_OPTIONS, Spec
from .pattern import Pattern

_TARGETS: Spec = {
    "tcp": {
        "type": "dict",
        "options": {"host": {"type": "str", "required": True}, "port": {"type": "int", "required": True}},
    },
    "http": {
        "type": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "method": {"type": "str", "choices": ["GET", "HEAD"], "default": "GET"},
            "code": {"type": "list", "elements": "str", "default": ["200-299"]},
            "body": {"type": "str"},
            "headers": {"type": "dict", "default": {}},
            "tls_ca": CA_OPTION,
            "tls_verify": {"type": "bool", "default": True},
        },
    },
    "dns": {"type": "dict", "options": {"name": {"type": "str", "required": True}}},
    "service": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str"},
            "port": {"type": "str"},
            "min_ready": {"type": "int", "default": 1},
        },
    },
    "job": {
        "type": "dict",
        "options": {"name": {"type": "str", "required": True}, "namespace": {"type": "str"}},
    },
    "postgresql": {
        "type": "dict",
        "options": {
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "default": 5432},
            "database": {"type": "str"},
            "user": {"type": "str", "required": True},
            "password_secret": {
                "type": "dict",
                "no_log": False,
                "options": {
                    "name": {"type": "str", "required": True},
                    "key": {"type": "str", "default": "password", "no_log": False},
                },
            },
            "sslmode": {"type": "str", "choices": list(SSL_MODES), "default": "prefer"},
            "tls_ca": CA_OPTION,
        },
    },
    "file": {
        "type": "dict",
        "options": {"path": {"type": "str", "required": True}, "min_size": {"type": "int", "default": 0}},
    },
}
TARGET_KINDS = tuple(_TARGETS)

OPTIONS: Spec = {
    **COMMON_OPTIONS,
    "targets": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {**_TARGETS, "timeout": {"type": "float"}, "invert": {"type": "bool", "default": False}},
    },
    "match": {"type": "str", "choices": ["all", "any"], "default": "all"},
    "interval": {"type": "float", "default": 1.0},
    "backoff": {"type": "float", "default": 1.5},
    "max_interval": {"type": "float", "default": 10.0},
    "attempt_timeout": {"type": "float", "default": 5.0},
    "deadline": {"type": "float", "default": 120.0},
    "on_timeout": {"type": "str", "choices": ["fail", "continue"], "default": "fail"},
    "marker": {"type": "str"},
}

MARKERS = "/run/podpatterns"
DNS_NAME = re.compile(
    r"(?=.{1,254}$)[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*\.?"
)
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# What would be a secret in a manifest.
SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization", "x-api-key")


@dataclass
class _Needs:
    """What the targets need of the Pod and of the API, gathered one by one."""

    target: Target
    access: Access
    mounts: list[dict[str, Any]] = field(default_factory=list)
    rules: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def right(self, namespace: str, rule: dict[str, Any]) -> None:
        """Ask for a right in a namespace."""
        self.rules.setdefault(namespace, []).append(rule)


def build(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    """An init container that ends when enough of the targets are there."""
    where = context.where
    if not options["targets"]:
        raise BadPattern(f"{where}.targets is empty; give at least one of {', '.join(TARGET_KINDS)}")
    _check_times(options, where)
    needs = _Needs(target, Access(f"{context.name}-access"))
    targets = [
        _target(given, options, needs, f"{where}.targets[{number}]")
        for number, given in enumerate(options["targets"])
    ]
    volumes, grafts, mounts, marker = _marker(options, context)
    made = container(
        context,
        options,
        "python",
        command=program(waiter),
        env=[
            {
                "name": "PODPATTERNS_CONFIG",
                "value": json.dumps(_config(options, targets, marker), sort_keys=True),
            }
        ],
        mounts=[*needs.mounts, *needs.access.all_mounts(), *mounts],
    )
    return Fragment(
        helpers=[Helper(made, Mode.INIT, options["position"])],
        volumes=[*needs.access.volumes(), *volumes],
        grafts=grafts,
        rules=needs.rules.pop(target.namespace, []),
        rules_elsewhere=needs.rules,
    )


def _config(
    options: Mapping[str, Any], targets: Sequence[Mapping[str, Any]], marker: str | None
) -> dict[str, Any]:
    same = ("match", "interval", "backoff", "max_interval", "attempt_timeout", "deadline", "on_timeout")
    return {**{key: options[key] for key in same}, "marker": marker, "targets": targets}


def _check_times(options: Mapping[str, Any], where: str) -> None:
    for option in ("interval", "max_interval", "attempt_timeout", "deadline"):
        if not 0 < options[option] < float("inf"):
            raise BadPattern(
                f"{where}.{option} is {options[option]:g}; it must be a number of seconds above 0"
            )
    if not 1 <= options["backoff"] < float("inf"):
        raise BadPattern(
            f"{where}.backoff is {options['backoff']:g}; it must be 1 or more, 1 for an even interval"
        )
    if options["interval"] > options["max_interval"]:
        raise BadPattern(
            f"{where}.interval is {options['interval']:g}, longer than max_interval {options['max_interval']:g}"
        )
    if options["interval"] >= options["deadline"]:
        raise BadPattern(
            f"{where}.interval is {options['interval']:g}, but the deadline {options['deadline']:g} passes before a"
            " second look; make it shorter"
        )


def _marker(
    options: Mapping[str, Any], context: Context
) -> tuple[list[dict[str, Any]], list[Graft], list[dict[str, Any]], str | None]:
    """Volume, grafts and mounts for the file that tells the app what did not come, and its path."""
    given = options["marker"]
    if options["on_timeout"] != "continue":
        if given is not None:
            raise BadPattern(
                f"{context.where}.marker is {given!r}, but on_timeout is fail; set it to continue"
            )
        return [], [], [], None
    path = _checked_path(given or f"{MARKERS}/{context.name}/timed-out", f"{context.where}.marker")
    folder = path.rpartition("/")[0]
    if not folder:
        raise BadPattern(
            f"{context.where}.marker is {path!r}; its folder becomes a volume of its own, so it needs one, such as"
            f" {MARKERS}{path}"
        )
    mount = {"name": f"{context.name}-marker", "mountPath": folder}
    return (
        [{"name": mount["name"], "emptyDir": {"sizeLimit": "1Mi"}}],
        [Graft(mounts=[{**mount, "readOnly": True}])],
        [mount],
        path,
    )


# --- targets ------------------------------------------------------------------------------------

Made = dict[str, Any]


def _target(given: Mapping[str, Any], options: Mapping[str, Any], needs: _Needs, where: str) -> Made:
    kinds = [kind for kind in TARGET_KINDS if given[kind] is not None]
    if len(kinds) != 1:
        found = f"names {' and '.join(kinds)}" if kinds else "names no kind of target"
        raise BadPattern(f"{where} {found}; give exactly one of {', '.join(TARGET_KINDS)}")
    kind = kinds[0]
    timeout = given["timeout"]
    if timeout is not None and not 0 < timeout <= options["deadline"]:
        raise BadPattern(
            f"{where}.timeout is {timeout:g}; it must be above 0 and at most the deadline, {options['deadline']:g}"
        )
    if given["invert"] and kind == "job":
        raise BadPattern(
            f"{where}.invert is true, but a Job that is not complete may yet be; wait for another target"
        )
    made = _MAKERS[kind](given[kind], needs, f"{where}.{kind}", options)
    return {"kind": kind, "timeout": timeout, "invert": given["invert"], **made}


def _tcp(given: Mapping[str, Any], _needs: _Needs, where: str, _options: Mapping[str, Any]) -> Made:
    host, port = _host(given["host"], f"{where}.host"), _port(given["port"], f"{where}.port")
    return {"host": host, "port": port, "name_shown": f"tcp {host}:{port}"}


def _dns(given: Mapping[str, Any], _needs: _Needs, where: str, _options: Mapping[str, Any]) -> Made:
    name = given["name"]
    if not DNS_NAME.fullmatch(name):
        raise BadPattern(
            f"{where}.name is {name!r}; it must be a name such as db or db.shop.svc.cluster.local."
        )
    return {"name": name, "name_shown": f"dns {name}"}


def _http(given: Mapping[str, Any], needs: _Needs, where: str, _options: Mapping[str, Any]) -> Made:
    url = _url(given["url"], f"{where}.url")
    secure = url.startswith("https:")
    for option, is_set in (("tls_ca", given["tls_ca"] is not None), ("tls_verify", not given["tls_verify"])):
        if is_set and not secure:
            raise BadPattern(
                f"{where}.{option} is given, but url is {url!r}; only an https url has a certificate"
            )
    if given["tls_ca"] is not None and not given["tls_verify"]:
        raise BadPattern(
            f"{where}.tls_verify is false, but tls_ca is given to verify with; keep one of the two"
        )
    if given["body"] is not None:
        _check_expression(given["body"], f"{where}.body")
        if given["method"] == "HEAD":
            raise BadPattern(f"{where}.method is 'HEAD', whose answers have no body to match; use GET")
    return {
        "url": url,
        "method": given["method"],
        "codes": [_codes(code, f"{where}.code[{number}]") for number, code in enumerate(given["code"])],
        "body": given["body"],
        "headers": _headers(given["headers"], f"{where}.headers"),
        "ca_file": _authority(given["tls_ca"], needs, f"{where}.tls_ca"),
        "verify": given["tls_verify"],
        "name_shown": url,
    }


def _url(url: str, where: str) -> str:
    checked_url(url, ("http", "https"), where)
    port = re.match(r"[a-z]+://[^/?#]*:(\d+)(?:[/?#]|$)", url)
    if re.search(r"[\s\x00-\x1f\x7f#]", url):
        raise BadPattern(f"{where} is {url!r}; it must be a URL without blanks and without a part after #")
    if port:
        _port(int(port[1]), f"{where} is {url!r}, whose port")
    return url


def _codes(code: str, where: str) -> list[int]:
    found = re.fullmatch(r"([1-5]\d\d)(?:-([1-5]\d\d))?", code)
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if low > high:
        raise BadPattern(f"{where} is {code!r}; it must be a status such as 204, or a range such as 200-299")
    return [low, high]


def _headers(headers: Mapping[str, Any], where: str) -> dict[str, str]:
    for name, value in headers.items():
        if not re.fullmatch(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+", str(name)):
            raise BadPattern(f"{where} has the name {name!r}; it must be the name of an HTTP header")
        if str(name).lower() in SECRET_HEADERS:
            raise BadPattern(
                f"{where}.{name} would put a secret into the manifest; wait for a path that needs none, such as"
                " a health check"
            )
        if not isinstance(value, (str, int)) or re.search(r"[\r\n\x00]", str(value)):
            raise BadPattern(f"{where}.{name} is {value!r}; it must be one line of text")
    return {str(name): str(value) for name, value in headers.items()}


def _check_expression(pattern: str, where: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise BadPattern(f"{where} is {pattern!r}, no regular expression: {error}") from error


def _service(given: Mapping[str, Any], needs: _Needs, where: str, _options: Mapping[str, Any]) -> Made:
    name, namespace = _place(given, needs, where)
    if given["min_ready"] < 1:
        raise BadPattern(f"{where}.min_ready is {given['min_ready']}; it must be 1 or more")
    rule = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]}
    needs.right(namespace, rule)
    shown = f"Service {namespace}/{name}{':' + given['port'] if given['port'] else ''}"
    return {
        "name": name,
        "namespace": namespace,
        "port": given["port"],
        "min_ready": given["min_ready"],
        "name_shown": shown,
    }


def _job(given: Mapping[str, Any], needs: _Needs, where: str, _options: Mapping[str, Any]) -> Made:
    name, namespace = _place(given, needs, where)
    if (needs.target.kind, needs.target.name, needs.target.namespace) == ("Job", name, namespace):
        raise BadPattern(f"{where}.name is {name!r}, the Job that is to wait; it would wait for itself")
    rule = {"apiGroups": ["batch"], "resources": ["jobs"], "resourceNames": [name], "verbs": ["get"]}
    needs.right(namespace, rule)
    return {"name": name, "namespace": namespace, "name_shown": f"Job {namespace}/{name}"}


def _place(given: Mapping[str, Any], needs: _Needs, where: str) -> tuple[str, str]:
    namespace = given["namespace"] or needs.target.namespace
    for option, value in (("name", given["name"]), ("namespace", namespace)):
        if not LABEL.fullmatch(value):
            raise BadPattern(
                f"{where}.{option} is {value!r}; it must be a name of lower-case letters, digits and hyphens,"
                " 63 at most"
            )
    return given["name"], namespace


def _postgresql(given: Mapping[str, Any], needs: _Needs, where: str, _options: Mapping[str, Any]) -> Made:
    host, port = _host(given["host"], f"{where}.host"), _port(given["port"], f"{where}.port")
    user, database = given["user"], given["database"] or given["user"]
    for option, value in (("user", user), ("database", database)):
        if not value or "\0" in value:
            raise BadPattern(f"{where}.{option} is {value!r}; it must be the name of a {option}")
    if given["tls_ca"] is not None and not given["sslmode"].startswith("verify-"):
        raise BadPattern(
            f"{where}.tls_ca is given, but sslmode is {given['sslmode']}, which trusts any server; use verify-ca or"
            " verify-full"
        )
    return {
        "host": host,
        "port": port,
        "database": database,
        "user": user,
        "sslmode": given["sslmode"],
        "password_file": _password(given["password_secret"], needs, f"{where}.password_secret"),
        "ca_file": _authority(given["tls_ca"], needs, f"{where}.tls_ca"),
        "name_shown": f"postgresql {user}@{host}:{port}/{database}",
    }


def _password(secret: Mapping[str, Any] | None, needs: _Needs, where: str) -> str | None:
    if secret is None:
        return None
    name, key = object_name(secret["name"], f"{where}.name"), key_name(secret["key"], f"{where}.key")
    return needs.access.secret(name, key, f"{name}/{key}")


def _authority(option: Mapping[str, Any] | None, needs: _Needs, where: str) -> str | None:
    if option is None:
        return None
    name, key = object_name(option["name"], f"{where}.name"), key_name(option["key"], f"{where}.key")
    return needs.access.config_map(name, key, f"{name}.ca/{key}")


def _file(given: Mapping[str, Any], needs: _Needs, where: str, options: Mapping[str, Any]) -> Made:
    path = _checked_path(given["path"], f"{where}.path")
    if given["min_size"] < 0:
        raise BadPattern(f"{where}.min_size is {given['min_size']}; it must be 0 or more")
    if not any(_covers(mount, path) for mount in [*options["mounts"], *needs.mounts]):
        needs.mounts.append(_mount_of(path, needs.target, f"{where}.path"))
    return {"path": path, "min_size": given["min_size"], "name_shown": f"file {path}"}


def _mount_of(path: str, target: Target, where: str) -> dict[str, Any]:
    """How the workload's own container sees the path, the closest mount of it, read-only."""
    covering = [
        mount
        for one in target.pod_spec["containers"]
        for mount in one.get("volumeMounts") or ()
        if _covers(mount, path)
    ]
    if not covering:
        raise BadPattern(
            f"{where} is {path!r}, which no volume mount of the workload's containers covers; mount a volume there"
        )
    return {**max(covering, key=lambda mount: len(mount["mountPath"])), "readOnly": True}


def _covers(mount: Mapping[str, Any], path: str) -> bool:
    folder = str(mount.get("mountPath")).rstrip("/")
    return path == folder or path.startswith(f"{folder}/")


def _checked_path(path: str, where: str) -> str:
    if not path.startswith("/") or ".." in path.split("/") or path.endswith("/"):
        raise BadPattern(f"{where} is {path!r}; it must be the absolute path of a file, without ..")
    return path


def _host(host: str, where: str) -> str:
    if not DNS_NAME.fullmatch(host):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise BadPattern(
                f"{where} is {host!r}; it must be a name such as db.shop.svc, or an IP address"
            ) from None
    return host


def _port(port: int, where: str) -> int:
    if not 0 < port < 65536:
        raise BadPattern(f"{where} is {port}; it must be a port number from 1 to 65535")
    return port


_MAKERS: dict[str, Callable[[Mapping[str, Any], _Needs, str, Mapping[str, Any]], Made]] = {
    "tcp": _tcp,
    "http": _http,
    "dns": _dns,
    "service": _service,
    "job": _job,
    "postgresql": _postgresql,
    "file": _file,
}

PATTERN = Pattern("wait_for", OPTIONS, build)
