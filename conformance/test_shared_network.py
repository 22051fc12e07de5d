"""Shared network: what containers of a Pod have in common on the network, and what a Service sees of them."""

from __future__ import annotations

from typing import Any

from conformance.claims import Judgement, agree, refuses, says, succeeded, the
from conformance.deeds import Apply, Tell, Until
from conformance.ending import settled
from conformance.pods import (
    Manifest,
    Scene,
    app,
    from_field,
    init,
    mount,
    pod,
    probe,
    resident,
    scene,
    sidecar,
    value,
)
from conformance.registry import DNS_DOCS, INIT_DOCS, KEP_753, POD_DOCS, SERVICE_DOCS, Area, Behaviour
from conformance.verdicts import catch, hold

PORT = 8080
HERE = f"127.0.0.1:{PORT}"
TOKEN = "cat /proc/sys/kernel/random/uuid > /board/token; tell served cat /board/token"
HASTY = [value("PATIENCE", "5")]
LISTENS = {"startupProbe": probe("marked listening")}
# The namespace's own number, which tells two networks apart however alike they look.
NETWORK = "tell network readlink /proc/self/ns/net"


def _localhost(name: str, server: str, **of_main: Any) -> Scene:
    return scene(
        pod(
            name,
            sidecar("helper", TOKEN, f"serve {server}", "mark listening", **LISTENS),
            app("main", f"reach fetched http://{HERE}/token", **of_main),
        )
    )


TOLD = ("say address $ADDRESS", NETWORK)
ADDRESS = {"env": [from_field("ADDRESS", "status.podIP")]}


def _resolving(name: str, **spec: Any) -> Scene:
    """The API server answers a plain request on its TLS port with an error of its own: any answer will do."""
    ask = (
        "answers() { timeout 5 wget -O - http://kubernetes.default:443/ 2>&1 |"
        " grep -Eq 'server returned|getting response|HTTP/1'; }"
    )
    say = 'if within "$PATIENCE" answers; then say server reached; else say server missed; fi'
    patience = {"env": HASTY} if spec else {}
    return scene(pod(name, init("early", ask, say, **patience), app("main"), **spec))


def serve_mine(address: str = HERE) -> tuple[str, str]:
    """Serve a directory of one's own, so that nobody takes another one's answer for the own one."""
    return (
        'mine="/board/$NAME.d"; mkdir "$mine"; : > "$mine/$NAME"',
        f'if serve {address} "$mine"; then say port mine; else say port taken; fi',
    )


def _second_listener(name: str, address: str) -> Scene:
    return scene(
        pod(
            name,
            sidecar("helper", *serve_mine(), "mark listening", **LISTENS),
            app("main", *serve_mine(address)),
        )
    )


def _service(name: str, pod_name: str, target: int | str, **spec: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"pod": pod_name}, "ports": [{"port": 80, "targetPort": target}], **spec},
    }


def _served(name: str, by_name: str, by_number: int, patience: list[dict[str, Any]]) -> Scene:
    """A sidecar behind two Services, and a client in another Pod that asks both."""

    def ask(way: str) -> str:
        return f"reach {way} http://{way}-{name}/token"

    ports = [{"name": "web", "containerPort": PORT}]
    return scene(
        _service(f"by-name-{name}", name, by_name),
        _service(f"by-number-{name}", name, by_number),
        pod(
            name,
            sidecar("helper", TOKEN, f"serve {PORT}", "mark listening", ports=ports, **LISTENS),
            resident("main"),
            restartPolicy="Always",
        ),
        pod(f"client-of-{name}", app("client", ask("by-name"), ask("by-number"), env=patience)),
    )


def _published(name: str, early: bool, window: str) -> Scene:
    """A headless Service: its name is known as soon as it has an address, and not before."""
    known = f"known() {{ ! timeout 5 wget -O - http://of-{name}:9/ 2>&1 | grep -q 'bad address'; }}"

    def say(seconds: str) -> str:
        return f"if within {seconds} known; then say name known; else say name unknown; fi"

    return scene(
        _service(f"of-{name}", name, PORT, clusterIP="None", publishNotReadyAddresses=early),
        pod(name, init("early", known, say(window)), app("main", known, say('"$PATIENCE"'))),
    )


IDENTITY = ("tell hostname hostname", "tell hosts md5sum /etc/hosts")
NAMED = {
    "hostname": "stage",
    "subdomain": "theatre",
    "hostAliases": [{"ip": "192.0.2.10", "hostnames": ["prompter.example"]}],
}


