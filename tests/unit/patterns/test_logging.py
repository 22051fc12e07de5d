"""Pattern logging: what it makes of a workload, what each shipper is told, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import Server

from .workloads import APP, KINDS, WITHOUT_NATIVE, names, one, put_on, refusal, spec_of, workload

SHIPPERS = ["tail", "otel", "fluentd", "fluent-bit", "filebeat"]
LOG = "/var/log/shop/shop.log"
HTTP = {"type": "http", "url": "http://logs.monitoring:8080/app"}


def entry(**options: Any) -> dict[str, Any]:
    return {"logging": {"path": LOG, **options}}


def made(server: Server = Server((1, 33)), **options: Any) -> dict[str, Any]:  # noqa: B008
    """The shipper's container on a Deployment."""
    spec = spec_of(put_on(workload(), entry(**options), server=server).manifest)
    return dict(one([*(spec.get("initContainers") or ()), *spec["containers"]], "logging"))


def variable(container: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(one(container["env"], name))


def told(**options: Any) -> Any:
    """What the shipper reads as its configuration: parsed, but Fluentd's, which has a language of its own."""
    shipper = options.get("shipper", "tail")
    composed = put_on(workload(), entry(**options)).manifest
    if shipper in ("tail", "otel"):
        container = one(spec_of(composed)["initContainers"], "logging")
        return json.loads(variable(dict(container), "PODPATTERNS_CONFIG")["value"].replace("$$", "$"))
    text = composed["spec"]["template"]["metadata"]["annotations"]["podpatterns.core/logging-config"]
    return text if shipper == "fluentd" else yaml.safe_load(text)


@pytest.mark.parametrize("shipper", SHIPPERS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_put_on_and_taken_off_any_workload(kind: str, shipper: str) -> None:
    ends = {"restartPolicy": "Never"} if kind in ("Job", "CronJob") else {}
    plain = workload(kind, **ends)
    more = entry(name="more", shipper=shipper, path="/var/log/other/a.log")
    once = put_on(plain, entry(shipper=shipper), more)
    assert names(spec_of(once.manifest)["initContainers"]) == ["logging", "more"]
    assert put_on(once.manifest, entry(shipper=shipper), more).manifest == once.manifest
    assert put_on(once.manifest).manifest == plain


def test_app_and_shipper_share_the_log_s_directory_which_only_the_app_may_write() -> None:
    spec = spec_of(put_on(workload(), entry(size_limit="10Mi")).manifest)
    assert one(spec["volumes"], "logging-files")["emptyDir"] == {"sizeLimit": "10Mi"}
    mount = {"name": "logging-files", "mountPath": "/var/log/shop"}
    assert one(spec["containers"], "web")["volumeMounts"] == [mount]
    assert one(spec["initContainers"], "logging")["volumeMounts"][0] == {**mount, "readOnly": True}


def test_a_volume_that_the_app_has_is_used_as_the_app_mounts_it() -> None:
    mount = {"name": "data", "mountPath": "/var/log", "subPath": "logs"}
    plain = workload(
        containers=[{**APP, "volumeMounts": [mount]}],
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    )
    spec = spec_of(put_on(plain, entry(volume="data")).manifest)
    assert one(spec["initContainers"], "logging")["volumeMounts"][0] == {**mount, "readOnly": True}
    assert one(spec["containers"], "web")["volumeMounts"] == [mount]


def test_the_shipper_runs_as_the_app_s_user_so_that_it_can_read_what_the_app_writes() -> None:
    plain = workload(securityContext={"runAsUser": 1234})
    container = one(spec_of(put_on(plain, entry()).manifest)["initContainers"], "logging")
    assert container["securityContext"]["runAsUser"] == 1234
    assert made()["securityContext"]["runAsUser"] == 65532


@pytest.mark.parametrize("shipper", SHIPPERS)
def test_every_shipper_is_restricted_and_holds_the_app_until_it_is_up(shipper: str) -> None:
    container = made(shipper=shipper)
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "startupProbe" in container
    assert "startupProbe" not in made(shipper=shipper, probes=False)


def test_two_shippers_with_a_health_check_can_stand_in_one_pod() -> None:
    container = made(shipper="otel", health_port=13134)
    assert container["startupProbe"]["httpGet"]["port"] == 13134
    endpoint = told(shipper="otel", health_port=13134)["extensions"]["health_check"]["endpoint"]
    assert endpoint == "0.0.0.0:13134"


def test_secrets_are_references_and_in_no_configuration() -> None:
    login = {"secret": "logs", "username_key": "user", "password_key": "word"}
    container = made(shipper="fluent-bit", output={**HTTP, **login})
    reference = {"secretKeyRef": {"name": "logs", "key": "word"}}
    assert variable(container, "LOG_PASSWORD")["valueFrom"] == reference
    (output,) = told(shipper="fluent-bit", output={**HTTP, **login})["pipeline"]["outputs"]
    assert output["http_passwd"] == "${LOG_PASSWORD}"


def test_a_dollar_of_the_user_s_is_the_user_s() -> None:
    """Kubernetes makes one dollar of two in a variable's value, and the Collector once more."""
    container = made(shipper="otel", multiline="^a$|^b")
    value = variable(container, "PODPATTERNS_CONFIG")["value"]
    assert json.loads(value)["receivers"]["file_log"]["multiline"]["line_start_pattern"] == "^a$$$$|^b"


# --- the traps of each shipper: see the role's README -------------------------------------------


def test_new_files_are_found_within_a_second_by_all() -> None:
    assert told(shipper="otel")["receivers"]["file_log"]["poll_interval"] == "100ms"
    assert "  refresh_interval 1s\n" in told(shipper="fluentd")
    assert told(shipper="fluent-bit")["pipeline"]["inputs"][0]["refresh_interval"] == 1
    (stream,) = told(shipper="filebeat")["filebeat.inputs"]
    assert stream["prospector.scanner.check_interval"] == "1s"


def test_files_are_read_from_their_beginning_by_all_that_would_not() -> None:
    assert told(shipper="otel")["receivers"]["file_log"]["start_at"] == "beginning"
    assert "  read_from_head true\n" in told(shipper="fluentd")
    assert told(shipper="fluent-bit")["pipeline"]["inputs"][0]["read_from_head"] is True


def test_positions_are_kept_in_a_volume_by_all() -> None:
    assert told(shipper="tail")["state"] == "/var/lib/podpatterns"
    assert told(shipper="otel")["receivers"]["file_log"]["storage"] == "file_storage"
    assert "  pos_file /var/lib/podpatterns/fluentd.pos\n" in told(shipper="fluentd")
    assert told(shipper="fluent-bit")["pipeline"]["inputs"][0]["db"] == "/var/lib/podpatterns/tail.db"
    command = made(shipper="filebeat")["command"]
    assert command[command.index("--path.data") + 1] == "/var/lib/podpatterns/filebeat"


def test_fluentd_flushes_its_file_buffer_at_the_end_and_has_no_supervisor() -> None:
    text = told(shipper="fluentd", output=HTTP)
    assert "    @type file\n" in text
    assert "    flush_at_shutdown true\n" in text
    assert "--no-supervisor" in made(shipper="fluentd")["command"]


def test_fluentd_with_rotation_by_renaming_follows_inodes_and_without_it_one_path() -> None:
    renamed, copied = (told(shipper="fluentd", rotation=how) for how in ("rename", "copytruncate"))
    assert f"path '{LOG}*'" in renamed
    assert "follow_inodes true" in renamed
    assert f"path '{LOG}'" in copied
    assert "follow_inodes" not in copied


def test_filebeat_always_reads_what_was_rotated_and_waits_for_acknowledgements() -> None:
    whole = told(shipper="filebeat")
    (stream,) = whole["filebeat.inputs"]
    assert stream["paths"] == [f"{LOG}*"]
    assert stream["id"] == "logging"
    assert stream["read_until_eof"] == {"enabled": True, "timeout": "10s"}
    assert whole["filebeat.shutdown_timeout"] == "10s"


def test_fluent_bit_drops_no_batch_and_has_time_to_flush() -> None:
    whole = told(shipper="fluent-bit", output=HTTP)
    assert whole["service"]["grace"] == 10
    assert whole["pipeline"]["outputs"][0]["retry_limit"] == "no_limits"


def test_fluent_bit_keeps_the_query_of_a_url() -> None:
    """As VictoriaLogs has it, which is told there what is the message."""
    url = "http://logs:9428/insert/jsonline?_msg_field=message"
    (output,) = told(shipper="fluent-bit", output={"type": "http", "url": url})["pipeline"]["outputs"]
    assert output["uri"] == "/insert/jsonline?_msg_field=message"


def test_the_collector_queues_in_memory_unless_its_state_outlives_the_pod() -> None:
    """A queue on disk is not sent at shutdown."""
    otlp = {"type": "otlp", "url": "http://collector:4318"}
    queue = told(shipper="otel", output=otlp)["exporters"]["otlp_http"]["sending_queue"]
    assert "storage" not in queue
    kept = workload("StatefulSet", volumes=[{"name": "state", "emptyDir": {}}])
    spec = spec_of(put_on(kept, entry(shipper="otel", output=otlp, state_volume="state")).manifest)
    config = variable(dict(one(spec["initContainers"], "logging")), "PODPATTERNS_CONFIG")["value"]
    assert json.loads(config.replace("$$", "$"))["exporters"]["otlp_http"]["sending_queue"]["storage"]


# --- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"shipper": "fluentd"}, 3),
        ({"shipper": "fluentd", "discover_seconds": 5}, 7),
        ({"shipper": "otel", "mode": "classic"}, 5),
        ({"shipper": "fluent-bit", "drain_seconds": 8}, 8),
    ],
)
def test_term_is_kept_from_a_shipper_until_it_has_looked_once_more(
    options: dict[str, Any], seconds: int
) -> None:
    assert made(**options)["lifecycle"] == {"preStop": {"sleep": {"seconds": seconds}}}


