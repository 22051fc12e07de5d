#!/usr/bin/python
# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deploy Kubernetes workloads in one go and tell what every container of theirs did."""

from __future__ import annotations

DOCUMENTATION = r"""
module: workload
short_description: Deploy Kubernetes objects together and wait until their Pods are where they should be
version_added: 0.1.0
author:
  - The podpatterns developers (@podpatterns)
description:
  - Applies a whole definition by server-side apply, every object tried in a dry run first, then waits for all
    workloads together by watching them, under one deadline.
  - Knows every container by its role, so that init containers and native sidecars are waited for too.
  - Fails as soon as a workload cannot get well by itself, with the container, its exit code, its last log lines
    and the events about it.
options:
  definition:
    description:
      - The objects, as a mapping, a list of mappings, or YAML text with one or several documents.
      - Any kinds; workloads are waited for, other objects are applied.
      - Exactly one of O(definition) and O(src) is needed.
    type: raw
  src:
    description:
      - Path of a YAML or JSON file with the objects, on the host that the module runs on.
    type: path
  state:
    description:
      - V(present) applies the objects and waits for O(goal).
      - V(absent) deletes them and waits until they, and the Pods they own, are gone.
    type: str
    choices: [present, absent]
    default: present
  namespace:
    description:
      - Namespace of the objects that name none themselves; V(default) where nothing is said.
    type: str
  create_namespace:
    description:
      - Whether to make the namespaces that objects go to and that do not exist.
      - O(state=absent) leaves namespaces alone that the definition does not hold.
    type: bool
    default: false
  goal:
    description:
      - What to wait for. Objects that are no workloads have reached it when they are applied.
      - V(auto) is V(completed) for a Job and for a Pod that does not always restart, V(exists) for a CronJob,
        V(ready) for every other workload.
      - V(exists) waits for nothing.
      - V(initialized) means that every init container has succeeded and every native sidecar before the app
        has started.
      - V(started) means that every app container has started as well (its startup probe has succeeded).
      - V(ready) means that the Pod is ready, or the rollout complete, and still is when all the others are. A
        container without a readiness probe is ready as soon as it runs.
      - V(completed) means that the Pod or Job has succeeded.
    type: str
    default: auto
  timeout:
    description:
      - Seconds for everything, from the first request to the last goal.
    type: raw
    default: 300
  grace:
    description:
      - Seconds for which something that may heal by itself is tolerated, such as an image that cannot be pulled,
        a Pod that no node takes, a missing ConfigMap, an exhausted quota or repeated crashes.
      - What cannot heal, such as a failed Job or an init container that failed in a Pod that never restarts,
        fails the task at once.
    type: raw
    default: 30
  recreate:
    description:
      - Whether to delete an object and make it anew where the change cannot be made in place, or where a Pod or
        Job has failed for good.
      - Namespaces, PersistentVolumes, their claims and CustomResourceDefinitions are spared for what is in them.
    type: bool
    default: false
  force_conflicts:
    description:
      - Whether to take over fields that another field manager has set to a different value.
    type: bool
    default: false
  patterns:
    description:
      - Init and sidecar patterns to put on every workload of the definition, in this order.
      - Each entry is a mapping whose one key is the pattern's name and whose value holds its options.
      - A pattern that is taken off the list disappears from the workload at the next run.
      - C(ansible-doc -t role -l podpatterns.core) lists the patterns; each has a role of its name.
    type: list
    elements: dict
    default: []
  image_map:
    description:
      - Prefixes of image references and what replaces them in the containers that patterns add, such as
        C(docker.io) and C(registry.example.com/mirror). The longest prefix that fits wins.
    type: dict
    default: {}
  log_lines:
    description:
      - How many of the last log lines of a failed container to show; 0 shows none.
    type: int
    default: 10
  report:
    description:
      - Path of a file to write, on the host that the module runs on, with a drawing of what every container did and
        when; an SVG where the path ends in C(.svg), else an HTML page.
      - It is written when the task fails, too; it does not count as a change.
    type: path
extends_documentation_fragment:
  - podpatterns.core.auth
attributes:
  check_mode:
    support: full
    description: A dry run on the server; nothing is written and nothing is waited for.
  diff_mode:
    support: full
    description: Values of Secrets are left out.
"""