def _identity(name: str, **of_main: Any) -> Scene:
    own_hosts = {"name": "own-hosts", "configMap": {"name": name}}
    return scene(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {"hosts": "127.0.0.1 localhost\n"},
        },
        pod(
            name,
            init("early", *IDENTITY),
            sidecar("helper", *IDENTITY, "mark told"),
            app(
                "main",
                *IDENTITY,
                "grep -q prompter.example /etc/hosts && say alias there",
                "await told",
                **of_main,
            ),
            volumes=[own_hosts],
            **NAMED,
        ),
    )


def _dns(name: str, **spec: Any) -> Scene:
    told = (
        "tell resolv md5sum /etc/resolv.conf",
        "tell nameserver awk '$1 == \"nameserver\" { print $2 }' /etc/resolv.conf",
    )
    return scene(
        pod(
            name,
            init("early", *told),
            sidecar("helper", *told, "mark told"),
            app("main", *told, "await told"),
            **spec,
        )
    )


def _route(name: str, *capabilities: str) -> Scene:
    """192.0.2.0/24 is for documentation alone: nothing is lost with the way to it."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": list(capabilities)},
    }
    look = "ip route show table all | grep -q '192.0.2.0/24' && say route there || say route absent"
    return scene(
        pod(
            name,
            init("early", "ip route add blackhole 192.0.2.0/24", securityContext=security),
            sidecar("helper", look, "mark told"),
            app("main", look, "await told"),
            securityContext={"runAsNonRoot": False, "runAsUser": 0},
        ),
        restricted=False,
    )


def _host_ports(name: str, first: int, second: int) -> Scene:
    def port(number: int) -> dict[str, Any]:
        return {"ports": [{"containerPort": number, "hostPort": number}]}

    return scene(
        pod(name, app("left", **port(first)), app("right", **port(second))), restricted=False, dry=True
    )


def _late_service(name: str, at_once: bool) -> Scene:
    """An init container that waits for the name of a Service, which is made once it has found that there is none."""
    known = f"known() {{ ! timeout 5 wget -O - http://for-{name}:9/ 2>&1 | grep -q 'bad address'; }}"
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"for-{name}"},
        "spec": {"ports": [{"port": 9}]},
    }
    waits = init(
        "early",
        known,
        "if known; then say first known; else say first unknown; fi",
        "mark asked",
        'if within "$PATIENCE" known; then say later known; else say later unknown; fi',
    )
    return scene(
        *([service] if at_once else []),
        pod(name, waits, app("main")),
        deeds=(
            Until("early has begun", the("early", lambda one: one.state != "waiting")),
            Tell(name, "early", "until [ -e /board/asked ]; do sleep 0.2; done"),
            Apply(service),
            Until("the Pod has ended", settled),
        ),
    )


SERVED = _served("behind-services", "web", PORT, [])
NOT_SERVED = _served("behind-nothing", "no-such-port", PORT + 1, HASTY)

AREA = Area(
    "shared network",
    (
        Behaviour(
            "net-localhost-shared",
            "The containers of a Pod share one network: an app reaches at 127.0.0.1 what a sidecar serves there.",
            source=POD_DOCS,
            since="1.0",
            scene=_localhost("localhost", HERE),
            shows=(agree(("helper", "served"), ("main", "fetched")),),
            twin=_localhost("elsewhere", f"127.0.0.1:{PORT + 1}", env=HASTY),
        ),
        Behaviour(
            "net-same-ip",
            "Init containers, sidecars and apps of a Pod have the same address and the same network namespace.",
            source=POD_DOCS,
            since="1.0",
            scene=scene(
                pod(
                    "same-address",
                    init("early", *TOLD, **ADDRESS),
                    sidecar("helper", *TOLD, "mark told", **ADDRESS),
                    app("main", *TOLD, "await told", **ADDRESS),
                )
            ),
            shows=tuple(
                agree(("early", event), ("helper", event), ("main", event))
                for event in ("address", "network")
            ),
            twin=scene(
                pod(
                    "two-addresses",
                    init("early", *TOLD, **ADDRESS),
                    sidecar("helper", *TOLD, "mark told", **ADDRESS),
                    app("rest", "await told"),
                ),
                pod("the-other-address", app("main", *TOLD, **ADDRESS)),
            ),
        ),
        Behaviour(
            "net-init-has-network",
            "An init container has network and DNS before any app runs.",
            source=f"{INIT_DOCS}; {DNS_DOCS}",
            since="1.6",
            scene=_resolving("resolving"),
            shows=(says("early", "server", "reached"), succeeded("early")),
            twin=_resolving("not-resolving", dnsPolicy="None", dnsConfig={"nameservers": ["192.0.2.1"]}),
        ),
        Behaviour(
            "net-port-conflict",
            "A port that a sidecar listens on is taken for the app: the containers of a Pod share its ports.",
            source=POD_DOCS,
            since="1.0",
            scene=_second_listener("port-taken", HERE),
            shows=(says("helper", "port", "mine"), says("main", "port", "taken")),
            twin=_second_listener("port-free", f"127.0.0.1:{PORT + 1}"),
        ),
        Behaviour(
            "net-init-then-app-same-port",
            "A port that a plain init container listened on is free again for the app.",
            source=INIT_DOCS,
            since="1.6",
            scene=scene(
                pod(
                    "port-handed-on",
                    init("early", *serve_mine(), 'kill "$server"'),
                    app("main", *serve_mine()),
                )
            ),
            shows=(says("early", "port", "mine"), says("main", "port", "mine")),
            twin=scene(
                pod(
                    "port-kept",
                    sidecar("early", *serve_mine(), "mark listening", **LISTENS),
                    app("main", *serve_mine(), env=HASTY),
                )
            ),
        ),
        Behaviour(
            "net-hostport-conflict-validation",
            "Two apps of a Pod cannot ask for the same port of the host: the server refuses the Pod.",
            source=POD_DOCS,
            since="1.0",
            tier="api",
            scene=_host_ports("same-host-port", 30080, 30080),
            shows=(refuses("spec.containers[1].ports[0].hostPort", "Duplicate value"),),
            twin=_host_ports("own-host-ports", 30080, 30081),
        ),
        Behaviour(
            "net-named-port-sidecar",
            "A Service may name a sidecar's port as its target.",
            source=f"{SERVICE_DOCS}; {KEP_753}",
            since="1.32",
            scene=SERVED,
            shows=(agree(("helper", "served"), ("client", "by-name")),),
            twin=NOT_SERVED,
        ),
        Behaviour(
            "net-sidecar-serves-service",
            "A Service may have a sidecar behind it.",
            source=f"{SERVICE_DOCS}; {KEP_753}",
            since="1.28",
            scene=SERVED,
            shows=(agree(("helper", "served"), ("client", "by-number")),),
            twin=NOT_SERVED,
        ),
        Behaviour(
            "net-endpoints-wait-for-init",
            "A Pod is no endpoint of a Service while its init containers run, and is one when it is ready.",
            source=f"{SERVICE_DOCS}; {INIT_DOCS}",
            since="1.6",
            scene=_published("not-yet-published", False, '"$WINDOW"'),
            shows=(says("early", "name", "unknown"), says("main", "name", "known")),
            # The documented way to have addresses published early, as service meshes and databases want it.
            twin=_published("published-early", True, '"$PATIENCE"'),
        ),
        Behaviour(
            "net-hostname-uts",
            "All containers of a Pod have its hostname and the same /etc/hosts, host aliases included.",
            source=f"{POD_DOCS}; {DNS_DOCS}",
            since="1.7",
            scene=_identity("one-identity"),
            shows=(
                agree(("early", "hostname"), ("helper", "hostname"), ("main", "hostname")),
                says("main", "hostname", "stage"),
                agree(("early", "hosts"), ("helper", "hosts"), ("main", "hosts")),
                says("main", "alias", "there"),
            ),
            # A container that brings an /etc/hosts of its own keeps it.
            twin=_identity("own-identity", volumeMounts=[mount("own-hosts", "/etc/hosts", subPath="hosts")]),
        ),
        Behaviour(
            "net-dnsconfig-shared",
            "A Pod's DNS policy and configuration are the same for all of its containers.",
            source=DNS_DOCS,
            since="1.14",
            scene=_dns("own-dns", dnsPolicy="None", dnsConfig={"nameservers": ["192.0.2.53"]}),
            shows=(
                agree(("early", "resolv"), ("helper", "resolv"), ("main", "resolv")),
                *(says(name, "nameserver", "192.0.2.53") for name in ("early", "helper", "main")),
            ),
            twin=_dns("cluster-dns"),
        ),
        Behaviour(
            "net-init-iptables",
            "What an init container with NET_ADMIN changes on the Pod's network, the containers after it find: here a"
            " route, as every image with a busybox can make one.",
            source="practice of service meshes; follows from the shared network of the Pod",
            since="1.6",
            scene=_route("routed", "NET_ADMIN"),
            shows=(says("helper", "route", "there"), says("main", "route", "there")),
            twin=_route("not-routed"),
        ),
        Behaviour(
            "net-dns-gating",
            "An init container can hold up its Pod until a Service of a name is there: the name is unknown before, and"
            " becomes known while it waits.",
            source=f"{INIT_DOCS}; {DNS_DOCS}",
            since="1.6",
            scene=_late_service("late-service", at_once=False),
            shows=(says("early", "first", "unknown"), says("early", "later", "known"), succeeded("main")),
            twin=_late_service("early-service", at_once=True),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