def test_our_own_shipper_needs_no_hook_since_it_reads_to_the_end_by_itself() -> None:
    assert "lifecycle" not in made()
    assert told()["drain_seconds"] == 0


def test_a_server_without_the_sleep_action_gets_a_command_or_a_warning() -> None:
    older = Server((1, 29))
    hook = made(older, shipper="fluentd")["lifecycle"]["preStop"]
    assert hook == {"exec": {"command": ["sleep", "3"]}}
    composed = put_on(workload(), entry(shipper="fluent-bit"), server=older)
    assert "drain_seconds is not kept" in composed.warnings[0]


def test_what_a_classic_sidecar_loses_is_said() -> None:
    (warning,) = put_on(workload(), entry(mode="classic")).warnings
    assert "later than 5 s after that is lost" in warning


def test_an_old_server_gets_the_classic_form() -> None:
    spec = spec_of(put_on(workload(), entry(), server=WITHOUT_NATIVE).manifest)
    assert names(spec["containers"]) == ["web", "logging"]


def test_a_shutdown_that_does_not_fit_the_grace_is_refused_with_the_difference() -> None:
    said = refusal(workload(), entry(shipper="fluentd", flush_seconds=40))
    assert "the shutdown needs 43 s" in said
    assert "13 s more" in said


# --- what is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shipper", ["fluentd", "fluent-bit"])
def test_named_groups_are_spelt_as_the_shipper_reads_them(shipper: str) -> None:
    text = json.dumps(told(shipper=shipper, parser="regex", expression=r"(?P<level>\w+) (?<message>.*)"))
    assert "(?<level>" in text
    assert "(?P<" not in text