EXAMPLES = r"""
- name: Deploy a Pod whose init container must be done first
  podpatterns.core.workload:
    namespace: shop
    create_namespace: true
    definition:
      apiVersion: v1
      kind: Pod
      metadata:
        name: web
      spec:
        initContainers:
          - name: prepare
            image: busybox
            command: ["sh", "-c", "echo prepared"]
        containers:
          - name: nginx
            image: nginx:latest

- name: Deploy everything of a file and wait at most two minutes
  podpatterns.core.workload:
    src: /srv/shop/all.yml
    namespace: shop
    timeout: 120

- name: Run a Job to its end, anew if it has failed before
  podpatterns.core.workload:
    src: /srv/shop/migrate-job.yml
    namespace: shop
    recreate: true

- name: Take it all away again
  podpatterns.core.workload:
    src: /srv/shop/all.yml
    namespace: shop
    state: absent
"""

RETURN = r"""
objects:
  description: Every object of the definition, in its order, after namespaces that were made for it.
  returned: success or failure of the wait
  type: list
  elements: dict
  contains:
    api_version: {description: The object's API version., type: str}
    kind: {description: The object's kind., type: str}
    namespace: {description: Its namespace; empty for cluster-wide kinds., type: str}
    name: {description: Its name., type: str}
    action:
      description: One of created, updated, recreated, unchanged, deleted, absent.
      type: str
  sample:
    - {api_version: v1, kind: Pod, namespace: shop, name: web, action: created}
workloads:
  description: Every workload that was waited for.
  returned: when O(state=present), and not in check mode
  type: list
  elements: dict
  contains:
    kind: {description: The workload's kind., type: str}
    namespace: {description: Its namespace., type: str}
    name: {description: Its name., type: str}
    goal: {description: What was waited for., type: str}
    verdict: {description: "One of done, pending, failed.", type: str}
    reason: {description: Why it is so., type: str}
    elapsed: {description: Seconds from the task's first request to the verdict., type: float}
    pods:
      description: The Pods of the workload's present template.
      type: list
      elements: dict
      contains:
        name: {description: The Pod's name., type: str}
        node: {description: The node that it runs on., type: str}
        phase: {description: The Pod's phase., type: str}
        ready: {description: Whether the Pod is ready., type: bool}
        start_time: {description: When the kubelet took the Pod., type: str}
        containers:
          description:
            - Every container in the order of its start.
            - Each has C(name), C(role) (init, sidecar, app or ephemeral), C(state) (waiting, running or terminated),
              C(started), C(ready), C(restarts), C(exit_code), C(reason), C(message), C(started_at), C(finished_at),
              C(image), C(image_id), and C(attempts).
          type: list
          elements: dict
          contains:
            attempts:
              description:
                - One entry for each run of the container that is known, the first one first.
                - >-
                  An instant in it is a span in which the moment must lie: C(earliest) and C(latest) in seconds, null
                  where nothing bounds it, C(error) (the span's width), C(source) (status, event, log, watch or
                  runtime: who decided) and C(clock). Clock C(node) is that of the Pod's node, and counts from the
                  Pod's start; clock C(watch) is that of this host, and counts from the first state that it saw.
                  Instants of two clocks have no order.
              type: list
              elements: dict
              contains:
                number: {description: "How many attempts there were before it.", type: int}
                started_after:
                  description: Seconds from the Pod's start to the earliest moment that it may have started.
                  type: float
                finished_after: {description: The same of its end., type: float}
                exit_code: {description: Its exit code; null while it runs., type: int}
                reason: {description: "Why it ended, in Kubernetes' word.", type: str}
                signal: {description: The signal that an exit code above 128 stands for., type: int}
                back_off:
                  description: "How long the kubelet left it alone before, C(least) and C(most) seconds."
                  type: dict
                created: {description: "Instant: the runtime has made it.", type: dict}
                started: {description: "Instant: the runtime has started its process.", type: dict}
                first_line: {description: "Instant: the runtime took its first line of output.", type: dict}
                passed_startup: {description: "Instant: its status says started.", type: dict}
                ready: {description: "Instant: its status says ready.", type: dict}
                finished: {description: "Instant: its process has ended.", type: dict}
        conditions:
          description: The Pod's conditions, each with C(type), C(status), C(reason), C(message) and C(since).
          type: list
          elements: dict
        marks:
          description:
            - What events tell of the Pod and of its containers, the oldest first.
            - >-
              C(kind) is one of scheduled, pulling, pulled, created, started, probe (one that failed), hook (one that
              failed), killing, signal, back-off, failed and other. C(at) is the instant of the first of C(count)
              occurrences, C(until) that of the last. C(container) is null for what is of the Pod, C(attempt) where
              it may be of several.
          type: list
          elements: dict
          contains:
            kind: {description: What it tells of., type: str}
            container: {description: The container that it is about., type: str}
            attempt: {description: The number of the attempt that it was in., type: int}
            count: {description: How often it was told., type: int}
            reason: {description: The event's own reason., type: str}
            message: {description: The event's own message., type: str}
            at: {description: "Instant, as in C(attempts).", type: dict}
            until: {description: "Instant, as in C(attempts); null where it was told once.", type: dict}
        missing:
          description: What is not known of the Pod and ought to be, a sentence each, such as attempts that nobody saw.
          type: list
          elements: str
    injections:
      description: Proxies that pattern C(proxy) was to bring, one entry for each Pod.
      type: list
      elements: dict
      contains:
        pod: {description: The Pod's name., type: str}
        proxy: {description: The container's name., type: str}
        there: {description: Whether the Pod has it., type: bool}
        native: {description: Whether it is a native sidecar., type: bool}
        before_init_containers:
          description:
            - Whether it starts before the workload's own init containers, one of C(yes), C(no), C(tie) (within the same
              second), C(promised) (Kubernetes keeps it, but it was not seen) and C(none) (there are none).
          type: str
        outlives_app: {description: "Whether it ends after the app, in the same words.", type: str}
timeline:
  description: What each container did and when, as a table in lines of text, with what events tell and what is missing.
  returned: when a workload was waited for
  type: list
  elements: str
diagnosis:
  description: The workload, Pod and container that failed, its reason and exit code, last log lines and events.
  returned: when a workload failed
  type: dict
elapsed:
  description: Seconds from the first request to the end of the wait.
  returned: always
  type: float
api_calls:
  description: Number of requests to the API server.
  returned: always
  type: int
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podpatterns.core.plugins.module_utils import _progress
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import (
    auth_argument_spec,
    connect,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import BadPattern
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition, parse
from ansible_collections.podpatterns.core.plugins.module_utils._report import write_report
from ansible_collections.podpatterns.core.plugins.module_utils._result import (
    as_report,
    as_result,
    failure_text,
    sayable,
)
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run
from ansible_collections.podpatterns.core.plugins.module_utils._workload_options import (
    WORKLOAD_OPTIONS,
    check_goal,
    count,
    seconds,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**WORKLOAD_OPTIONS, **auth_argument_spec()},
        mutually_exclusive=[("definition", "src")],
        required_one_of=[("definition", "src")],
        supports_check_mode=True,
    )
    params = module.params
    try:
        request = _request(params, module.check_mode)
        api = connect(params)
        outcome = run(api, request, _progress.report)
    except (BadDefinition, BadPattern, ClusterError) as error:
        module.fail_json(msg=str(error), invocation={"module_args": sayable(params)})
    result = {
        **as_result(outcome, show_diff=module._diff),
        "api_calls": api.calls,
        "invocation": {"module_args": sayable(params)},
    }
    if params["report"] and not module.check_mode:
        write_report(module, params["report"], as_report(outcome, params["report"]))
    for warning in outcome.warnings:
        module.warn(warning)
    if outcome.message is not None:
        module.fail_json(msg=failure_text(outcome), **result)
    module.exit_json(**result)


def _request(params: dict[str, Any], check_mode: bool) -> Request:
    goal = check_goal(params["goal"])
    return Request(
        manifests=parse(_definition(params), "src" if params["src"] else "definition"),
        namespace=params["namespace"],
        present=params["state"] == "present",
        create_namespace=params["create_namespace"],
        goal=goal,
        timeout=seconds("timeout", params["timeout"]),
        grace=seconds("grace", params["grace"], zero=True),
        recreate=params["recreate"],
        force_conflicts=params["force_conflicts"],
        patterns=params["patterns"],
        image_map=params["image_map"],
        check_mode=check_mode,
        log_lines=count("log_lines", params["log_lines"]),
    )


def _definition(params: dict[str, Any]) -> Any:
    if not params["src"]:
        return params["definition"]
    try:
        return Path(params["src"]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadDefinition(
            f"src names {params['src']!r}: {reason}; give the path of a YAML or JSON file"
        ) from error


if __name__ == "__main__":
    main()
