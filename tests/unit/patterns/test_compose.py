"""The joining of patterns to workloads: where things go, what is marked, refused, and comes through unchanged."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.module_utils._patterns import compose as composing
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.catalogue import CATALOGUE
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.compose import (
    TOKEN_VOLUME,
    compose,
    compose_all,
)
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.composition import (
    OBJECTS_ANNOTATION,
    noted_objects,
)
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import (
    BadPattern,
    Fragment,
    Graft,
    Helper,
    Mode,
    Target,
)
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.helper import Context, container
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.images import DEFAULT_IMAGES
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.marks import ANNOTATION
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.options import (
    COMMON_OPTIONS,
    SIDECAR_OPTIONS,
)
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.pattern import Pattern
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import (
    TEMPLATE_PATHS,
    pod_template,
)

from .workloads import KINDS, WITHOUT_NATIVE, names, one, put_on, refusal, spec_of, workload

# Two patterns without any meaning of their own: one ends before the app, one stays beside it.
SEEN: list[Target] = []


def prepare(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    SEEN.append(target)
    made = container(context, options, "python", command=["true"])
    return replace(
        Fragment(**(options["adds"] or {})), helpers=[Helper(made, Mode.INIT, options["position"])]
    )


def stay(options: Mapping[str, Any], _target: Target, context: Context) -> Fragment:
    made = container(context, options, "python", command=["sleep", "inf"])
    helper = Helper(
        made,
        context.mode(options["mode"]),
        options["position"],
        ends_by_itself=options["ends"],
        shutdown_seconds=options["shutdown"],
    )
    return Fragment(helpers=[helper])


INIT = Pattern("prepare", {**COMMON_OPTIONS, "adds": {"type": "dict"}}, prepare)
SIDECAR = Pattern(
    "stay",
    {
        **COMMON_OPTIONS,
        **SIDECAR_OPTIONS,
        "ends": {"type": "bool", "default": False},
        "shutdown": {"type": "int", "default": 0},
    },
    stay,
)


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    SEEN.clear()
    monkeypatch.setattr(composing, "CATALOGUE", {**CATALOGUE, "prepare": INIT, "stay": SIDECAR})


def adding(**fields: Any) -> dict[str, Any]:
    return {"prepare": {"adds": fields}}


# --- every kind of workload ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_pattern_reaches_the_pod_of_every_workload_kind(kind: str) -> None:
    made = put_on(workload(kind), {"prepare": {}}, {"stay": {}}).manifest
    assert names(spec_of(made)["initContainers"]) == ["prepare", "stay"]
    assert ANNOTATION in pod_template(made)["metadata"]["annotations"]


@pytest.mark.parametrize("kind", KINDS)
def test_composing_again_changes_nothing(kind: str) -> None:
    patterns = [{"prepare": {}}, adding(labels={"a": "b"}), {"stay": {"mode": "native"}}]
    once = put_on(workload(kind), *patterns).manifest
    assert put_on(once, *patterns).manifest == once


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_taken_off_the_list_is_gone_and_nothing_else(kind: str) -> None:
    bare = workload(kind, initContainers=[{"name": "own", "image": "busybox"}], volumes=[{"name": "data"}])
    everything = adding(
        labels={"shop": "yes"},
        annotations={"note": "here"},
        volumes=[{"name": "extra", "emptyDir": {}}],
        grafts=[
            Graft(
                mounts=[{"name": "extra", "mountPath": "/extra"}],
                env=[{"name": "EXTRA", "value": "1"}],
                pre_stop=3,
            )
        ],
        rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        share_process_namespace=True,
    )
    everything["prepare"]["image_pull_secrets"] = ["registry"]
    made = put_on(bare, everything, {"stay": {}}).manifest
    assert made != bare
    assert put_on(made).manifest == bare


@pytest.mark.parametrize("kind", KINDS)
def test_the_manifest_that_was_given_is_not_touched(kind: str) -> None:
    given = workload(kind)
    before = copy.deepcopy(given)
    put_on(given, adding(grafts=[Graft(env=[{"name": "A", "value": "b"}])]))
    assert given == before


def test_a_classic_sidecar_is_taken_off_as_well() -> None:
    bare = workload("Deployment")
    assert put_on(put_on(bare, {"stay": {"mode": "classic"}}).manifest).manifest == bare


def test_fields_that_nobody_here_knows_come_through() -> None:
    own = {
        "name": "web",
        "image": "nginx",
        "restartPolicy": "OnFailure",
        "restartPolicyRules": [{"action": "Restart"}],
        "fieldOfTomorrow": {"deep": [1, {"x": None}]},
    }
    sidecar = {"name": "proxy", "image": "envoy", "restartPolicy": "Always", "unknown": True}
    bare = workload(containers=[own], initContainers=[sidecar], futureField=["a"])
    spec = spec_of(put_on(bare, {"prepare": {}}).manifest)
    assert one(spec["containers"], "web") == own
    assert one(spec["initContainers"], "proxy") == sidecar
    assert spec["futureField"] == ["a"]


def test_the_result_can_be_written_as_yaml_and_read_again() -> None:
    made = put_on(workload(), adding(volumes=({"name": "v", "emptyDir": {}},)))
    assert yaml.safe_load(yaml.safe_dump(made.manifest)) == made.manifest


def test_lists_that_are_null_count_as_empty() -> None:
    given = workload(
        volumes=None, initContainers=None, containers=[{"name": "web", "env": None, "volumeMounts": None}]
    )
    graft = Graft(mounts=[{"name": "v", "mountPath": "/v"}], env=[{"name": "A", "value": "b"}])
    spec = spec_of(put_on(given, adding(volumes=[{"name": "v", "emptyDir": {}}], grafts=[graft])).manifest)
    assert names(spec["initContainers"]) == ["prepare"]
    assert spec["containers"][0]["env"] == [{"name": "A", "value": "b"}]


def test_a_definition_keeps_its_other_objects_and_their_order() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}}
    needs = adding(objects=[{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}}])
    made = compose_all([service, workload("Pod", "a"), workload("Job", "b")], [needs], namespace="prod")
    assert [(item["kind"], item["metadata"]["name"]) for item in made.manifests] == [
        ("Service", "shop"),
        ("ConfigMap", "made"),
        ("Pod", "a"),
        ("ConfigMap", "made"),
        ("Job", "b"),
    ]


def test_a_stub_that_only_names_a_workload_passes_as_it_is() -> None:
    stub = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}}
    assert compose_all([stub], [{"prepare": {}}]).manifests == [stub]


def test_warnings_of_all_workloads_are_told() -> None:
    made = compose_all([workload("Pod"), workload("Job")], [adding(warnings=["mind this"])])
    assert made.warnings == ("mind this", "mind this")


# --- positions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "order"),
    [
        (None, ["prepare", "first", "second"]),
        ("first", ["prepare", "first", "second"]),
        ("last", ["first", "second", "prepare"]),
        ("before:second", ["first", "prepare", "second"]),
        ("after:first", ["first", "prepare", "second"]),
        ("after:second", ["first", "second", "prepare"]),
    ],
)
def test_a_position_is_kept(position: str | None, order: list[str]) -> None:
    own = [{"name": "first", "image": "a"}, {"name": "second", "image": "b"}]
    made = put_on(workload(initContainers=own), {"prepare": {"position": position}})
    assert names(spec_of(made.manifest)["initContainers"]) == order


def test_patterns_go_before_the_users_own_init_containers_in_list_order() -> None:
    made = put_on(workload(initContainers=[{"name": "own"}]), {"prepare": {}}, {"stay": {}}, {"prepare": {}})
    assert names(spec_of(made.manifest)["initContainers"]) == ["prepare", "stay", "prepare-2", "own"]


def test_one_that_goes_last_does_not_move_those_that_follow() -> None:
    made = put_on(
        workload(initContainers=[{"name": "own"}]),
        {"prepare": {"name": "a", "position": "last"}},
        {"prepare": {"name": "b"}},
        {"prepare": {"name": "c", "position": "first"}},
        {"prepare": {"name": "d"}},
    )
    assert names(spec_of(made.manifest)["initContainers"]) == ["c", "b", "d", "own", "a"]


def test_a_position_may_name_an_earlier_pattern() -> None:
    made = put_on(workload(), {"prepare": {"name": "a"}}, {"prepare": {"name": "b", "position": "before:a"}})
    assert names(spec_of(made.manifest)["initContainers"]) == ["b", "a"]


def test_a_classic_sidecar_follows_the_apps() -> None:
    made = put_on(workload(), {"stay": {"mode": "classic"}})
    assert names(spec_of(made.manifest)["containers"]) == ["web", "stay"]


@pytest.mark.parametrize(
    ("position", "sentence"),
    [
        (
            "middle",
            "patterns[0].prepare.position is 'middle'; it must be first, last, before:NAME or after:NAME",
        ),
        (
            "before:",
            "patterns[0].prepare.position is 'before:'; it must be first, last, before:NAME or after:NAME",
        ),
        (
            "before:web",
            "patterns[0].prepare.position is 'before:web', but that list has no 'web'; it has own",
        ),
    ],
)
def test_a_position_that_is_none_is_refused(position: str, sentence: str) -> None:
    given = workload(initContainers=[{"name": "own"}])
    assert refusal(given, {"prepare": {"position": position}}) == sentence


# --- names --------------------------------------------------------------------------------------


def test_several_patterns_of_one_kind_get_names_of_their_own() -> None:
    made = put_on(workload(), {"prepare": {}}, {"prepare": {}}, {"prepare": {"name": "mine"}})
    assert names(spec_of(made.manifest)["initContainers"]) == ["prepare", "prepare-2", "mine"]


def test_an_underscore_of_a_patterns_name_becomes_a_hyphen() -> None:
    made = put_on(workload(), {"env_validate": {"required": ["A"]}})
    assert names(spec_of(made.manifest)["initContainers"]) == ["env-validate"]


@pytest.mark.parametrize("name", ["Mine", "my_own", "-x", "x-", "a" * 64, "a.b", ""])
def test_a_name_that_no_container_may_have_is_refused(name: str) -> None:
    assert refusal(workload(), {"prepare": {"name": name}}).startswith(
        f"patterns[0].prepare.name is {name!r}; a container's name has lower-case letters"
    )


def test_a_name_given_twice_is_refused() -> None:
    assert (
        refusal(workload(), {"prepare": {"name": "a"}}, {"stay": {"name": "a"}})
        == "patterns[1].stay.name is 'a', which an earlier pattern of the list has; give another one"
    )


@pytest.mark.parametrize("list_name", ["containers", "initContainers"])
def test_a_name_that_a_container_of_the_user_has_is_refused(list_name: str) -> None:
    given = workload(**{list_name: [{"name": "prepare", "image": "x"}]})
    assert refusal(given, {"prepare": {}}) == (
        "patterns[0].prepare: the workload has a container named 'prepare' already; give the pattern another name"
    )


# --- entries and options ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "sentence"),
    [
        ("wait_for", "patterns is 'wait_for'; it must be a list of mappings, one for each pattern"),
        (None, "patterns is None; it must be a list of mappings, one for each pattern"),
        (["wait_for"], "patterns[0] must be a mapping with one key, the pattern's name, such as wait_for"),
        ([{}], "patterns[0] must be a mapping with one key, the pattern's name, such as wait_for"),
        (
            [{"prepare": {}}, {"a": {}, "b": {}}],
            "patterns[1] must be a mapping with one key, the pattern's name, such as wait_for",
        ),
        (
            [{"prepair": {}}],
            "patterns[0] names pattern 'prepair', which does not exist; did you mean prepare?",
        ),
        ([{"prepare": "now"}], "patterns[0].prepare is 'now'; it must be a mapping of options"),
        (
            [{"prepare": {"positon": "last"}}],
            "patterns[0].prepare.positon is no option; did you mean position?",
        ),
        ([{"stay": {"ends": "perhaps"}}], "patterns[0].stay: argument 'ends' is of type"),
        ([{"stay": {"mode": "modern"}}], "patterns[0].stay: value of mode must be one of"),
        (
            [{"prepare": {"image_pull_policy": "Sometimes"}}],
            "patterns[0].prepare: value of image_pull_policy must",
        ),
    ],
)
def test_a_wrong_entry_gets_one_sentence(patterns: Any, sentence: str) -> None:
    with pytest.raises(BadPattern) as caught:
        compose(workload(), patterns)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_pattern_that_is_like_none_is_answered_with_those_there_are() -> None:
    said = refusal(workload(), {"zzz": {}})
    assert said.startswith("patterns[0] names pattern 'zzz', which does not exist; there are ")
    assert "env_validate" in said


def test_patterns_need_a_workload() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}}
    assert refusal(service, {"prepare": {}}) == (
        f"patterns are given, but Service is no workload; those are {', '.join(TEMPLATE_PATHS)}"
    )


@pytest.mark.parametrize("replicas", ["three", -1, True, 1.5])
def test_replicas_that_are_no_number_are_refused(replicas: Any) -> None:
    given = workload()
    given["spec"]["replicas"] = replicas
    assert refusal(given, {"prepare": {}}) == (
        f"Deployment shop: spec.replicas is {replicas!r}; it must be a whole number, 0 or more"
    )


# --- what a pattern sees ------------------------------------------------------------------------


def test_a_pattern_sees_the_workload_with_what_earlier_ones_gave_to_its_containers() -> None:
    put_on(
        workload(initContainers=[{"name": "own"}]),
        {"stay": {"mode": "classic", "position": "first"}},
        adding(grafts=[Graft(env=[{"name": "A", "value": "b"}])]),
        {"prepare": {"name": "last"}},
    )
    seen = SEEN[-1].pod_spec
    assert seen["containers"] == [{"name": "web", "image": "nginx", "env": [{"name": "A", "value": "b"}]}]
    assert names(seen["initContainers"]) == ["own"]


@pytest.mark.parametrize(("replicas", "seen"), [(None, 1), (0, 0), (3, 3)])
def test_a_pattern_knows_the_replicas(replicas: int | None, seen: int) -> None:
    given = workload()
    given["spec"]["replicas"] = replicas
    put_on(given, {"prepare": {}})
    assert SEEN[-1].replicas == seen


# --- modes --------------------------------------------------------------------------------------


def test_auto_is_native_where_the_server_has_native_sidecars() -> None:
    (made,) = spec_of(put_on(workload(), {"stay": {}}).manifest)["initContainers"]
    assert made["restartPolicy"] == "Always"


def test_auto_is_classic_on_an_older_server() -> None:
    spec = spec_of(put_on(workload(), {"stay": {}}, server=WITHOUT_NATIVE).manifest)
    assert names(spec["containers"]) == ["web", "stay"]
    assert "initContainers" not in spec


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_a_classic_sidecar_is_refused_in_a_job(kind: str) -> None:
    assert refusal(workload(kind), {"stay": {"mode": "classic"}}) == (
        f"patterns[0].stay.mode is classic, but {kind} shop runs to an end, and a classic sidecar would keep it"
        " from ever completing; use mode native"
    )


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_classic_sidecar_is_refused_in_a_pod_that_ends(policy: str) -> None:
    assert "use mode native" in refusal(workload("Pod", restartPolicy=policy), {"stay": {"mode": "classic"}})


def test_a_classic_sidecar_that_ends_by_itself_may_stand_in_a_job() -> None:
    made = put_on(workload("Job"), {"stay": {"mode": "classic", "ends": True}})
    assert names(spec_of(made.manifest)["containers"]) == ["web", "stay"]


# --- grace --------------------------------------------------------------------------------------


def hook(seconds: int) -> dict[str, Any]:
    return {"name": "web", "image": "nginx", "lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}}


@pytest.mark.parametrize(
    ("modes", "app_hook", "grace", "over"),
    [
        (["native"], 0, None, None),
        (["native", "native", "native"], 0, None, None),
        (
            ["native", "native", "native"],
            1,
            None,
            "31 s (1 s for apps and hooks, 10 s for a, 10 s for b, 10 s for c), 1 s",
        ),
        (["native"], 25, None, "35 s (25 s for apps and hooks, 10 s for a), 5 s"),
        (["native"], 25, 35, None),
        (["classic"], 10, 10, None),
        (["classic"], 11, 10, "11 s (11 s for apps and hooks), 1 s"),
        (["classic", "native"], 5, 15, "20 s (10 s for apps and hooks, 10 s for b), 5 s"),
    ],
)
def test_the_shutdown_of_all_must_fit_into_the_grace_period(
    modes: list[str], app_hook: int, grace: int | None, over: str | None
) -> None:
    extra = {} if grace is None else {"terminationGracePeriodSeconds": grace}
    given = workload(containers=[hook(app_hook)], **extra)
    patterns = [
        {"stay": {"name": name, "mode": mode, "shutdown": 10}}
        for name, mode in zip("abc", modes, strict=False)
    ]
    if over is None:
        put_on(given, *patterns)
    else:
        assert f"but the shutdown needs {over} more; set it to" in refusal(given, *patterns)


def test_a_grace_period_that_is_no_number_is_refused() -> None:
    assert refusal(workload(terminationGracePeriodSeconds="soon"), {"stay": {}}) == (
        "Deployment shop: terminationGracePeriodSeconds is 'soon'; it must be a whole number of seconds, 0 or more"
    )


# --- grafts, volumes, labels --------------------------------------------------------------------


TWO = [{"name": "web", "image": "a"}, {"name": "worker", "image": "b"}]


def test_a_graft_goes_to_every_app_where_it_names_none() -> None:
    graft = Graft(env=[{"name": "A", "value": "b"}])
    spec = spec_of(put_on(workload(containers=TWO), adding(grafts=[graft])).manifest)
    assert [container["env"] for container in spec["containers"]] == [[{"name": "A", "value": "b"}]] * 2


def test_a_graft_goes_to_the_containers_it_names_init_containers_included() -> None:
    graft = Graft(env=[{"name": "A", "value": "b"}], containers=("worker", "own"))
    given = workload(containers=TWO, initContainers=[{"name": "own"}])
    spec = spec_of(put_on(given, adding(grafts=[graft])).manifest)
    assert "env" not in one(spec["containers"], "web")
    assert "env" in one(spec["containers"], "worker")
    assert "env" in one(spec["initContainers"], "own")


def test_a_graft_never_goes_to_another_patterns_container() -> None:
    graft = Graft(env=[{"name": "A", "value": "b"}])
    spec = spec_of(put_on(workload(), {"stay": {"mode": "classic"}}, adding(grafts=[graft])).manifest)
    assert "env" not in one(spec["containers"], "stay")


def test_a_graft_for_a_container_that_is_not_there_is_refused() -> None:
    said = refusal(workload(containers=TWO), adding(grafts=[Graft(containers=("wrk",))]))
    assert said == "patterns[0].prepare names container 'wrk', which the workload lacks; it has web, worker"


def test_a_graft_that_the_container_has_already_is_not_taken_off_later() -> None:
    entry = {"name": "A", "value": "b"}
    given = workload(containers=[{"name": "web", "env": [entry]}])
    made = put_on(given, adding(grafts=[Graft(env=[entry])]))
    assert put_on(made.manifest).manifest == given


def test_a_graft_against_the_users_own_entry_is_refused() -> None:
    given = workload(containers=[{"name": "web", "env": [{"name": "A", "value": "mine"}]}])
    assert refusal(given, adding(grafts=[Graft(env=[{"name": "A", "value": "b"}])])) == (
        "patterns[0].prepare: container web has its own env entry 'A' already; remove it, or let the pattern use"
        " another one"
    )


def test_a_volume_of_the_same_name_and_another_kind_is_refused() -> None:
    given = workload(volumes=[{"name": "v", "configMap": {"name": "c"}}])
    assert refusal(given, adding(volumes=[{"name": "v", "emptyDir": {}}])) == (
        "patterns[0].prepare: the workload has a volume named 'v' of another kind; rename that one"
    )


def test_two_patterns_may_share_a_volume() -> None:
    volume = {"name": "v", "emptyDir": {}}
    made = put_on(workload(), adding(volumes=[volume]), adding(volumes=[volume]))
    assert spec_of(made.manifest)["volumes"] == [volume]


def test_a_label_against_the_users_own_is_refused() -> None:
    given = workload()
    given["spec"]["template"]["metadata"] = {"labels": {"app": "mine"}}
    assert refusal(given, adding(labels={"app": "yours"})) == (
        "patterns[0].prepare: the Pod template has label app='mine', the pattern needs 'yours'; remove one of the two"
    )


def test_a_process_namespace_that_the_user_shares_stays_shared() -> None:
    given = workload(shareProcessNamespace=True)
    made = put_on(given, adding(share_process_namespace=True))
    assert put_on(made.manifest).manifest == given


# --- marks --------------------------------------------------------------------------------------


def test_the_annotation_names_all_that_was_added() -> None:
    made = put_on(workload(), adding(labels={"a": "b"}, volumes=[{"name": "v", "emptyDir": {}}]))
    noted = json.loads(pod_template(made.manifest)["metadata"]["annotations"][ANNOTATION])
    assert noted == {"containers": ["prepare"], "labels": ["a"], "volumes": ["v"]}


def test_without_patterns_nothing_is_annotated() -> None:
    assert put_on(workload()).manifest == workload()


@pytest.mark.parametrize("text", ["{", "[]", '{"pods": []}', "3"])
def test_an_annotation_that_cannot_be_read_is_refused(text: str) -> None:
    given = workload()
    given["spec"]["template"]["metadata"] = {"annotations": {ANNOTATION: text}}
    assert refusal(given, {"prepare": {}}).startswith(f"annotation {ANNOTATION} cannot be read")


# --- images -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "image"),
    [
        (None, DEFAULT_IMAGES["python"]),
        ("quay.io/me/python:3.12", "quay.io/me/python:3.12"),
        ({"tag": "3.12-slim"}, "docker.io/library/python:3.12-slim"),
        ({"registry": "registry.local:5000"}, "registry.local:5000/library/python:3-slim"),
        ({"repository": "me/python", "tag": "1"}, "docker.io/me/python:1"),
        ({"digest": "sha256:abc"}, "docker.io/library/python@sha256:abc"),
    ],
)
def test_an_image_may_be_replaced_whole_or_in_part(option: Any, image: str) -> None:
    spec = spec_of(put_on(workload(), {"prepare": {"image": option}}).manifest)
    assert spec["initContainers"][0]["image"] == image


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("", "patterns[0].prepare.image is ''; it must be an image reference such as"),
        ("my image", "patterns[0].prepare.image is 'my image'; it must be an image reference such as"),
        (3, "patterns[0].prepare.image is 3; it must be an image reference or a mapping of its parts"),
        (
            {"name": "x"},
            "patterns[0].prepare.image.name is no part of an image; those are registry, repository",
        ),
        ({"digest": "abc"}, "patterns[0].prepare.image.digest is 'abc'; it must begin with sha256:"),
    ],
)
def test_an_image_that_is_none_is_refused(option: Any, sentence: str) -> None:
    assert refusal(workload(), {"prepare": {"image": option}}).startswith(sentence)


def test_the_image_map_moves_the_patterns_images_and_not_the_users() -> None:
    image_map = {"docker.io": "mirror.local/hub", "docker.io/library/python": "mirror.local/snakes"}
    made = compose(
        workload(containers=[{"name": "web", "image": "docker.io/library/nginx"}]),
        [{"prepare": {}}, {"prepare": {"image": "docker.io/me/tool:1"}}],
        image_map=image_map,
    )
    spec = spec_of(made.manifest)
    assert [container["image"] for container in spec["initContainers"]] == [
        "mirror.local/snakes:3-slim",  # the longest prefix wins
        "mirror.local/hub/me/tool:1",
    ]
    assert spec["containers"][0]["image"] == "docker.io/library/nginx"


def test_a_prefix_of_the_image_map_ends_at_a_border() -> None:
    made = compose(workload(), [{"prepare": {"image": "docker.iox/a:1"}}], image_map={"docker.io": "m"})
    assert spec_of(made.manifest)["initContainers"][0]["image"] == "docker.iox/a:1"


def test_pull_secrets_join_those_of_the_user_and_leave_alone() -> None:
    given = workload(imagePullSecrets=[{"name": "mine"}])
    made = put_on(given, {"prepare": {"image_pull_secrets": ["mine", "theirs"]}}).manifest
    assert spec_of(made)["imagePullSecrets"] == [{"name": "mine"}, {"name": "theirs"}]
    assert put_on(made).manifest == given


# --- accounts -----------------------------------------------------------------------------------

PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}


def test_rules_get_an_account_of_their_own_with_just_these_rights() -> None:
    made = compose(workload(), [adding(rules=[PODS]), adding(rules=[PODS, JOBS])], namespace="prod")
    name = "deployment-shop-podpatterns"
    account, role, binding = made.objects
    assert spec_of(made.manifest)["serviceAccountName"] == name
    assert {(item["metadata"]["name"], item["metadata"]["namespace"]) for item in made.objects} == {
        (name, "prod")
    }
    assert account["automountServiceAccountToken"] is False
    assert role["rules"] == [PODS, JOBS]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "prod"}]


def test_the_users_own_account_is_kept_and_given_the_rights() -> None:
    made = put_on(workload(serviceAccountName="mine"), adding(rules=[PODS]))
    assert spec_of(made.manifest)["serviceAccountName"] == "mine"
    assert [item["kind"] for item in made.objects] == ["Role", "RoleBinding"]
    assert made.objects[1]["subjects"][0]["name"] == "mine"


def test_an_account_is_set_by_its_old_name_as_well_so_that_it_can_be_taken_off() -> None:
    """The server copies either field to the other; one that is not owned would bring the other back."""
    spec = spec_of(put_on(workload(), adding(rules=[PODS])).manifest)
    assert spec["serviceAccount"] == spec["serviceAccountName"]


def test_an_account_under_its_old_name_is_the_users_own() -> None:
    made = put_on(workload(serviceAccount="mine"), adding(rules=[PODS]))
    assert "serviceAccountName" not in spec_of(made.manifest)
    assert made.objects[1]["subjects"][0]["name"] == "mine"


def test_the_token_is_mounted_into_the_helper_that_needs_it_and_nowhere_else() -> None:
    spec = spec_of(put_on(workload(), adding(rules=[PODS]), {"prepare": {"name": "other"}}).manifest)
    mounting = [
        container["name"]
        for container in (*spec["initContainers"], *spec["containers"])
        if TOKEN_VOLUME in names(container.get("volumeMounts"))
    ]
    assert mounting == ["prepare"]


def test_rules_elsewhere_become_a_role_of_that_namespace() -> None:
    needs = adding(rules=[PODS], rules_elsewhere={"db": [JOBS], "prod": [JOBS]})
    made = compose(workload(), [needs], namespace="prod")
    roles = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item["rules"]
        for item in made.objects
        if item["kind"] == "Role"
    }
    assert roles == {
        ("prod", "deployment-shop-podpatterns"): [PODS, JOBS],
        ("db", "prod-deployment-shop-podpatterns"): [JOBS],
    }
    bindings = [item for item in made.objects if item["kind"] == "RoleBinding"]
    assert {item["subjects"][0]["namespace"] for item in bindings} == {"prod"}


def test_two_workloads_of_one_name_have_accounts_of_their_own() -> None:
    made = compose_all([workload("Job"), workload("Deployment")], [adding(rules=[PODS])])
    accounts = [item["metadata"]["name"] for item in made.manifests if item["kind"] == "ServiceAccount"]
    assert accounts == ["job-shop-podpatterns", "deployment-shop-podpatterns"]


def test_the_objects_of_a_workload_are_noted_on_it_and_not_on_its_pods() -> None:
    made = put_on(workload(), adding(rules=[PODS]))
    assert [(item["kind"], item["metadata"]) for item in noted_objects(made.manifest)] == [
        (item["kind"], item["metadata"]) for item in made.objects
    ]
    assert OBJECTS_ANNOTATION not in pod_template(made.manifest)["metadata"]["annotations"]


@pytest.mark.parametrize("text", ["{", "3", '["a"]', "null"])
def test_a_note_that_cannot_be_read_notes_nothing(text: str) -> None:
    given = workload()
    given["metadata"]["annotations"] = {OBJECTS_ANNOTATION: text}
    assert noted_objects(given) == []


# --- the restricted default ---------------------------------------------------------------------


def test_a_helper_passes_restricted_pod_security_as_it_comes() -> None:
    (made,) = spec_of(put_on(workload(), {"prepare": {}}).manifest)["initContainers"]
    security = made["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["readOnlyRootFilesystem"] is True


def test_the_common_options_reach_the_container() -> None:
    options = {
        "image_pull_policy": "Never",
        "resources": {"limits": {"memory": "1Gi"}},
        "env": [{"name": "HTTP_PROXY", "value": "http://proxy"}],
        "mounts": [{"name": "data", "mountPath": "/data"}],
        "security_context": {"runAsUser": 7},
    }
    (made,) = spec_of(put_on(workload(), {"prepare": options}).manifest)["initContainers"]
    assert made["imagePullPolicy"] == "Never"
    assert made["resources"] == {"limits": {"memory": "1Gi"}}
    assert made["env"] == options["env"]
    assert made["volumeMounts"] == options["mounts"]
    assert made["securityContext"]["runAsUser"] == 7
    assert made["securityContext"]["runAsNonRoot"] is True
