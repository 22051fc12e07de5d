"""What each pattern costs: time added to a start, bytes added to a manifest, its image, CPU and memory at rest.

    ansible-playbook podpatterns.core.shop      # the real parts that the patterns work with
    python benchmarks/pattern_cost.py --kubeconfig FILE [--rounds 5] [--rest 120] [--output FILE]

A start is from the first request, a dry run, to the moment when this host sees the Pod ready. In each round the Pod
without a pattern takes its turn like those with one; each pattern's figure is the median of its differences to the Pod
without in the same round, images being on the node already; the least of all rounds is kept too, which a busy machine
disturbs least. At rest: the sidecars of the shop's Pods, which are probed, scraped and look for commits, but asked for
no page, and beside them each sidecar in a Pod of its own, which is probed alone. Nothing here asserts anything.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api  # noqa: E402
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect  # noqa: E402
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.compose import (  # noqa: E402
    compose_all,
)
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import Server  # noqa: E402
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run  # noqa: E402

NAMESPACE = "podpatterns-shop"
PLAIN = "no pattern"
LOGIN = {"name": "db-login", "key": "password"}
DATABASE = {"host": "db", "name": "shop", "user": "shop", "password_secret": LOGIN}
# By what the table calls them: pattern and options, each at work with the shop's real parts.
PATTERNS: dict[str, dict[str, Any]] = {
    "env_validate": {"env_validate": {"required": ["GREETING"], "writable": ["/tmp"]}},
    "wait_for": {
        "wait_for": {"targets": [{"postgresql": {"host": "db", "user": "shop", "password_secret": LOGIN}}]}
    },
    "fetch_config": {"fetch_config": {"target": "/srv/settings", "config_map": {"name": "settings"}}},
    "db_migrate": {
        "db_migrate": {
            "tool": "golang-migrate",
            "database": DATABASE,
            "table": "cost_migrations",
            "files": {"1_nothing.up.sql": "SELECT 1;"},
        }
    },
    "logging (tail)": {"logging": {"path": "/var/log/app/app.log"}},
    "logging (otel)": {"logging": {"path": "/var/log/app/app.log", "shipper": "otel"}},
    "metrics (nginx)": {"metrics": {"service": False}},
    "proxy (envoy)": {
        "proxy": {
            "provider": "envoy",
            "upstreams": [{"name": "shop", "port": 15001, "host": "shop", "target_port": 80}],
        }
    },
    "config_sync (git)": {
        "config_sync": {
            "target": "/srv/site",
            "git": {"url": "http://git/shop.git", "branch": "main"},
            "insecure": True,
        }
    },
}
# Those that stay beside the app.
SIDECARS = [
    title for title in PATTERNS if title.partition(" ")[0] in ("logging", "metrics", "proxy", "config_sync")
]
RESTING = "rest-"
ALL_EIGHT = [entry for title, entry in PATTERNS.items() if title != "logging (otel)"]


# What an exporter for nginx must find, or it is restarted again and again.
APP = r"""
mkdir /tmp/www
printf 'Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n' \
  > /tmp/www/stub_status
httpd -p 127.0.0.1:8080 -h /tmp/www
trap exit TERM
sleep inf & wait
"""


def pod(name: str) -> dict[str, Any]:
    """An app that is ready as soon as it runs and ends as soon as it is told to."""
    confined = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    app = {
        "name": "app",
        "image": "docker.io/library/busybox:latest",
        "command": ["sh", "-c", APP],
        "env": [{"name": "GREETING", "value": "hello"}],
        "securityContext": confined,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10003,
                "fsGroup": 10003,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [app],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def composed(name: str, patterns: Sequence[Any]) -> list[dict[str, Any]]:
    """The Pod with the patterns, and what else they need."""
    return compose_all([pod(name)], patterns, namespace=NAMESPACE, server=Server((1, 36))).manifests


def start(api: Api, name: str, patterns: Sequence[Any]) -> float:
    """Seconds until the Pod is ready; it is removed again."""
    definition = composed(name, patterns)
    outcome = run(api, Request(definition, NAMESPACE, timeout=300))
    if outcome.message:
        raise SystemExit(outcome.message)
    run(api, Request(definition, NAMESPACE, present=False, timeout=300))
    return outcome.results[0].elapsed


def starts(api: Api, rounds: int) -> dict[str, dict[str, Any]]:
    """Seconds of each, and what each adds to the Pod without a pattern of the same round."""
    titles = [PLAIN, *PATTERNS, "all eight"]
    lists: dict[str, list[Any]] = {PLAIN: [], "all eight": ALL_EIGHT}
    lists |= {title: [entry] for title, entry in PATTERNS.items()}
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        for title in titles:
            taken = start(api, f"cost-{titles.index(title)}", lists[title])
            print(f"round {number} {title:<20} {taken:6.2f} s", file=sys.stderr, flush=True)
            if number:  # the first brings images to the node
                seconds[title].append(round(taken, 3))
    return {
        title: {
            "seconds": seconds[title],
            "median_seconds": round(statistics.median(seconds[title]), 2),
            "least_seconds": round(min(seconds[title]), 2),
            "added_seconds": round(
                statistics.median(
                    one - plain for one, plain in zip(seconds[title], seconds[PLAIN], strict=True)
                ),
                2,
            ),
            "added_to_least_seconds": round(min(seconds[title]) - min(seconds[PLAIN]), 2),
        }
        for title in titles
    }


def sizes(images: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Bytes that each pattern adds to the manifest as compact JSON, and its images with their bytes."""
    plain = len(json.dumps(pod("cost"), separators=(",", ":")))
    found = {}
    for title, entries in {
        **{title: [entry] for title, entry in PATTERNS.items()},
        "all eight": ALL_EIGHT,
    }.items():
        made = composed("cost", entries)
        spec = made[-1]["spec"]
        used = {one["image"] for one in spec["initContainers"]}
        found[title] = {
            "bytes_added": sum(len(json.dumps(one, separators=(",", ":"))) for one in made) - plain,
            "images": {image: images.get(image) for image in sorted(used)},
        }
    return found