def test_a_line_that_cannot_be_parsed_is_shipped_as_it_is() -> None:
    assert "emit_unmatched_lines true" in told(shipper="fluentd", parser="json")
    (operator,) = told(shipper="otel", parser="json")["receivers"]["file_log"]["operators"]
    assert operator == {"type": "json_parser", "on_error": "send_quiet"}


def test_records_of_several_lines_are_told_to_each() -> None:
    start = r"^\d{4}-"
    assert told(multiline=start)["multiline"] == start
    assert told(shipper="otel", multiline=start)["receivers"]["file_log"]["multiline"] == {
        "line_start_pattern": start.replace("$", "$$")
    }
    assert f"format_firstline /{start}/" in told(shipper="fluentd", multiline=start)
    rules = told(shipper="fluent-bit", multiline=start)["multiline_parsers"][0]["rules"]
    assert [rule["regex"] for rule in rules] == [f"/{start}/", r"/^(?!\d{4}-)/"]
    (stream,) = told(shipper="filebeat", multiline=start)["filebeat.inputs"]
    assert stream["parsers"][0]["multiline"]["pattern"] == start


LOKI = {"type": "loki", "url": "https://loki.monitoring"}


def test_each_output_is_addressed_as_it_wants_to_be() -> None:
    assert told(shipper="otel", output=LOKI)["exporters"]["otlp_http"]["endpoint"] == f"{LOKI['url']}/otlp"
    (output,) = told(shipper="fluent-bit", output=LOKI)["pipeline"]["outputs"]
    assert (output["host"], output["port"], output["tls"]) == ("loki.monitoring", 443, True)
    forward = told(shipper="fluentd", output={"type": "forward", "host": "fluentd.logs"})
    assert "    host 'fluentd.logs'\n    port 24224\n" in forward
    assert "require_ack_response true" in forward


