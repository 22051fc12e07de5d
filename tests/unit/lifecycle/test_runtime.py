"""The runtime's own record, as containerd's journal keeps it, and what it adds to a timeline."""

from __future__ import annotations

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.joining import with_record
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.runtime import exactly, recorded_in

from .statuses import START, after, ended, pod, running, seen

RETURNS = "returns successfully"


def entry(seconds: float, said: str, more: str = "") -> str:
    """A line of containerd's journal, so many seconds after the Pod's start."""
    quoted = said.replace('"', '\\"')
    return f'time="2026-11-26T10:00:{seconds:012.9f}Z" level=info msg="{quoted}"{more}'


def made(seconds: float, container: str, attempt: str = "", sandbox: str = "5a") -> str:
    within = f'CreateContainer within sandbox "{sandbox}" for name:"app"{attempt}'
    return entry(seconds, f'{within} returns container id "{container}"')


def exited(seconds: float, container: str, process: str, how: str) -> str:
    event = f'received container exit event container_id:"{container}" id:"{process}" pid:8'
    return entry(seconds, f"{event}{how}")


JOURNAL = [
    entry(0.1, 'RunPodSandbox for name:"web" uid:"uid-web" namespace:"shop"'),
    entry(0.2, 'RunPodSandbox for name:"web" uid:"uid-web" namespace:"shop" returns sandbox id "5a"'),
    made(0.3, "c0"),
    entry(0.4, 'StartContainer for "c0"'),
    entry(0.41, "connecting to shim c0", ' address="unix:///run/s" protocol=ttrpc version=3'),
    entry(0.5, f'StartContainer for "c0" {RETURNS}'),
    exited(1.7, "c0", "exec-1", f" exit_status:7 exited_at:{{seconds:{START + 1} nanos:600000000}}"),
    exited(2.7, "c0", "c0", f" exit_status:3 exited_at:{{seconds:{START + 2} nanos:600000000}}"),
    made(3.0, "c1", " attempt:1"),
    entry(3.1, 'StartContainer for "c1"'),
    entry(3.2, f'StartContainer for "c1" {RETURNS}'),
    exited(4.0, "c1", "c1", f" exited_at:{{seconds:{START + 3}}}"),
    made(4.1, "c9", sandbox="unknown"),
    entry(4.2, f'StartContainer for "c9" {RETURNS}'),
    "no line of containerd",
]


def test_each_attempt_of_a_container_is_recorded() -> None:
    assert [
        (one.pod_uid, one.container, one.attempt, one.exit_code, round(one.finished.earliest - START, 3))
        for one in recorded_in(JOURNAL)
        if one.finished is not None
    ] == [("uid-web", "app", 0, 3, 2.6), ("uid-web", "app", 1, 0, 3.0)]


def test_a_start_lies_between_the_call_and_its_end() -> None:
    first, _second = recorded_in(JOURNAL)
    assert first.started is not None
    assert [round(end - START, 3) for end in (first.started.earliest, first.started.latest)] == [0.4, 0.5]


def test_files_of_containers_that_are_still_there_are_exact() -> None:
    stamps = (START * 10**9 + 350_000_000, START * 10**9 + 450_000_000)
    file = f'c0 {{"CreatedAt":{stamps[0]},"StartedAt":{stamps[1]},"FinishedAt":0,"ExitCode":3}}'
    first, second = exactly(recorded_in(JOURNAL), [file])
    assert first.started is not None
    assert [round(end - START, 3) for end in (first.started.earliest, first.started.latest)] == [0.45, 0.45]
    assert round(first.created.earliest - START, 3) == 0.35
    assert first.finished is not None
    assert round(first.finished.earliest - START, 3) == 2.6
    assert second == recorded_in(JOURNAL)[1]


def test_an_exec_that_ends_is_not_the_end_of_its_container() -> None:
    (first,) = recorded_in(JOURNAL[:7])
    assert first.finished is None


def test_the_record_decides_and_knows_attempts_that_nobody_saw() -> None:
    view = seen(pod(app={"app": after(ended(3, 40, 41), running(60), 3)}))
    told = with_record(view.timeline(view.pods["uid-web"]), recorded_in(JOURNAL))
    assert [(one.number, one.exit_code) for one in told.attempts["app"]] == [
        (0, 3),
        (1, 0),
        (2, 3),
        (3, None),
    ]
    ends = [one.finished.source.value for one in told.attempts["app"] if one.finished is not None]
    assert ends == ["runtime", "runtime", "status"]


def test_the_record_of_another_pod_is_left_alone() -> None:
    view = seen(pod(app={"app": running()}, uid="uid-other", name="other"))
    timeline = view.timeline(view.pods["uid-other"])
    assert with_record(timeline, recorded_in(JOURNAL)).attempts == timeline.attempts