def node_images(api: Api) -> dict[str, int]:
    """Bytes of each image on the nodes, by each of its names, as the nodes say."""
    nodes = api.request("get", "/api/v1/nodes")["items"]
    return {
        name: one["sizeBytes"]
        for node in nodes
        for one in node["status"].get("images", ())
        for name in one.get("names", ())
    }


def usage(api: Api) -> dict[tuple[str, str], tuple[datetime, int, int]]:
    """Of each container at rest: when it was measured, CPU nanoseconds so far, bytes of its working set."""
    found = {}
    for node in api.request("get", "/api/v1/nodes")["items"]:
        path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
        for one in api.request("get", path)["pods"]:
            place = one["podRef"]
            if place["namespace"] != NAMESPACE or not place["name"].startswith(("shop-", RESTING)):
                continue
            for container in one.get("containers", ()):
                cpu, memory = container.get("cpu", {}), container.get("memory", {})
                if "usageCoreNanoSeconds" in cpu and "workingSetBytes" in memory:
                    at = datetime.fromisoformat(cpu["time"])
                    key = (place["name"], container["name"])
                    found[key] = (at, cpu["usageCoreNanoSeconds"], memory["workingSetBytes"])
    return found


def at_rest(api: Api, seconds: float) -> dict[str, dict[str, Any]]:
    """Thousandths of a core over some time, and bytes of memory.

    By container, the median of the shop's Pods; by title, that of the sidecar in a Pod of its own.
    """
    alone = [
        one
        for number, title in enumerate(SIDECARS)
        for one in composed(f"{RESTING}{number}", [PATTERNS[title]])
    ]
    outcome = run(api, Request(alone, NAMESPACE, timeout=300))
    if outcome.message:
        raise SystemExit(outcome.message)
    before = usage(api)
    time.sleep(seconds)
    after = usage(api)
    run(api, Request(alone, NAMESPACE, present=False, timeout=300))
    cores: defaultdict[str, list[float]] = defaultdict(list)
    memory: defaultdict[str, list[int]] = defaultdict(list)
    for key in before.keys() & after.keys():
        (began, used_before, _), (ended, used_after, working_set) = before[key], after[key]
        name = _resting(*key)
        if name and ended > began:
            cores[name].append((used_after - used_before) / 1e6 / (ended - began).total_seconds())
            memory[name].append(working_set)
    return {
        name: {
            "millicores": round(statistics.median(cores[name]), 2),
            "memory_bytes": int(statistics.median(memory[name])),
            "pods": len(cores[name]),
        }
        for name in sorted(cores)
    }


def _resting(pod_name: str, container: str) -> str:
    """What a container is called at rest; nothing where it is not what is measured."""
    if not pod_name.startswith(RESTING):
        return container
    return "" if container == "app" else SIDECARS[int(pod_name.removeprefix(RESTING))]


def main() -> None:
    """Measure, print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rest", type=float, default=120.0, help="seconds of rest to measure")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    api = connect({"kubeconfig": given.kubeconfig})
    loads = [os.getloadavg()]
    rest = at_rest(api, given.rest)
    loads.append(os.getloadavg())
    found: dict[str, Any] = {"at_rest": rest, "start": starts(api, given.rounds)}
    loads.append(os.getloadavg())
    found["size"] = sizes(node_images(api))
    found["machine"] = {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "kubernetes": api.request("get", "/version")["gitVersion"],
        "load_average": {
            when: [round(one, 1) for one in load]
            for when, load in zip(("before", "after rest", "after starts"), loads, strict=True)
        },
    }
    text = json.dumps(found, indent=2)
    print(text)
    if given.output:
        given.output.write_text(f"{text}\n")


if __name__ == "__main__":
    main()
