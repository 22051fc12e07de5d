"""Render many Deployments with all eight patterns in one process, without a cluster.

python benchmarks/compose.py [--count 1000] [--runs 3] [--output FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.podpatterns.core.plugins.module_utils._patterns.catalogue import CATALOGUE  # noqa: E402
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.compose import (  # noqa: E402
    compose_all,
)

LOGIN: dict[str, Any] = {"name": "db", "key": "password"}
PATTERNS: list[dict[str, dict[str, Any]]] = [
    {"env_validate": {"required": ["DATABASE_URL"], "variables": {"PORT": {"type": "port"}}}},
    {"wait_for": {"targets": [{"postgresql": {"host": "db", "user": "shop", "password_secret": LOGIN}}]}},
    {
        "fetch_config": {
            "target": "/srv/config",
            "http": [{"url": "https://files/app.conf", "sha256": "0" * 64}],
        }
    },
    {
        "db_migrate": {
            "tool": "golang-migrate",
            "database": {"host": "db", "name": "shop", "user": "shop", "password_secret": LOGIN},
            "files": {"1_goods.up.sql": "create table goods ();"},
        }
    },
    {"logging": {"path": "/var/log/shop/shop.log"}},
    {"metrics": {"exporter": "nginx"}},
    {
        "proxy": {
            "provider": "envoy",
            "upstreams": [{"name": "api", "port": 15001, "host": "api", "target_port": 80}],
        }
    },
    {"config_sync": {"target": "/srv/site", "git": {"url": "https://git/shop.git", "branch": "main"}}},
]


def deployment(number: int) -> dict[str, Any]:
    """One of the Deployments."""
    labels = {"app": f"shop-{number}"}
    app = {
        "name": "web",
        "image": "nginx",
        "ports": [{"containerPort": 80}],
        "env": [{"name": "DATABASE_URL", "value": "postgresql://db/shop"}, {"name": "PORT", "value": "80"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"shop-{number}"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 120, "containers": [app]},
            },
        },
    }


def main() -> None:
    """Print, and keep where asked, the seconds of each run; processor time is what a busy machine leaves alone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    assert {name for entry in PATTERNS for name in entry} == set(CATALOGUE)
    manifests = [deployment(number) for number in range(given.count)]
    elapsed, processor = [], []
    for _run in range(given.runs):
        began, began_work = time.perf_counter(), time.process_time()
        made = compose_all(manifests, PATTERNS)
        elapsed.append(round(time.perf_counter() - began, 3))
        processor.append(round(time.process_time() - began_work, 3))
    found = {
        "deployments": given.count,
        "patterns": len(PATTERNS),
        "objects": len(made.manifests),
        "bytes_of_one_deployment": len(json.dumps(made.manifests[-1])),
        "elapsed_seconds": elapsed,
        "processor_seconds": processor,
        "median_elapsed": statistics.median(elapsed),
        "median_processor": statistics.median(processor),
        "python": sys.version.split()[0],
    }
    text = json.dumps(found, indent=2)
    sys.stdout.write(f"{text}\n")
    if given.output:
        given.output.write_text(f"{text}\n")


if __name__ == "__main__":
    main()
