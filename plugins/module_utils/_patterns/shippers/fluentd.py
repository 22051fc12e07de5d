# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fluentd's configuration."""

from __future__ import annotations

from collections.abc import Iterator

from .plan import CA_FILE, COMPRESSED, POD_FIELDS, STATE, Plan, Shipper

POSITION = f"{STATE}/fluentd.pos"


def render(plan: Plan) -> str:
    """A configuration file; texts of the user stand in single quotes, in which Fluentd evaluates nothing."""
    return "\n".join([*_system(), *_source(plan), *_filter(plan), *_match(plan)]) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _environment(name: str) -> str:
    return f"\"#{{ENV['{name}']}}\""


def _system() -> Iterator[str]:
    yield "<system>"
    yield "  log_level warn"
    yield "  suppress_config_dump true"
    yield "</system>"


def _source(plan: Plan) -> Iterator[str]:
    yield "<source>"
    yield "  @type tail"
    yield "  tag app"
    yield f"  path {_quoted(plan.pattern)}"
    yield f"  pos_file {POSITION}"
    yield "  read_from_head true"
    # New files are found at this pace only; the default of 60 s loses a Pod that is shorter.
    yield f"  refresh_interval {plan.discover_seconds}s"
    # A line that its parser does not know is sent as it is, not dropped.
    yield "  emit_unmatched_lines true"
    if plan.rotation == "rename":
        yield "  follow_inodes true"
        excluded = ",".join(f'"{plan.folder}/{pattern}"' for pattern in COMPRESSED)
        yield f"  exclude_path [{excluded}]"
    if plan.multiline:
        yield f"  multiline_flush_interval {plan.multiline_seconds}s"
    yield "  <parse>"
    yield from (f"    {line}" for line in _parse(plan))
    yield "  </parse>"
    yield "</source>"


def _parse(plan: Plan) -> Iterator[str]:
    if plan.multiline:
        yield "@type multiline"
        yield f"format_firstline {_expression(plan.multiline)}"
        yield f"format1 {_expression(plan.expression or '(?<message>.*)')}"
    elif plan.parser == "regex":
        yield "@type regexp"
        yield f"expression {_expression(plan.expression)}"
    else:
        yield "@type json" if plan.parser == "json" else "@type none"


def _expression(text: str) -> str:
    """A Ruby expression: Python's named groups are spelt differently, a slash would end it."""
    return "/" + text.replace("(?P<", "(?<").replace("/", "\\/") + "/"


def _filter(plan: Plan) -> Iterator[str]:
    yield "<filter app>"
    yield "  @type record_transformer"
    yield "  <record>"
    yield from (f"    {key} {_environment(name)}" for key, name in POD_FIELDS.items())
    yield from (f"    {key} {_quoted(value)}" for key, value in plan.fields.items())
    yield "  </record>"
    yield "</filter>"


def _match(plan: Plan) -> Iterator[str]:
    # The tag and not **, which would catch Fluentd's own events as well.
    yield "<match app>"
    yield from (f"  {line}" for line in _output(plan))
    if plan.output.type != "stdout":
        yield from (f"  {line}" for line in _buffer())
    yield "</match>"


def _buffer() -> Iterator[str]:
    """On disk, so that a crash of the container loses nothing; flushed at the end, which it is not by default."""
    yield "<buffer>"
    yield "  @type file"
    yield f"  path {STATE}/buffer"
    yield "  flush_mode interval"
    yield "  flush_interval 1s"
    yield "  flush_at_shutdown true"
    yield "  retry_forever true"
    yield "  retry_max_interval 2s"
    yield "  overflow_action block"
    yield "</buffer>"


def _output(plan: Plan) -> Iterator[str]:
    output = plan.output
    if output.type == "stdout":
        yield "@type stdout"
    elif output.type == "file":
        yield "@type file"
        yield f"path {_quoted(output.path)}"
        yield "append true"
        yield from ("<format>", "  @type json", "</format>")
    elif output.type == "forward":
        yield from _forward(plan)
    elif output.type == "http":
        yield "@type http"
        yield f"endpoint {_quoted(output.url)}"
        yield from _tls(plan, "tls_ca_cert_path", "tls_verify_mode none")
        yield from ("<format>", "  @type json", "</format>")
        if output.login == "basic":
            yield "<auth>"
            yield "  method basic"
            yield f"  username {_environment('LOG_USERNAME')}"
            yield f"  password {_environment('LOG_PASSWORD')}"
            yield "</auth>"
    elif output.type == "elasticsearch":
        yield "@type elasticsearch"
        yield f"hosts {_quoted(output.url)}"
        yield f"index_name {_quoted(output.index)}"
        yield from _basic(plan)
        yield from _tls(plan, "ca_file", "ssl_verify false")
    else:
        yield "@type loki"
        yield f"url {_quoted(output.url)}"
        yield from _basic(plan)
        yield from _tls(plan, "ca_cert", "insecure_tls true")


def _forward(plan: Plan) -> Iterator[str]:
    output = plan.output
    yield "@type forward"
    yield "require_ack_response true"
    if output.ca:
        yield "transport tls"
    yield from _tls(plan, "tls_cert_path", "tls_insecure_mode true")
    if output.login == "token":
        yield "<security>"
        yield f"  self_hostname {_environment('POD_NAME')}"
        yield f"  shared_key {_environment('LOG_TOKEN')}"
        yield "</security>"
    yield "<server>"
    yield f"  host {_quoted(output.host)}"
    yield f"  port {output.port}"
    yield "</server>"


def _basic(plan: Plan) -> Iterator[str]:
    if plan.output.login == "basic":
        yield f"{'user' if plan.output.type == 'elasticsearch' else 'username'} {_environment('LOG_USERNAME')}"
        yield f"password {_environment('LOG_PASSWORD')}"


def _tls(plan: Plan, ca: str, without_check: str) -> Iterator[str]:
    if plan.output.ca:
        yield f"{ca} {CA_FILE}"
    if not plan.output.verify:
        yield without_check


def _command(config: str) -> list[str]:
    # Its supervisor wants a directory for temporary files that an emptyDir cannot be; one process does as well.
    return ["fluentd", "--no-supervisor", "--config", config]


SHIPPER = Shipper(
    name="fluentd",
    image="fluentd",
    outputs=("stdout", "file", "forward", "http"),
    plugins={"elasticsearch": "fluent-plugin-elasticsearch", "loki": "fluent-plugin-grafana-loki"},
    render=render,
    command=_command,
    ready_file=POSITION,
    config_file="fluent.conf",
    logins=("none", "basic"),
    sleep=("sleep",),
)
