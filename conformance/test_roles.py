"""Roles: the use cases of init containers and sidecars, each put on a Pod by a role of this project through Ansible.

The app says what it found: that is what its helper is for. The wrong twin is the same app without its helper, or with
one that does something else.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import yaml

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from conformance.claims import (
    Claim,
    Judgement,
    always,
    looks,
    prints,
    runs,
    says,
    succeeded,
    the,
    whenever,
)
from conformance.plays import FILES, task
from conformance.pods import (
    HASTY,
    NOBODY,
    SPEAKER,
    Look,
    Manifest,
    Scene,
    app,
    as_it_stands,
    manifest_of,
    played,
    pod,
    resident,
    scene,
    value,
)
from conformance.registry import SEED, Area, Behaviour
from conformance.verdicts import catch, hold


def service(name: str, port: int) -> Manifest:
    """A Service of the Pod of this name."""
    spec = {"selector": {"pod": name}, "ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def with_main(name: str, *lines: str, **fields: Any) -> Manifest:
    """A Pod whose one container, main, does these lines and ends."""
    return pod(name, app("main", *lines, **fields))


def gated(helper: str) -> tuple[Claim, Claim]:
    """The init container of this name has done its work, and until then the app waited."""

    def not_yet(state: PodFacts) -> bool:
        return not the(helper, lambda one: one.succeeded)(state)

    waits = the("main", lambda one: one.state == "waiting")
    return succeeded(helper), whenever("main", f"{helper} has not succeeded", not_yet, "main waits", waits)


CONTENT = "colour=red\n"
SERVER = (
    service("server", 8080),
    pod(
        "server",
        resident("server", "echo colour=red > /board/index.html", "serve 8080"),
        restartPolicy="Always",
    ),
)
ASKS = 'if answer; then say got "$told"; else say got nothing; fi'

# --- wait for a service -------------------------------------------------------------------------

ASKER = with_main("asker", "url=http://server:8080/", ASKS)
# By what it answers: an address that no node knows yet may be taken for somebody else's, who accepts connections.
WAITS = {"targets": [{"http": {"url": "http://server:8080/", "body": "colour=red"}}]}
WAITED = played(
    "role-wait-for",
    task("wait_for", ASKER, goal="exists", **WAITS),
    task("deploy", *SERVER),
    task("wait_for", ASKER, **WAITS),
)
NOT_WAITED = scene(ASKER)

# --- fetch configuration ------------------------------------------------------------------------

READER = with_main("reader", "tell read cat /srv/config/index.html")
FETCHED = played(
    "role-fetch-config",
    task("deploy", *SERVER),
    task(
        "fetch_config",
        READER,
        target="/srv/config",
        http=[{"url": "http://server:8080/index.html", "sha256": sha256(CONTENT.encode()).hexdigest()}],
    ),
)
NOT_FETCHED = scene(READER)

# --- migrate a database -------------------------------------------------------------------------

LOGIN: Manifest = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db-login"},
    "stringData": {"password": "only-an-example"},
}
DATABASE: tuple[Manifest, ...] = (
    LOGIN,
    *yaml.safe_load((FILES / "postgres" / "server.yml").read_text())["items"],
)
PASSWORD = {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "db-login", "key": "password"}}}
BUYER: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "buyer"},
    "spec": {
        "restartPolicy": "Never",
        "securityContext": {**NOBODY, "runAsUser": 999},
        "containers": [
            {
                "name": "main",
                "image": "docker.io/library/postgres:15",
                "command": ["sh", "-c", "psql -At --command 'TABLE goods' 2>&1 || :"],
                "env": [value("PGHOST", "db"), value("PGUSER", "shop"), PASSWORD],
                "securityContext": SPEAKER,
            }
        ],
    },
}
MIGRATED = played(
    "role-db-migrate",
    task("deploy", *DATABASE),
    task(
        "db_migrate",
        BUYER,
        tool="golang-migrate",
        database={
            "host": "db",
            "name": "shop",
            "user": "shop",
            "password_secret": {"name": "db-login", "key": "password"},
        },
        files={"1_goods.up.sql": "CREATE TABLE goods (name text); INSERT INTO goods VALUES ('apple');"},
    ),
)
NOT_MIGRATED = scene(BUYER, LOGIN)

# --- validate the environment -------------------------------------------------------------------

STAGED = with_main("staged", env=[value("STAGE", "nonsense")])
VALIDATED = played(
    "role-env-validate",
    task("env_validate", STAGED, required=["TOKEN"], variables={"STAGE": {"enum": ["test"]}}),
    stuck=True,
)
NOT_VALIDATED = scene(STAGED)

# --- ship logs ----------------------------------------------------------------------------------

WRITER = with_main(
    "writer", "echo of the app > /var/log/shop/app.log", "echo of another > /var/log/shop/other.log"
)
SHIPPED = played("role-logging", task("logging", WRITER, path="/var/log/shop/app.log"))
OTHER_SHIPPED = played("role-logging-other", task("logging", WRITER, path="/var/log/shop/other.log"))

# --- export metrics -----------------------------------------------------------------------------

NGINX = manifest_of(FILES / "seed" / "init.yml")
NGINX_ALONE: Manifest = {**NGINX, "spec": {"containers": NGINX["spec"]["containers"]}}
# That both containers run does not say that they are open yet.
ASKS_FOR_NUMBERS = """
for _ in 1 2 3 4 5 6 7 8 9 10; do
  told=$(curl --silent http://127.0.0.1:9113/metrics)
  case $told in *connections_active*) break ;; esac
  sleep 1
