"""Pattern metrics: the exporter, its port and Service, how Prometheus finds it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.filter.compose import compose
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import Server
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import pod_template

from .workloads import KINDS, WITHOUT_NATIVE, names, one, put_on, refusal, spec_of, workload

OPERATOR = Server((1, 33), frozenset({"PodMonitor", "ServiceMonitor"}))
CUSTOM = {"exporter": "custom", "image": "redis_exporter:1", "port": 9121}


def entry(**options: Any) -> dict[str, Any]:
    return {"metrics": options}


def exporter(**options: Any) -> dict[str, Any]:
    spec = spec_of(put_on(workload(), entry(**options)).manifest)
    return dict(one(spec["initContainers"], "metrics"))


def value_of(container: dict[str, Any], name: str) -> Any:
    return one(container["env"], name)["value"]


def annotations_of(**options: Any) -> dict[str, str]:
    return dict(pod_template(put_on(workload(), entry(**options)).manifest)["metadata"]["annotations"])


# --- the exporter -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options", [{}, {"stub_status": True}, CUSTOM], ids=["nginx", "stub_status", "custom"]
)
def test_it_comes_goes_and_stays_the_same_on_every_workload_kind(kind: str, options: dict[str, Any]) -> None:
    bare = workload(kind)
    once = put_on(bare, entry(**options))
    assert names(spec_of(once.manifest)["initContainers"]) == ["metrics"]
    again = put_on(once.manifest, entry(**options))
    assert (again.manifest, again.objects) == (once.manifest, once.objects)
    assert put_on(once.manifest).manifest == bare


def test_it_is_a_native_sidecar_where_there_are_some_and_a_classic_one_elsewhere() -> None:
    assert exporter()["restartPolicy"] == "Always"
    old = spec_of(put_on(workload(), entry(), server=WITHOUT_NATIVE).manifest)
    assert names(old["containers"]) == ["web", "metrics"]
    assert "restartPolicy" not in one(old["containers"], "metrics")


def test_a_jobs_exporter_must_be_native() -> None:
    said = refusal(workload("Job"), entry(mode="classic"))
    assert "a classic sidecar would keep it from ever completing; use mode native" in said


def test_nginx_exporter_is_told_by_variables_that_all_its_releases_know() -> None:
    made = exporter(port=9200, path="/m", scrape_uri="http://127.0.0.1:81/status")
    assert value_of(made, "SCRAPE_URI") == "http://127.0.0.1:81/status"
    assert value_of(made, "LISTEN_ADDRESS") == ":9200"
    assert value_of(made, "TELEMETRY_PATH") == "/m"
    assert made["ports"] == [{"name": "metrics", "containerPort": 9200, "protocol": "TCP"}]


def test_it_holds_back_neither_the_app_nor_its_readiness() -> None:
    made = exporter()
    assert "startupProbe" not in made
    assert "readinessProbe" not in made
    assert made["livenessProbe"]["tcpSocket"] == {"port": 9113}
    assert "livenessProbe" not in exporter(probes=False)


def test_a_custom_exporter_runs_as_its_image_has_it() -> None:
    made = exporter(**CUSTOM, args=["--redis.addr=127.0.0.1:6379"])
    assert "command" not in made
    assert made["args"] == ["--redis.addr=127.0.0.1:6379"]
    assert exporter(**CUSTOM, command=["/exporter"])["command"] == ["/exporter"]


def test_nginx_gets_a_status_page_on_loopback_alone() -> None:
    apps = [{"name": "php", "image": "php"}, {"name": "web", "image": "nginx"}]
    options = {"stub_status": True, "container": "web", "scrape_uri": "http://127.0.0.1:8081/s"}
    made = put_on(workload(containers=apps), entry(**options)).manifest
    (mount,) = one(spec_of(made)["containers"], "web")["volumeMounts"]
    assert (mount["mountPath"], mount["subPath"]) == ("/etc/nginx/conf.d/metrics.conf", "metrics.conf")
    assert "volumeMounts" not in one(spec_of(made)["containers"], "php")
    text = pod_template(made)["metadata"]["annotations"]["podpatterns.core/metrics"]
    assert "listen 127.0.0.1:8081;" in text
    assert "location = /s {" in text


def test_two_exporters_stand_side_by_side() -> None:
    made = put_on(workload(), entry(), entry(**CUSTOM, name="redis", port_name="redis", discovery="none"))
    assert names(spec_of(made.manifest)["initContainers"]) == ["metrics", "redis"]
    assert names([item["metadata"] for item in made.objects]) == ["shop-metrics", "shop-redis"]


# --- what Prometheus needs ----------------------------------------------------------------------


def test_the_service_finds_the_pods_by_a_label_of_the_patterns_own() -> None:
    made = put_on(workload(), entry(port_name="web-metrics"))
    (service,) = made.objects
    labels = pod_template(made.manifest)["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert service["spec"]["ports"] == [
        {"name": "web-metrics", "port": 9113, "targetPort": 9113, "protocol": "TCP"}
    ]
    assert put_on(workload(), entry(service=False)).objects == []


def test_by_annotations_where_there_is_no_operator() -> None:
    found = annotations_of(path="/m", scheme="https")
    assert found["prometheus.io/scrape"] == "true"
    assert found["prometheus.io/port"] == "9113"
    assert found["prometheus.io/path"] == "/m"
    assert found["prometheus.io/scheme"] == "https"
    assert "prometheus.io/scrape" not in annotations_of(discovery="none")


def test_by_a_pod_monitor_where_there_is_an_operator() -> None:
    options = {"interval": "15s", "scrape_timeout": "5s", "monitor_labels": {"release": "prometheus"}}
    made = put_on(workload(), entry(**options), server=OPERATOR)
    monitor = made.objects[-1]
    assert monitor["kind"] == "PodMonitor"
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    labels = pod_template(made.manifest)["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert monitor["spec"]["podMetricsEndpoints"] == [
        {"port": "metrics", "path": "/metrics", "scheme": "http", "interval": "15s", "scrapeTimeout": "5s"}
    ]
    assert "prometheus.io/scrape" not in pod_template(made.manifest)["metadata"]["annotations"]


def test_by_a_service_monitor_that_finds_the_service() -> None:
    service, monitor = put_on(workload(), entry(discovery="service_monitor"), server=OPERATOR).objects
    assert monitor["kind"] == "ServiceMonitor"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]


def test_a_monitor_is_rendered_without_a_cluster_where_its_kind_is_named() -> None:
    rendered = compose(yaml.safe_dump(workload()), [entry()], kinds=["PodMonitor"])
    assert [item["kind"] for item in rendered] == ["Service", "PodMonitor", "Deployment"]
    assert [item["kind"] for item in compose(workload(), [entry()])] == ["Service", "Deployment"]


# --- refusals -----------------------------------------------------------------------------------

TAKEN = {"name": "web", "image": "nginx", "ports": [{"name": "http", "containerPort": 80}]}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"exporter": "ngnix"}, ": value of exporter must be one of: nginx, custom"),
        ({"scrape_url": "http://127.0.0.1/"}, ".scrape_url is no option; did you mean scrape_uri?"),
        (
            {"scrape_uri": "127.0.0.1:8080"},
            ".scrape_uri is '127.0.0.1:8080'; it must be a URI such as http://127",
        ),
        ({"scrape_uri": "http://me:hush@127.0.0.1/"}, ".scrape_uri holds a login; nginx' status needs none"),
        (
            {"stub_status": True, "scrape_uri": "http://10.0.0.1/s"},
            ".stub_status is true, but scrape_uri is 'http",
        ),
        ({"stub_status": True, "container": "wb"}, ".container names 'wb'; the workload has web"),
        ({"command": ["/exporter"]}, ".command is for exporter custom; the one for nginx is known"),
        ({"exporter": "custom", "port": 1}, ".image is missing; exporter custom has no default for it"),
        ({"exporter": "custom", "image": "x"}, ".port is missing; exporter custom has no default for it"),
        (
            {**CUSTOM, "stub_status": True},
            ".stub_status is for exporter nginx; give a custom one its args or env",
        ),
        ({"port": "many"}, ": argument 'port' is of type str"),
        ({"port": 0}, ".port is 0; it must be from 1 to 65535"),
        ({"port": 80}, ".port is 80, which container web has already"),
        ({"port_name": "http"}, ".port_name is 'http', which container web has already; give another one"),
        (
            {"port_name": "a-very-long-port-name"},
            ".port_name is 'a-very-long-port-name'; it must be at most 15",
        ),
        ({"port_name": "9113"}, ".port_name is '9113'; it must be at most 15 lower-case letters"),
        ({"port_name": "Metrics"}, ".port_name is 'Metrics'; it must be at most 15 lower-case letters"),
        ({"path": "metrics"}, ".path is 'metrics'; it must begin with /"),
        ({"scheme": "ftp"}, ": value of scheme must be one of: http, https"),
        ({"interval": "often"}, ".interval is 'often'; it must be a duration such as 30s"),
        (
            {"discovery": "annotations", "interval": "30s"},
            ".interval is given, but discovery is annotations, which",
        ),
        (
            {"discovery": "pod_monitor"},
            ".discovery is pod_monitor, but the cluster has no kind PodMonitor; install",
        ),
        (
            {"discovery": "service_monitor"},
            ".discovery is service_monitor, but the cluster has no kind Service",
        ),
        (
            {"discovery": "service_monitor", "service": False},
            ".service is false, but a ServiceMonitor finds Pods by",
        ),
        ({"mode": "init"}, ": value of mode must be one of: auto, native, classic"),
    ],
)
def test_a_wrong_option_gets_one_sentence(options: dict[str, Any], sentence: str) -> None:
    said = refusal(workload(containers=[TAKEN]), entry(**options))
    assert said.startswith(f"patterns[0].metrics{sentence}"), said
    assert "\n" not in said
    assert "hush" not in said
