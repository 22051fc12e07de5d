"""The suite in a Pod: which shard it is, and what the manifests around it say in more than one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.module_utils._kind import recipe
from conformance import gather
from conformance.in_cluster import main, shard_in
from conformance.selection import BadChoice, Shard

ROOT = Path(__file__).resolve().parents[3]
CONFORMANCE = ROOT / "conformance"
(JOB,) = yaml.safe_load_all((CONFORMANCE / "job.yaml").read_text())
(PLUGIN,) = yaml.safe_load_all((CONFORMANCE / "sonobuoy-plugin.yaml").read_text())
RIGHTS = {one["kind"]: one for one in yaml.safe_load_all((CONFORMANCE / "rbac.yaml").read_text())}
POD: dict[str, Any] = JOB["spec"]["template"]["spec"]
(SUITE,) = POD["containers"]


def test_a_pod_of_an_indexed_job_is_the_shard_of_its_index() -> None:
    assert shard_in({"JOB_COMPLETION_INDEX": "0", "SHARDS": "3"}) == Shard(1, 3)
    assert shard_in({"JOB_COMPLETION_INDEX": "2", "SHARDS": "3"}) == Shard(3, 3)


def test_a_pod_of_no_job_is_no_shard() -> None:
    assert shard_in({"SHARDS": "3"}) is None


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"JOB_COMPLETION_INDEX": "1"}, "but SHARDS is not set"),
        ({"JOB_COMPLETION_INDEX": "3", "SHARDS": "3"}, "SHARDS must be the Job's number of completions"),
        ({"JOB_COMPLETION_INDEX": "0", "SHARDS": "many"}, "SHARDS is 'many'"),
    ],
)
def test_a_number_of_shards_that_cannot_be_is_told(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadChoice, match=sentence):
        shard_in(environment)


def test_a_wrong_number_of_shards_ends_the_pod_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    monkeypatch.delenv("SHARDS", raising=False)
    assert main([]) == 4
    assert "SHARDS is not set" in capsys.readouterr().err


def test_an_archive_needs_a_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--archive-in", "/no/such/place"]) == 4
    assert "--archive-in is '/no/such/place', which is no directory" in capsys.readouterr().err


def test_the_job_has_one_number_of_shards() -> None:
    (count,) = (one["value"] for one in SUITE["env"] if one["name"] == "SHARDS")
    assert JOB["spec"]["completions"] == JOB["spec"]["parallelism"] == int(count)


def test_the_job_has_the_account_of_the_rights() -> None:
    account = RIGHTS["ServiceAccount"]["metadata"]
    assert POD["serviceAccountName"] == account["name"]
    assert JOB["metadata"]["namespace"] == account["namespace"] == RIGHTS["Namespace"]["metadata"]["name"]


def test_the_reports_are_gathered_from_where_the_job_leaves_them() -> None:
    assert JOB["metadata"] == {"name": gather.NAME, "namespace": gather.NAME}
    assert SUITE["name"] == gather.CONTAINER


def test_the_job_may_run_under_the_restricted_pod_security_standard() -> None:
    assert POD["securityContext"]["runAsNonRoot"]
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert SUITE["securityContext"]["allowPrivilegeEscalation"] is False
    assert SUITE["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_all_run_the_image_that_is_built() -> None:
    folder = ROOT / "roles" / "kind_cluster" / "files" / "images" / "conformance"
    built = recipe.workload("conformance", (folder / "Containerfile").read_text())
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert built.names == (f"docker.io/podpatterns/conformance:{version}",)
    assert SUITE["image"] == PLUGIN["spec"]["image"] == built.names[0]


def test_the_plugin_leaves_its_archive_in_the_volume_that_sonobuoy_gives_it() -> None:
    assert PLUGIN["sonobuoy-config"]["driver"] == "Job"
    assert PLUGIN["sonobuoy-config"]["result-format"] == "junit"
    (mount,) = PLUGIN["spec"]["volumeMounts"]
    assert mount == {"name": "results", "mountPath": "/tmp/sonobuoy/results"}
    place = PLUGIN["spec"]["args"].index("--archive-in")
    assert PLUGIN["spec"]["args"][place + 1] == mount["mountPath"]
