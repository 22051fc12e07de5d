"""Module and role as Ansible runs them: results, checks, diffs, progress, secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from .lab import CONFIG_MAPS, STAY, Space, config_map, container, named, pod

TASK = "podpatterns.core.workload"
SEED = {**pod("web", init=[container("prepare", "echo prepared")])}


def test_the_result_tells_objects_workloads_pods_and_containers(space: Space) -> None:
    result = space.ansible({"definition": [config_map("config"), SEED]})
    assert result["changed"]
    assert result["objects"] == [
        {"api_version": "v1", "kind": kind, "namespace": space.name, "name": name, "action": "created"}
        for kind, name in (("ConfigMap", "config"), ("Pod", "web"))
    ]
    (workload,) = result["workloads"]
    assert {key: workload[key] for key in ("kind", "namespace", "name", "goal", "verdict")} == {
        "kind": "Pod",
        "namespace": space.name,
        "name": "web",
        "goal": "ready",
        "verdict": "done",
    }
    prepare, app = workload["pods"][0]["containers"]
    assert (prepare["role"], prepare["state"], prepare["exit_code"]) == ("init", "terminated", 0)
    assert (app["role"], app["state"], app["ready"], app["restarts"]) == ("app", "running", True, 0)
    assert app["image_id"]
    assert result["elapsed"] > 0
    assert result["api_calls"] > 0
    assert any(line.startswith("  init  prepare ") for line in result["timeline"])


def test_the_second_run_is_unchanged(space: Space) -> None:
    space.ansible({"definition": SEED})
    again = space.ansible({"definition": SEED})
    assert not again["changed"]
    assert "diff" not in again or again["diff"] == []


def test_a_check_with_diff_predicts_and_writes_nothing(space: Space) -> None:
    task = {
        TASK: {
            "kubeconfig": "{{ kubeconfig }}",
            "namespace": "{{ namespace }}",
            "definition": config_map("config", a="1"),
        }
    }
    done = space.play([task], "--check", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"+++ after: ConfigMap {space.name}/config" in done.stdout
    assert '+        "a": "1"' in done.stdout
    assert "changed=1" in done.stdout
    assert space.get(CONFIG_MAPS, "config") is None


def test_a_failure_is_one_sentence_with_log_and_events(space: Space) -> None:
    failing = pod("web", init=[container("migrate", "echo no such table; exit 3")], restartPolicy="Never")
    result = space.ansible({"definition": failing})
    assert result["msg"].startswith(
        f"Failed to wait for Pod {space.name}/web to be completed: init container migrate failed with exit code 3"
    )
    assert {
        key: result["diagnosis"][key] for key in ("workload", "pod", "container", "role", "exit_code", "logs")
    } == {
        "workload": f"Pod {space.name}/web",
        "pod": "web",
        "container": "migrate",
        "role": "init",
        "exit_code": 3,
        "logs": ["no such table"],
    }
    assert result["diagnosis"]["events"]
    assert result["changed"]
    assert "exception" not in result
    assert result["workloads"][0]["verdict"] == "failed"


def test_a_refusal_is_one_sentence(space: Space) -> None:
    result = space.ansible({"definition": pod("web", container("app", imagee="x"))})
    assert result["msg"] == (
        f'Failed to apply Pod {space.name}/web: spec.containers[name="app"].imagee is no field of this kind;'
        " check spelling and indentation"
    )
    assert "exception" not in result


def test_a_file_with_several_documents(space: Space, tmp_path: Path) -> None:
    path = tmp_path / "all.yml"
    path.write_text(yaml.safe_dump_all([config_map("a"), config_map("b")]))
    assert [one["name"] for one in space.ansible({"src": str(path)})["objects"]] == ["a", "b"]


def test_secrets_are_nowhere_in_the_output_however_loud_it_is(space: Space) -> None:
    secret = {**named("Secret", "db"), "stringData": {"password": "hunter2-hunter2"}}
    task = {TASK: {"kubeconfig": "{{ kubeconfig }}", "namespace": "{{ namespace }}", "definition": secret}}
    token = {TASK: {**task[TASK], "api_key": "token-of-mine"}, "ignore_errors": True}
    done = space.play([task, token], "-vvvv", "--diff")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "HTTP 401" in told
    for value in ("hunter2-hunter2", "aHVudGVyMi1odW50ZXIy", "token-of-mine", "client-key-data"):
        assert value not in told


def test_a_wait_shows_on_the_terminal_what_is_pending(space: Space) -> None:
    slow = pod("slow", init=[container("wait-for-db", STAY)])
    task = {
        TASK: {
            "kubeconfig": "{{ kubeconfig }}",
            "namespace": "{{ namespace }}",
            "definition": slow,
            "timeout": 30,
        }
    }
    done = space.play([task])
    assert done.returncode == 2, done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("  ... ")]
    assert lines, done.stderr
    assert all("0 of 1 there; slow: " in line for line in lines)


def test_a_play_says_once_which_cluster_its_tasks_mean(space: Space) -> None:
    """By the action group of the collection, for all its modules."""
    tasks: list[dict[str, Any]] = [
        {
            "module_defaults": {
                "group/podpatterns.core.workload": {
                    "kubeconfig": "{{ kubeconfig }}",
                    "namespace": "{{ namespace }}",
                }
            },
            "block": [
                {TASK: {"definition": SEED}},
                {"podpatterns.core.workload_info": {"kind": "Pod", "name": "web"}, "register": "seen"},
                {
                    "ansible.builtin.assert": {
                        "that": ["seen.workloads[0].verdict == 'done'", "not seen.changed"],
                    }
                },
            ],
        }
    ]
    done = space.play(tasks)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_cluster_may_come_from_the_environment(space: Space) -> None:
    task = {
        TASK: {"namespace": "{{ namespace }}", "definition": config_map("config")},
        "environment": {"K8S_AUTH_KUBECONFIG": "{{ kubeconfig }}"},
    }
    done = space.play([task])
    assert done.returncode == 0, done.stdout + done.stderr
    assert space.get(CONFIG_MAPS, "config") is not None


def test_role_deploy_does_what_its_variables_say(space: Space) -> None:
    variables = {
        "deploy_kubeconfig": "{{ kubeconfig }}",
        "deploy_namespace": "{{ namespace }}",
        "deploy_definition": [config_map("config"), SEED],
        "deploy_timeout": 240,
    }
    show = {"ansible.builtin.debug": {"msg": "{{ deploy_result.workloads[0].verdict }}"}}
    role = {"ansible.builtin.include_role": {"name": "podpatterns.core.deploy"}}
    done = space.play([{**role, "vars": variables}, show])
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"msg": "done"' in done.stdout


def test_role_deploy_refuses_a_variable_of_the_wrong_type(space: Space) -> None:
    role = {"ansible.builtin.include_role": {"name": "podpatterns.core.deploy"}}
    done = space.play(
        [{**role, "vars": {"deploy_recreate": "perhaps", "deploy_definition": json.dumps(SEED)}}]
    )
    assert done.returncode == 2
    assert "deploy_recreate" in done.stdout + done.stderr
