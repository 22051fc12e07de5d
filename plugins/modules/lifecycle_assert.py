#!/usr/bin/python
# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Assert what the containers of Kubernetes workloads did, and in which order."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lifecycle_assert
short_description: Assert what the containers of Kubernetes workloads did, and in which order
version_added: 0.2.0
author:
  - The podpatterns developers (@podpatterns)
description:
  - Judges assertions on every Pod of a workload by its timeline, which joins the Pod's status with events and logs.
  - Each assertion is answered with yes, no or tie. A yes or a no is never a guess. A tie means that the evidence does
    not tell, as two stamps of whole seconds may not.
  - Fails where an answer is no, with the assertion, the evidence, and the timeline of the Pod. A report is written all
    the same.
  - Looks once. To wait for a workload, use M(podpatterns.core.workload).
options:
  that:
    description:
      - What is asserted of each Pod, a list of mappings with one key each.
      - V(before) takes two moments, the first of which comes before the second. A moment is V(CONTAINER.MOMENT) with
        one of V(created), V(started), V(first_line) (the runtime took the first line of its output) and V(finished),
        or V(Pod.MOMENT) with one of V(taken) (by the kubelet), V(initialized) and V(ready). V(finished) is the end
        of the last attempt, the others are of the first one; V(CONTAINER[2].started) is of the second.
      - V(before_ready) takes a container that is there before the Pod is ready. An init container has finished by
        then, another one has started.
      - V(overlap) takes two containers that run at the same time.
      - V(shares_volume) takes two containers that mount the same volume, or a mapping with C(containers) and
        C(volume), its name. Parts of a volume that do not meet are not shared.
      - V(shares_network) takes two containers that are both of the Pod.
      - V(outcome) takes a mapping with C(container) and some of C(state) (waiting, running or terminated),
        C(exit_code), C(reason), C(signal), C(started) and C(ready), as M(podpatterns.core.workload_info) returns them.
      - V(restarts) takes a mapping with C(container) and C(exactly), or C(least) or C(most) or both.
      - V(duration) takes a mapping with C(least) or C(most) or both, in seconds, and either C(container), whose run it
        is, or the moments C(from) and C(to).
    type: list
    elements: dict
    required: true
  tie:
    description:
      - What to make of a tie. V(warn) passes with a warning, V(fail) fails, V(pass) only tells of it in RV(findings).
    type: str
    choices: [fail, warn, pass]
    default: warn
extends_documentation_fragment:
  - podpatterns.core.look
  - podpatterns.core.auth
attributes:
  check_mode:
    support: full
    description: Nothing is ever changed, so check mode judges as any other run does; it only writes no report.
  diff_mode:
    support: none
    description: Nothing is ever changed.
seealso:
  - module: podpatterns.core.workload
  - module: podpatterns.core.workload_info
"""

EXAMPLES = r"""
- name: Assert that the app came after its preparation and beside its log agent
  podpatterns.core.lifecycle_assert:
    namespace: shop
    name: web
    that:
      - outcome: {container: prepare, exit_code: 0}
      - restarts: {container: prepare, exactly: 0}
      - before: [prepare.finished, nginx.started]
      - before_ready: log-agent
      - overlap: [nginx, log-agent]
      - shares_volume: {containers: [nginx, log-agent], volume: logs}
      - shares_network: [nginx, log-agent]

- name: Assert that no Pod of the Deployment took long to migrate its database, and take no tie for an answer
  podpatterns.core.lifecycle_assert:
    kind: Deployment
    namespace: shop
    name: web
    tie: fail
    that:
      - duration: {container: migrate, most: 30}
      - duration: {from: Pod.taken, to: Pod.ready, most: 60}
"""

RETURN = r"""
findings:
  description: What every Pod says to every assertion.
  returned: when the assertions could be judged
  type: list
  elements: dict
  contains:
    namespace: {description: The Pod's namespace., type: str}
    pod: {description: The Pod's name., type: str}
    assertion: {description: The assertion in words., type: str}
    answer: {description: "One of yes, no and tie.", type: str}
    evidence: {description: "What it rests on, or why there is no telling.", type: str}
  sample:
    - namespace: shop
      pod: web
      assertion: prepare.finished is before nginx.started
      answer: "yes"
      evidence: prepare.finished after 6.0 to 7.0 s (status), nginx.started after 7.91 to 8.04 s (event)
timeline:
  description: What each container did and when, as a table in lines of text.
  returned: when the assertions could be judged
  type: list
  elements: str
api_calls:
  description: Number of requests to the API server.
  returned: when the assertions could be judged
  type: int
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import (
    auth_argument_spec,
    connect,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.assertions import (
    assertions,
    having,
    judged,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition
from ansible_collections.podpatterns.core.plugins.module_utils._report import write_report
from ansible_collections.podpatterns.core.plugins.module_utils._result import (
    as_judgement,
    as_report,
    refutation,
    sayable,
)
from ansible_collections.podpatterns.core.plugins.module_utils._run import look, with_first_lines
from ansible_collections.podpatterns.core.plugins.module_utils._workload_options import ASSERT_OPTIONS


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={**ASSERT_OPTIONS, **auth_argument_spec()}, supports_check_mode=True)
    params = module.params
    said = {"invocation": {"module_args": sayable(params)}}
    try:
        asserted = assertions(params["that"])
        api = connect(params)
        outcome = look(api, params["kind"], params["namespace"], params["name"], params["label_selectors"])
        if any(one.logs for one in asserted):
            outcome = with_first_lines(api, outcome)
    except (BadDefinition, ClusterError) as error:
        module.fail_json(msg=str(error), **said)
    for warning in outcome.warnings:
        module.warn(warning)
    if params["report"] and not module.check_mode:
        write_report(module, params["report"], as_report(outcome, params["report"]))
    timelines = [timeline for one in outcome.results for timeline in one.timelines]
    if not timelines:
        module.fail_json(
            msg=f"Failed to assert on {_called(params)}: {_absence(params, bool(outcome.results))}", **said
        )
    found = judged(timelines, asserted)
    result = {**as_judgement(found), "api_calls": api.calls, **said}
    fatal = [Order.NO, Order.TIE] if params["tie"] == "fail" else [Order.NO]
    if any(finding.answer in fatal for one in found for finding in one.findings):
        module.fail_json(msg=refutation(found, fatal), **result)
    for sentence in having(found, Order.TIE) if params["tie"] == "warn" else ():
        module.warn(f"No telling: {sentence}")
    module.exit_json(**result)


def _called(params: dict[str, Any]) -> str:
    return f"{params['kind']} {params['namespace']}/{params['name'] or '*'}"


def _absence(params: dict[str, Any], found: bool) -> str:
    if found:
        return "it has no Pods of its present template"
    chosen = f" with labels {','.join(params['label_selectors'])}" if params["label_selectors"] else ""
    return f"there is none{chosen}"


if __name__ == "__main__":
    main()