done
echo "$told"
"""
METRICS = {"metrics": Look("nginx", ASKS_FOR_NUMBERS)}
COUNTED = played(
    "role-metrics",
    task(
        "metrics",
        NGINX_ALONE,
        exporter="nginx",
        stub_status=True,
        scrape_uri="http://127.0.0.1:8081/stub_status",
    ),
    restricted=False,
    looks=METRICS,
)
NOT_COUNTED = as_it_stands("nginx-alone", NGINX_ALONE, **METRICS)

# --- a proxy ------------------------------------------------------------------------------------

CALLER = with_main(
    "caller", 'if [ -n "$SERVER_URL" ]; then reach got "$SERVER_URL"; else say got nothing; fi'
)
PROXIED = played(
    "role-proxy",
    task("deploy", *SERVER),
    task(
        "proxy",
        CALLER,
        provider="envoy",
        upstreams=[
            {"name": "server", "port": 15001, "host": "server", "target_port": 8080, "env": "SERVER_URL"}
        ],
    ),
)
NOT_PROXIED = scene(CALLER)

# --- keep files in step -------------------------------------------------------------------------

# A repository that has a new version whenever somebody looks at it.
REPOSITORY = """
git init --quiet --initial-branch=main /board/shop
cd /board/shop
cat > /board/look <<'END'
#!/bin/sh
unset GIT_DIR
cd /board/shop && date +%N > number && git add number && git commit --quiet --message "Another version"
END
chmod +x /board/look
/board/look
exec git daemon --export-all --base-path=/board --access-hook=/board/look --port=9418
"""
GIT_NAMES = [
    value(f"GIT_{who}_{what}", f"example{'@example.org' if what == 'EMAIL' else ''}")
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
]
GIT = (
    service("git", 9418),
    pod(
        "git",
        resident(
            "git",
            image="docker.io/library/buildpack-deps:bookworm-scm",
            command=["sh", "-euc", REPOSITORY],
            env=[*GIT_NAMES, value("HOME", "/board")],
            readinessProbe={"tcpSocket": {"port": 9418}, "periodSeconds": 1},
        ),
        restartPolicy="Always",
    ),
)
LOOKS_AGAIN = (
    "number() { cat /srv/site/current/number; }",
    "first=$(number)",
    'changed() { [ "$(number)" != "$first" ]; }',
    'if within "$PATIENCE" changed; then say saw change; else say saw nothing; fi',
)
FOLLOWER, FOLLOWER_ALONE = with_main("follower", *LOOKS_AGAIN), with_main("follower", *LOOKS_AGAIN, env=HASTY)
FOLLOWED = played(
    "role-config-sync",
    task("deploy", *GIT),
    task(
        "config_sync",
        FOLLOWER,
        target="/srv/site",
        git={"url": "git://git/shop", "branch": "main"},
        insecure=True,
        period=1,
    ),
)
NOT_FOLLOWED = scene(FOLLOWER_ALONE)


def use_case(name: str, statement: str, played_scene: Scene, twin: Scene, *shows: Claim) -> Behaviour:
    """A behaviour of ours, on what the first page on the subject says that such containers are for."""
    return Behaviour(name, statement, source=SEED, since="1.28", scene=played_scene, shows=shows, twin=twin)


AREA = Area(
    "roles",
    (
        use_case(
            "roles-wait-for",
            "Role wait_for: the app starts when its service is there, and reaches it at once.",
            WAITED,
            NOT_WAITED,
            says("main", "got", "colour=red"),
            *gated("wait-for"),
        ),
        use_case(
            "roles-fetch-config",
            "Role fetch_config: the app starts with the file that was fetched for it.",
            FETCHED,
            NOT_FETCHED,
            says("main", "read", "colour=red"),
            *gated("fetch-config"),
        ),
        use_case(
            "roles-db-migrate",
            "Role db_migrate: the app starts on a database with its schema.",
            MIGRATED,
            NOT_MIGRATED,
            prints("main", "apple"),
            *gated("db-migrate"),
        ),
        use_case(
            "roles-env-validate",
            "Role env_validate: an app with a wrong environment does not start, and the task says all that is wrong.",
            VALIDATED,
            NOT_VALIDATED,
            always("main", "main waits", the("main", lambda one: one.state == "waiting")),
            looks("play", "TOKEN"),
            looks("play", "STAGE"),
        ),
        use_case(
            "roles-logging",
            "Role logging: a sidecar brings out what the app writes into a file, to the last line.",
            SHIPPED,
            OTHER_SHIPPED,
            prints("logging", "of the app"),
            succeeded("main"),
        ),
        use_case(
            "roles-metrics",
            "Role metrics: a sidecar tells the numbers of the app beside it.",
            COUNTED,
            NOT_COUNTED,
            looks("metrics", "nginx_connections_active"),
            runs("nginx"),
        ),
        use_case(
            "roles-proxy",
            "Role proxy: the app reaches its server through a proxy beside it, which is there first.",
            PROXIED,
            NOT_PROXIED,
            says("main", "got", "colour=red"),
            whenever(
                "main",
                "the proxy has not started",
                lambda state: not the("proxy", lambda one: one.started or one.state == "terminated")(state),
                "main waits",
                the("main", lambda one: one.state == "waiting"),
            ),
        ),
        use_case(
            "roles-config-sync",
            "Role config_sync: files in the app follow a repository while it runs.",
            FOLLOWED,
            NOT_FOLLOWED,
            says("main", "saw", "change"),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