def test_a_single_quote_of_the_user_s_ends_nothing_in_fluentd() -> None:
    assert r"team 'it\'s #{ENV}'" in told(shipper="fluentd", fields={"team": "it's #{ENV}"})


FLUENTD_OUTPUTS = [
    {"type": "stdout"},
    {**HTTP, "secret": "a", "username_key": "b", "password_key": "c", "ca_secret": "d", "verify": False},
    {"type": "forward", "host": "a", "secret": "b", "token_key": "c", "ca_secret": "d"},
    {
        "type": "elasticsearch",
        "url": "http://a",
        "index": "b",
        "secret": "c",
        "username_key": "d",
        "password_key": "e",
    },
    LOKI,
]


@pytest.mark.parametrize("output", FLUENTD_OUTPUTS, ids=[one["type"] for one in FLUENTD_OUTPUTS])
def test_fluentd_s_sections_are_closed_as_they_were_opened(output: dict[str, Any]) -> None:
    sections: list[str] = []
    for line in told(shipper="fluentd", image="a/b:c", output=output).splitlines():
        text = line.strip()
        assert line.startswith("  " * (len(sections) - text.startswith("</"))), f"{line!r} is in {sections}"
        if text.startswith("</"):
            assert sections.pop() == text[2:-1], text
        elif text.startswith("<"):
            sections.append(text[1:-1].split()[0])
    assert sections == []


# --- bad input ------------------------------------------------------------------------------------

