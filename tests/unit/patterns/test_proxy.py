"""Pattern proxy: what Envoy is told, what the injectors of meshes are told, and what is refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import ExpectedProxy, Server

from .workloads import APP, KINDS, WITHOUT_NATIVE, names, one, put_on, refusal, spec_of, workload

API = {"name": "api", "port": 15001, "host": "api.shop.svc", "target_port": 80}
WEB = {"port": 8443, "app_port": 8080}
MESHES = ["istio", "linkerd"]
NATIVE_KEYS = {
    ("istio", "1.24"): "sidecar.istio.io/nativeSidecar",
    ("istio", "1.31"): "sidecar.istio.io/nativeSidecar",
    ("linkerd", "2.15"): "config.alpha.linkerd.io/proxy-enable-native-sidecar",
    ("linkerd", "2.18"): "config.alpha.linkerd.io/proxy-enable-native-sidecar",
    ("linkerd", "2.19"): "config.beta.linkerd.io/proxy-enable-native-sidecar",
    ("linkerd", "2.20"): "config.linkerd.io/proxy-enable-native-sidecar",
}


def envoy(**options: Any) -> dict[str, Any]:
    led = "upstreams" in options or "inbound" in options
    return {"proxy": {"provider": "envoy", **({} if led else {"upstreams": [API]}), **options}}


def mesh(provider: str, **options: Any) -> dict[str, Any]:
    return {"proxy": {"provider": provider, **options}}


def template_of(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]
    return found


def metadata(provider: str, **options: Any) -> dict[str, Any]:
    """Labels and annotations together that the Pods of a Deployment get, without our own mark."""
    made = template_of(put_on(workload(), mesh(provider, **options)).manifest)["metadata"]
    both = {**made.get("labels", {}), **made.get("annotations", {})}
    return {key: value for key, value in both.items() if not key.startswith("podpatterns.core/")}


def container(**options: Any) -> dict[str, Any]:
    spec = spec_of(put_on(workload(), envoy(**options)).manifest)
    return dict(one([*(spec.get("initContainers") or ()), *spec["containers"]], "proxy"))


def bootstrap(**options: Any) -> dict[str, Any]:
    args = container(**options)["args"]
    return dict(json.loads(args[args.index("--config-yaml") + 1].replace("$$", "$")))


def filter_of(listener: dict[str, Any]) -> dict[str, Any]:
    (chain,) = listener["filter_chains"]
    (found,) = chain["filters"]
    return dict(found["typed_config"])


def route_of(listener: dict[str, Any]) -> dict[str, Any]:
    (host,) = filter_of(listener)["route_config"]["virtual_hosts"]
    (route,) = host["routes"]
    return dict(route["route"])


def listener(config: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(one(config["static_resources"]["listeners"], name))


# --- envoy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_envoy_is_put_on_and_taken_off_any_workload(kind: str) -> None:
    ends = {"restartPolicy": "Never"} if kind in ("Job", "CronJob") else {}
    plain = workload(kind, **ends)
    entry = envoy(upstreams=[{**API, "env": "API_URL"}], inbound=[WEB])
    once = put_on(plain, entry)
    assert names(spec_of(once.manifest)["initContainers"]) == ["proxy"]
    assert put_on(once.manifest, entry).manifest == once.manifest
    assert put_on(once.manifest).manifest == plain


def test_an_upstream_is_a_port_of_the_pod_alone_and_is_asked_by_its_own_name() -> None:
    config = bootstrap()
    out = listener(config, "api")
    assert out["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 15001}
    assert route_of(out)["host_rewrite_literal"] == "api.shop.svc"
    cluster = one(config["static_resources"]["clusters"], "api")
    (group,) = cluster["load_assignment"]["endpoints"]
    (endpoint,) = group["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    assert address == {"address": "api.shop.svc", "port_value": 80}


def test_requests_are_sent_again_unless_they_are_not_to_be() -> None:
    again = route_of(listener(bootstrap(upstreams=[{**API, "retries": 5, "retry_on": "5xx"}]), "api"))
    assert again["retry_policy"]["num_retries"] == 5
    assert again["retry_policy"]["retry_on"] == "5xx"
    once = route_of(listener(bootstrap(upstreams=[{**API, "retries": 0}]), "api"))
    assert "retry_policy" not in once


def test_the_app_is_told_where_its_upstreams_are() -> None:
    database = {**API, "name": "db", "port": 15002, "protocol": "tcp", "env": "DATABASE"}
    made = put_on(workload(), envoy(upstreams=[{**API, "env": "API_URL"}, database]))
    env = one(spec_of(made.manifest)["containers"], "web")["env"]
    assert env == [
        {"name": "API_URL", "value": "http://127.0.0.1:15001"},
        {"name": "DATABASE", "value": "127.0.0.1:15002"},
    ]


def test_the_administration_is_for_the_pod_alone_and_the_kubelet_sees_only_whether_it_is_ready() -> None:
    config = bootstrap()
    assert config["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"
    (host,) = filter_of(listener(config, "status"))["route_config"]["virtual_hosts"]
    assert [route["match"] for route in host["routes"]] == [{"path": "/ready"}]
    assert container()["startupProbe"]["httpGet"] == {"path": "/ready", "port": 9902}


def test_what_leads_into_the_pod_is_drained_and_what_leads_out_is_not() -> None:
    hook = container(inbound=[WEB])["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert "POST /drain_listeners?graceful&inboundonly" in hook
    assert "lifecycle" not in container()
    directions = {
        one["name"]: one["traffic_direction"]
        for one in bootstrap(upstreams=[API], inbound=[WEB])["static_resources"]["listeners"]
    }
    assert directions == {"status": "UNSPECIFIED", "api": "OUTBOUND", "inbound-8443": "INBOUND"}


def app_of(**options: Any) -> dict[str, Any]:
    return dict(one(spec_of(put_on(workload(), envoy(**options)).manifest)["containers"], "web"))


def test_an_app_that_others_reach_serves_on_while_its_pod_leaves() -> None:
    held = {"preStop": {"sleep": {"seconds": 5}}}
    assert app_of(inbound=[WEB])["lifecycle"] == held
    assert app_of(inbound=[WEB], drain_seconds=9)["lifecycle"] == {"preStop": {"sleep": {"seconds": 9}}}
    assert "lifecycle" not in app_of(inbound=[WEB], drain_seconds=0)
    assert "lifecycle" not in app_of(upstreams=[API])


def test_beside_a_classic_proxy_an_app_is_not_held_as_the_proxy_is_gone_by_then() -> None:
    assert "lifecycle" not in app_of(inbound=[WEB], mode="classic", drain_seconds=20)


@pytest.mark.parametrize(
    ("hook", "warned"),
    [
        ({"sleep": {"seconds": 5}}, False),
        ({"sleep": {"seconds": 4}}, True),
        ({"exec": {"command": ["x"]}}, True),
    ],
)
def test_an_app_s_own_hook_is_kept_with_a_warning_where_it_may_be_too_short(
    hook: dict[str, Any], warned: bool
) -> None:
    plain = workload(containers=[{**APP, "lifecycle": {"preStop": hook}}])
    made = put_on(plain, envoy(inbound=[WEB]))
    assert one(spec_of(made.manifest)["containers"], "web")["lifecycle"] == {"preStop": hook}
    assert bool(made.warnings) == warned
    assert put_on(made.manifest).manifest == plain


def test_where_the_server_cannot_sleep_the_user_is_told() -> None:
    made = put_on(workload(), envoy(inbound=[WEB]), server=Server((1, 29)))
    assert "lifecycle" not in one(spec_of(made.manifest)["containers"], "web")
    assert made.warnings == [
        "patterns[0].proxy: the server is older than 1.30 and cannot keep TERM from web for 5 s (drain_seconds); give"
        " it a preStop hook that does, else the Pod's last requests fail"
    ]


def test_the_drain_must_fit_into_the_grace_period() -> None:
    said = refusal(workload(terminationGracePeriodSeconds=5), envoy(inbound=[WEB]))
    assert "terminationGracePeriodSeconds is 5, but the shutdown needs 6 s" in said


def test_a_classic_envoy_stays_for_the_app_s_last_requests() -> None:
    hook = container(mode="classic", drain_seconds=7)["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert hook == "sleep 7"


def test_tls_checks_the_upstream_s_name() -> None:
    cluster = one(bootstrap(upstreams=[{**API, "tls": True}])["static_resources"]["clusters"], "api")
    tls = cluster["transport_socket"]["typed_config"]
    (name,) = tls["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"]
    assert (tls["sni"], name["matcher"]["exact"]) == ("api.shop.svc", "api.shop.svc")


def test_a_job_may_have_a_classic_envoy_only_if_the_app_ends_it() -> None:
    job = workload("Job", restartPolicy="Never")
    assert "would keep it from ever completing" in refusal(job, envoy(mode="classic"))
    spec = spec_of(put_on(job, envoy(mode="classic", job_shutdown="app")).manifest)
    assert names(spec["containers"]) == ["web", "proxy"]


# --- meshes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", MESHES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_mesh_is_put_on_and_taken_off_any_workload(kind: str, provider: str) -> None:
    ends = {"restartPolicy": "Never"} if kind in ("Job", "CronJob") else {}
    plain = workload(kind, **ends)
    once = put_on(plain, mesh(provider))
    assert "initContainers" not in spec_of(once.manifest)
    assert put_on(once.manifest, mesh(provider)).manifest == once.manifest
    assert put_on(once.manifest).manifest == plain


@pytest.mark.parametrize(("release", "key"), NATIVE_KEYS.items(), ids=str)
@pytest.mark.parametrize(("mode", "value"), [("native", "true"), ("classic", "false"), ("auto", "true")])
def test_the_switch_for_native_sidecars_is_spelt_as_the_release_reads_it(
    release: tuple[str, str], key: str, mode: str, value: str
) -> None:
    provider, version = release
    made = metadata(provider, version=version, mode=mode)
    switches = {one: found for one, found in made.items() if "ative" in one}
    assert switches == {key: value}


@pytest.mark.parametrize(("provider", "version"), [("istio", "1.23"), ("linkerd", "2.14")])
def test_a_release_without_a_switch_gets_none_and_refuses_native(provider: str, version: str) -> None:
    assert not any("ative" in key for key in metadata(provider, version=version))
    said = refusal(workload(), mesh(provider, version=version, mode="native"))
    assert "has no switch for it in a Pod" in said


def test_istio_is_told_in_its_own_words() -> None:
    made = metadata(
        "istio",
        mode="classic",
        revision="canary",
        hold=True,
        exclude_outbound_ports=["5432", "6379"],
        exclude_inbound_ports=["9090"],
        exclude_outbound_cidrs=["10.1.0.0/16"],
        drain_seconds=9,
        resources={"requests": {"cpu": "50m"}, "limits": {"memory": "256Mi"}},
    )
    assert made == {
        "sidecar.istio.io/inject": "true",
        "istio.io/rev": "canary",
        "sidecar.istio.io/nativeSidecar": "false",
        "proxy.istio.io/config": '{"holdApplicationUntilProxyStarts": true, "terminationDrainDuration": "9s"}',
        "traffic.sidecar.istio.io/excludeOutboundPorts": "5432,6379",
        "traffic.sidecar.istio.io/excludeInboundPorts": "9090",
        "traffic.sidecar.istio.io/excludeOutboundIPRanges": "10.1.0.0/16",
        "sidecar.istio.io/proxyCPU": "50m",
        "sidecar.istio.io/proxyMemoryLimit": "256Mi",
    }


def test_linkerd_is_told_in_its_own_words() -> None:
    made = metadata(
        "linkerd",
        mode="classic",
        hold=False,
        exclude_outbound_ports=["5432", "7000-7010"],
        exclude_inbound_ports=["9090"],
        exclude_outbound_cidrs=["10.1.0.0/16"],
        drain_seconds=9,
        job_shutdown="app",
        resources={"requests": {"cpu": "50m"}, "limits": {"memory": "256Mi"}},
    )
    assert made == {
        "linkerd.io/inject": "enabled",
        "config.linkerd.io/proxy-enable-native-sidecar": "false",
        "config.linkerd.io/proxy-await": "disabled",
        "config.linkerd.io/skip-outbound-ports": "5432,7000-7010",
        "config.linkerd.io/skip-inbound-ports": "9090",
        "config.linkerd.io/skip-subnets": "10.1.0.0/16",
        "config.alpha.linkerd.io/proxy-wait-before-exit-seconds": "9",
        "config.linkerd.io/proxy-admin-shutdown": "enabled",
        "config.linkerd.io/proxy-cpu-request": "50m",
        "config.linkerd.io/proxy-memory-limit": "256Mi",
    }


@pytest.mark.parametrize("provider", MESHES)
def test_a_mesh_that_is_not_installed_is_missed_before_anything_is_deployed(provider: str) -> None:
    without = Server((1, 33), groups=frozenset({"apps"}))
    said = refusal(workload(), mesh(provider), server=without)
    assert "is not installed: the server does not serve" in said
    having = Server((1, 33), groups=frozenset({"networking.istio.io", "linkerd.io"}))
    put_on(workload(), mesh(provider), server=having)


@pytest.mark.parametrize(
    ("provider", "mode", "expected"),
    [
        ("istio", "native", ExpectedProxy("istio-proxy", True)),
        ("istio", "classic", ExpectedProxy("istio-proxy", False)),
        ("linkerd", "auto", ExpectedProxy("linkerd-proxy", True)),
    ],
)
def test_what_is_to_come_of_it_is_told_for_the_verification(
    provider: str, mode: str, expected: ExpectedProxy
) -> None:
    assert put_on(workload(), mesh(provider, mode=mode)).expected_proxies == [expected]
    assert put_on(workload(), mesh(provider, mode=mode, verify_injection=False)).expected_proxies == []


@pytest.mark.parametrize("provider", MESHES)
def test_a_classic_proxy_in_a_job_is_refused_unless_the_app_ends_it(provider: str) -> None:
    job = workload("Job", restartPolicy="Never")
    said = refusal(job, mesh(provider, mode="classic"))
    assert "would keep Job shop from ever completing" in said
    assert "job_shutdown: app" in said
    assert refusal(job, mesh(provider), server=WITHOUT_NATIVE) == said.replace(
        "classic, which", "auto, which"
    )
    put_on(job, mesh(provider, mode="classic", job_shutdown="app"))


@pytest.mark.parametrize(
    ("provider", "options", "said"),
    [
        ("istio", {"hold": False}, "has no effect"),
        ("linkerd", {"hold": False}, "takes the startup probe off"),
        ("linkerd", {"drain_seconds": 5}, "has no effect on a native sidecar"),
        ("istio", {"mode": "classic"}, "run before interception, past the mesh"),
    ],
)
def test_what_a_choice_means_is_said(provider: str, options: dict[str, Any], said: str) -> None:
    (warning,) = put_on(workload(), mesh(provider, **options)).warnings
    assert said in warning


# --- bad input ------------------------------------------------------------------------------------

KEYS = [
    ("istio", "sidecar.istio.io/native-side", "true", "did you mean sidecar.istio.io/nativeSidecar?"),
    ("istio", "sidecar.istio.io/nativeSidecar", "yes", "it must be true or false"),
    ("istio", "sidecar.istio.io/nativesidecar", "true", "did you mean sidecar.istio.io/nativeSidecar?"),
    ("istio", "istio.io/nativeSidecar", "true", "did you mean sidecar.istio.io/nativeSidecar?"),
    (
        "istio",
        "traffic.istio.io/excludeOutboundPorts",
        "1",
        "mean traffic.sidecar.istio.io/excludeOutboundPorts?",
    ),
    ("istio", "security.istio.io/tlsMode", "istio", "which Istio reads as label only"),
    (
        "linkerd",
        "config.linkerd.io/proxy-enable-native-sidecars",
        "true",
        "did you mean config.linkerd.io/proxy-",
    ),
    (
        "linkerd",
        "linkerd.io/proxy-enable-native-sidecar",
        "true",
        "did you mean config.linkerd.io/proxy-enable-",
    ),
    (
        "linkerd",
        "config.gamma.linkerd.io/proxy-enable-native-sidecar",
        "true",
        "did you mean config.linkerd.io/pro",
    ),
    (
        "linkerd",
        "config.alpha.linkerd.io/proxy-enable-native-sidecar",
        "true",
        "with 2.20 the switch is config.li",
    ),
    ("linkerd", "config.linkerd.io/proxy-enable-native-sidecar", "no", "it must be true or false"),
    ("linkerd", "linkerd.io/inject", "true", "it must be enabled, ingress or disabled"),
    ("linkerd", "config.linkerd.io/proxy-await", "false", "it must be enabled or disabled"),
]


@pytest.mark.parametrize(
    ("provider", "key", "value", "said"), KEYS, ids=[f"{key}={value}" for _p, key, value, _s in KEYS]
)
def test_what_an_injector_would_pass_over_in_silence_is_refused(
    provider: str, key: str, value: str, said: str
) -> None:
    plain = workload()
    template_of(plain)["metadata"] = {"annotations": {key: value}}
    sentence = refusal(plain, mesh(provider))
    assert said in sentence
    assert "the Pod template of Deployment shop has " in sentence


def test_a_key_that_is_only_unknown_is_a_warning() -> None:
    plain = workload()
    template_of(plain)["metadata"] = {"annotations": {"config.linkerd.io/brand-new": "x"}}
    (warning,) = put_on(plain, mesh("linkerd")).warnings
    assert "config.linkerd.io/brand-new" in warning


def test_keys_of_others_are_nobody_s_business() -> None:
    plain = workload()
    template_of(plain)["metadata"] = {
        "annotations": {"example.org/native-side": "x", "myistio.io/inject": "y"}
    }
    assert put_on(plain, mesh("istio")).warnings == []


def test_a_key_on_the_workload_s_own_metadata_is_refused_since_it_has_no_effect_there() -> None:
    plain = copy.deepcopy(workload())
    plain["metadata"]["annotations"] = {"linkerd.io/inject": "enabled"}
    assert "on its own metadata, where it has no effect" in refusal(plain, mesh("linkerd"))


WRONG = [
    ({}, "missing required arguments: provider"),
    ({"provider": "nginx"}, "nginx"),
    ({"provider": "envoy"}, "leads nowhere; give upstreams, inbound or both"),
    ({"provider": "istio", "upstreams": [API]}, "upstreams is for envoy, but provider is istio; remove it"),
    ({"provider": "istio", "image": "a/b:c"}, "image is for envoy, but provider is istio; remove it"),
    (envoy(version="1.2")["proxy"], "version is for a mesh, but provider is envoy; remove it"),
    (envoy(hold=False)["proxy"], "hold is for a mesh, but provider is envoy; remove it"),
    (
        envoy(upstreams=[{**API, "host": "http://api"}])["proxy"],
        "host is 'http://api'; it must be a name such as",
    ),
    (envoy(upstreams=[{**API, "name": "A b"}])["proxy"], "name is 'A b'; it must be lower case letters"),
    (
        envoy(upstreams=[{**API, "target_port": 0}])["proxy"],
        "target_port is 0; it must be a port from 1 to 65535",
    ),
    (envoy(upstreams=[{**API, "port": 70000}])["proxy"], "port is 70000; it must be a port from 1 to 65535"),
    (envoy(upstreams=[{**API, "retries": -1}])["proxy"], "retries is -1; it must be 0 or more"),
    (
        envoy(upstreams=[{**API, "connect_timeout": 0}])["proxy"],
        "connect_timeout is 0; it must be more than 0",
    ),
    (
        envoy(upstreams=[{**API, "protocol": "tcp", "retry_on": "5xx"}])["proxy"],
        "whose bytes cannot be sent again",
    ),
    (
        envoy(upstreams=[{**API, "retry_on": "5xx, reset"}])["proxy"],
        "it must be conditions such as 5xx,reset",
    ),
    (envoy(upstreams=[{**API, "env": "A-B"}])["proxy"], "env is 'A-B'; it must be a variable's name"),
    (envoy(upstreams=[{**API, "prot": "tcp"}])["proxy"], "prot is no option; did you mean"),
    (envoy(upstreams=[API, {**API, "port": 1}])["proxy"], "upstreams has two with the name 'api'"),
    (envoy(upstreams=[API, {**API, "name": "b"}])["proxy"], "is 15001, which upstreams.api.port has already"),
    (
        envoy(upstreams=[{**API, "port": 9901}])["proxy"],
        "admin_port is 9901, which upstreams.api.port has already",
    ),
    (
        envoy(inbound=[{"port": 80, "app_port": 8080}])["proxy"],
        "is 80, which container web has already; take another",
    ),
    (envoy(drain_seconds=-1)["proxy"], "drain_seconds is -1; it must be 0 or more seconds"),
    (envoy(containers=["nobody"])["proxy"], "containers names 'nobody'; the workload has web"),
    ({"provider": "istio", "version": "edge"}, "version is 'edge'; it must be the control plane's release"),
    ({"provider": "istio", "version": "2.20"}, "version is '2.20', but Istio's releases are 1.x"),
    ({"provider": "istio", "exclude_outbound_ports": ["1-9"]}, "is '1-9'; it must be a port from 1 to 65535"),
    (
        {"provider": "linkerd", "exclude_inbound_ports": ["9-1"]},
        "is '9-1'; it must be a port or a range such as",
    ),
    (
        {"provider": "istio", "exclude_outbound_cidrs": ["10.0"]},
        "is '10.0'; it must be a network such as 10.0.0.0/8",
    ),
    ({"provider": "linkerd", "revision": "x"}, "revision is 'x', which Linkerd does not have; remove it"),
    ({"provider": "istio", "resources": {"requests": {"disk": 1}}}, "it takes cpu and memory"),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=[said[:40] for _options, said in WRONG])
def test_wrong_options_get_one_sentence(options: dict[str, Any], said: str) -> None:
    plain = workload(containers=[{**APP, "ports": [{"containerPort": 80}]}])
    sentence = refusal(plain, {"proxy": options})
    assert sentence.startswith("patterns[0].proxy")
    assert said in sentence
    assert "\n" not in sentence


def test_a_pod_on_the_host_s_network_gets_no_proxy_of_a_mesh() -> None:
    assert "has hostNetwork" in refusal(workload(hostNetwork=True), mesh("istio"))
