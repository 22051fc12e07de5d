"""A way to the cluster, namespaces to work in, and short words for the objects that tests deploy."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import APPLY, Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError, Refusal
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import NAMESPACES, Resource
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.watch import wait_until
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition, parse
from ansible_collections.podpatterns.core.plugins.module_utils._run import Outcome, Request, run

ROOT = Path(__file__).resolve().parents[2]
# Long enough for a busy machine; no test that passes takes it.
PATIENCE = 240.0
CONFIG_MAPS = Resource("v1", "ConfigMap", "configmaps", True)
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}

Manifest = dict[str, Any]


class Lab:
    """The cluster under test."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.config: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
        self.api = connect({"kubeconfig": str(kubeconfig)})
        self._left: list[str] = []

    def space(self) -> Space:
        """A new namespace, ready for Pods."""
        made = Space(self, self.name())
        outcome = run(self.api, Request([named("Namespace", made.name)], timeout=PATIENCE))
        assert outcome.message is None
        return made

    @staticmethod
    def name() -> str:
        """A name for a namespace that nobody has."""
        return f"core-{secrets.token_hex(4)}"

    def forget(self, namespace: str) -> None:
        """Remove a namespace, if it is there; close() waits until it is gone."""
        try:
            self.api.request("delete", NAMESPACES.path(name=namespace))
        except Refusal as error:
            if error.status != 404:
                raise
        else:
            self._left.append(namespace)

    def close(self) -> None:
        """Wait until every namespace that was made is gone."""
        deadline = time.monotonic() + 3 * PATIENCE
        for name in self._left:
            gone = wait_until(
                self.api, NAMESPACES, "", name, lambda item: item is None, deadline, lambda: None
            )
            assert gone, f"namespace {name} is still there"

    def user(self, token: str) -> dict[str, Any]:
        """A kubeconfig of somebody who has this token."""
        context = next(
            one for one in self.config["contexts"] if one["name"] == self.config["current-context"]
        )
        return {
            **self.config,
            "users": [{"name": context["context"]["user"], "user": {"token": token}}],
        }


class _Heard(Exception):
    """What was listened for has been told."""