WRONG = [
    ({"path": "var/log/a.log"}, "path is 'var/log/a.log'; it must be the absolute path of a log file"),
    (
        {"path": "/app.log"},
        "path is '/app.log'; it must be the absolute path of a log file in a directory of",
    ),
    ({"path": "/var/*/app.log"}, "path is '/var/*/app.log'; it must be"),
    ({"path": "/var/log/x/${A}"}, "path is '/var/log/x/${A}'; it must be"),
    ({"shiper": "otel"}, "shiper is no option; did you mean shipper?"),
    ({"shipper": "vector"}, "shipper"),
    ({"volume": "nothing"}, "volume is 'nothing', which the workload lacks; it has none"),
    ({"containers": ["nobody"]}, "containers names 'nobody'; the workload has web"),
    ({"size_limit": "big"}, "size_limit is 'big'; it must be a size such as 256Mi"),
    ({"parser": "regex"}, "parser is regex, which needs expression with named groups"),
    ({"expression": "(?P<a>.)"}, "expression is given, but parser is text; set parser to regex"),
    ({"parser": "regex", "expression": "a.*"}, "expression is 'a.*', which has no named group"),
    ({"parser": "regex", "expression": "(?P<a>"}, "no regular expression"),
    ({"parser": "json", "multiline": "^a"}, "multiline is given, but parser is json"),
    (
        {"shipper": "filebeat", "parser": "regex", "expression": "(?P<a>.)"},
        "which filebeat cannot do; these can:",
    ),
    ({"multiline": "${A}"}, "multiline is '${A}'; it must be one line without ${"),
    ({"fields": {"a b": "c"}}, "fields has key 'a b'; it must be letters"),
    ({"fields": {"a": ["b"]}}, "fields.a is ['b']; it must be a text"),
    ({"fields": {"a": "${HOME}"}}, "fields.a is '${HOME}'; it must be one line without ${"),
    ({"discover_seconds": 0}, "discover_seconds is 0; it must be 1 or more seconds"),
    ({"drain_seconds": -1}, "drain_seconds is -1; it must be 0 or more seconds"),
    ({"health_port": 8080}, "health_port is 8080, but tail listens on no port"),
    ({"shipper": "otel", "health_port": 0}, "health_port is 0; it must be a port from 1 to 65535"),
    ({"output": {"type": "http"}}, "output.url is not given, but output http needs it"),
    (
        {"output": {"type": "loki", "url": "http://a"}},
        "tail cannot write to; these shippers can: otel, fluent-bit",
    ),
    (
        {"output": {"url": "http://a"}},
        "output.url is 'http://a', which output stdout does not use; remove it",
    ),
    ({"output": {"type": "http", "url": "logs:80"}}, "output.url is 'logs:80'; it must be a URL such as"),
    ({"output": {"type": "http", "url": "http://a:b@c"}}, "output.url holds a login; name a Secret in"),
    ({"output": {**HTTP, "username_key": "a"}}, "output.username_key is given without secret"),
    (
        {"output": {**HTTP, "secret": "a"}},
        "output.secret needs either username_key and password_key, or token_key",
    ),
    (
        {"output": {"secret": "a", "token_key": "b"}},
        "output.secret is given, but output stdout takes no login",
    ),
    (
        {"output": {"type": "file", "path": "/out/a.log"}},
        "which is on no volume; mount one that outlives the Pod",
    ),
    ({"output": {"type": "file", "path": "a.log"}}, "output.path is 'a.log'; it must be an absolute path"),
    ({"output": {**HTTP, "index": "a"}}, "output.index is 'a', which output http does not use; remove it"),
    ({"output": {**HTTP, "port": 1}}, "output.port is 1; it is for output forward"),
    (
        {"shipper": "fluentd", "output": {"type": "forward", "host": "a b"}},
        "output.host is 'a b'; it must be a host",
    ),
    (
        {"shipper": "fluentd", "output": {"type": "loki", "url": "http://a"}},
        "lacks fluent-plugin-grafana-loki; set",
    ),
    (
        {"shipper": "fluentd", "output": {**HTTP, "secret": "a", "token_key": "b"}},
        "fluentd cannot take a token from the environment; use username_key and password_key",
    ),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=[said[:40] for _options, said in WRONG])
def test_wrong_options_get_one_sentence(options: dict[str, Any], said: str) -> None:
    sentence = refusal(workload(), entry(**options))
    assert sentence.startswith("patterns[0].logging")
    assert said in sentence
    assert "\n" not in sentence


def test_a_login_in_a_url_is_not_shown() -> None:
    assert "hunter2" not in refusal(
        workload(), entry(output={"type": "http", "url": "http://me:hunter2@logs"})
    )


def test_a_classic_sidecar_in_a_job_is_refused_with_the_reason() -> None:
    said = refusal(workload("Job", restartPolicy="Never"), entry(mode="classic"))
    assert "would keep it from ever completing; use mode native" in said


def test_replicas_cannot_share_one_state() -> None:
    plain = workload("Deployment", volumes=[{"name": "state", "emptyDir": {}}])
    plain["spec"]["replicas"] = 3
    said = refusal(plain, entry(state_volume="state"))
    assert "Deployment shop has 3 replicas that would share it; use a StatefulSet" in said