@dataclass
class Space:
    """A namespace to work in."""

    lab: Lab
    name: str
    lines: list[str] = field(default_factory=list)

    @property
    def api(self) -> Api:
        return self.lab.api

    def deploy(self, *manifests: Manifest | str, api: Api | None = None, **options: Any) -> Outcome:
        """Run a definition; what it reported meanwhile is in `lines`."""
        definition = manifests[0] if len(manifests) == 1 else list(manifests)
        given = {"namespace": self.name, "timeout": PATIENCE, **options}
        self.lines.clear()
        return run(api or self.api, Request(parse(definition), **given), self.lines.append)

    def ready(self, *manifests: Manifest | str, **options: Any) -> Outcome:
        """Run a definition that is expected to reach its goal."""
        outcome = self.deploy(*manifests, **options)
        assert outcome.message is None, outcome.message
        return outcome

    def told(self, words: str, *manifests: Manifest, **options: Any) -> str:
        """The first line with these words that a run of the definition tells while it waits; then it is left."""

        def listen(line: str) -> None:
            if words in line:
                raise _Heard(line)

        given = {"namespace": self.name, "timeout": PATIENCE, "grace": PATIENCE, **options}
        with pytest.raises(_Heard) as heard:
            run(self.api, Request(list(manifests), **given), listen)
        return str(heard.value)

    def refused(self, *manifests: Manifest | str, **options: Any) -> str:
        """The sentence with which a definition is refused."""
        with pytest.raises((BadDefinition, ClusterError)) as refused:
            self.deploy(*manifests, **options)
        return str(refused.value)

    def get(self, resource: Resource, name: str) -> Mapping[str, Any] | None:
        """An object as it is, None where it is not there."""
        query = {"fieldSelector": f"metadata.name={name}"}
        items = self.api.request("get", resource.path(self.name), query=query)["items"]
        return items[0] if items else None

    def gone(self, resource: Resource, name: str) -> bool:
        """Whether an object goes away."""
        deadline = time.monotonic() + PATIENCE
        return wait_until(
            self.api, resource, self.name, name, lambda item: item is None, deadline, lambda: None
        )

    def names(self, resource: Resource) -> list[str]:
        """The names of all objects of a kind."""
        return sorted(
            item["metadata"]["name"] for item in self.api.request("get", resource.path(self.name))["items"]
        )

    def apply_as(self, manager: str, resource: Resource, manifest: Manifest) -> None:
        """Apply an object as another field manager does."""
        path = resource.path(self.name, manifest["metadata"]["name"])
        query = {"fieldManager": manager, "force": "true"}
        self.api.request("patch", path, query=query, body=manifest, content_type=APPLY)

    def account(self, *rules: Mapping[str, Any]) -> Api:
        """A way to the cluster for a service account that may do just this in the namespace."""
        name = f"user-{secrets.token_hex(3)}"
        role = {**named("Role", name, "rbac.authorization.k8s.io/v1"), "rules": list(rules)}
        binding = {
            **named("RoleBinding", name, "rbac.authorization.k8s.io/v1"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name}],
        }
        self.ready(named("ServiceAccount", name), role, binding)
        asked = self.api.request(
            "post",
            f"/api/v1/namespaces/{self.name}/serviceaccounts/{name}/token",
            body={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
        )
        return connect({"kubeconfig": self.lab.user(asked["status"]["token"])})

    def remove(self) -> None:
        """Remove the namespace with all that is in it."""
        self.lab.forget(self.name)

    # --- through Ansible ------------------------------------------------------------------------

    def ansible(self, arguments: Mapping[str, Any], *flags: str, module: str = "workload") -> dict[str, Any]:
        """The result of the module, run by ansible itself."""
        given = {"kubeconfig": str(self.lab.kubeconfig), "namespace": self.name, **arguments}
        command = ["-m", f"podpatterns.core.{module}", "-a", json.dumps(given), *flags]
        done = self._run("ansible", "localhost", "-c", "local", *command)
        _head, arrow, told = done.stdout.partition(" => ")
        assert arrow, done.stdout + done.stderr
        result: dict[str, Any] = json.JSONDecoder().raw_decode(told)[0]
        return result

    def play(
        self, tasks: Sequence[Mapping[str, Any]], *flags: str, **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        """A play of these tasks, run by ansible-playbook with its usual output."""
        variables = {"kubeconfig": str(self.lab.kubeconfig), "namespace": self.name, **variables}
        play = {"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": list(tasks)}
        return self._run("ansible-playbook", "/dev/stdin", *flags, text=yaml.safe_dump([play]))

    @staticmethod
    def _run(program: str, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        }
        command = [str(Path(sys.executable).parent / program), *arguments]
        return subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, check=False
        )


# --- objects ------------------------------------------------------------------------------------

STAY = "trap 'exit 0' TERM; while true; do sleep 1; done"


def named(kind: str, name: str, api_version: str = "v1", **metadata: Any) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}


def config_map(name: str, **data: str) -> Manifest:
    return {**named("ConfigMap", name), "data": data}


def container(name: str, command: str = STAY, **more: Any) -> dict[str, Any]:
    """A container that runs a shell command under the restricted Pod Security standard."""
    return {
        "name": name,
        "image": "busybox",
        "command": ["sh", "-c", command],
        "securityContext": RESTRICTED,
        **more,
    }


def sidecar(name: str, command: str = STAY, **more: Any) -> dict[str, Any]:
    return container(name, command, restartPolicy="Always", **more)


def pod(
    name: str = "web", *apps: dict[str, Any], init: Iterable[dict[str, Any]] = (), **spec: Any
) -> Manifest:
    """A Pod whose one app container stays up, unless others are given."""
    return {
        **named("Pod", name),
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "initContainers": list(init),
            "containers": list(apps) or [container("app")],
            **spec,
        },
    }


def workload(kind: str, name: str, template: Manifest, **spec: Any) -> Manifest:
    """A controller around the spec of a Pod."""
    labels = {"app": name}
    selector = {} if kind == "Job" else {"selector": {"matchLabels": labels}}
    return {
        **named(kind, name, "batch/v1" if kind == "Job" else "apps/v1"),
        "spec": {**selector, "template": {"metadata": {"labels": labels}, "spec": template["spec"]}, **spec},
    }
