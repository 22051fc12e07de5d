#!/usr/bin/python
# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell what every container of existing Kubernetes workloads did."""

from __future__ import annotations

DOCUMENTATION = r"""
module: workload_info
short_description: Tell how Kubernetes workloads stand and what every container of theirs did
version_added: 0.1.0
author:
  - The podpatterns developers (@podpatterns)
description:
  - Gives the same facts as M(podpatterns.core.workload) on workloads that exist, whoever made them.
  - Waits for nothing and changes nothing.
options:
  first_lines:
    description:
      - Whether to ask the log of each container for the stamp of its first line, which takes a request each. Nothing of
        what was written is read but the stamp.
    type: bool
    default: false
    version_added: 0.2.0
extends_documentation_fragment:
  - podpatterns.core.look
  - podpatterns.core.auth
attributes:
  check_mode:
    support: full
    description: Nothing is ever changed.
  diff_mode:
    support: none
    description: Nothing is ever changed.
"""

EXAMPLES = r"""
- name: Look at one Deployment
  podpatterns.core.workload_info:
    kind: Deployment
    namespace: shop
    name: web
  register: web

- name: Show what each container did and when
  ansible.builtin.debug:
    var: web.timeline
"""

RETURN = r"""
workloads:
  description:
    - Every workload found, each with C(kind), C(namespace), C(name), C(goal) (what it is expected to reach),
      C(verdict), C(reason) and C(pods), as M(podpatterns.core.workload) returns them.
    - Empty where there is none.
  returned: success
  type: list
  elements: dict
timeline:
  description: What each container did and when, as a table in lines of text.
  returned: success
  type: list
  elements: str
api_calls:
  description: Number of requests to the API server.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import (
    auth_argument_spec,
    connect,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._report import write_report
from ansible_collections.podpatterns.core.plugins.module_utils._result import (
    as_information,
    as_report,
    sayable,
)
from ansible_collections.podpatterns.core.plugins.module_utils._run import look, with_first_lines
from ansible_collections.podpatterns.core.plugins.module_utils._workload_options import INFO_OPTIONS


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={**INFO_OPTIONS, **auth_argument_spec()}, supports_check_mode=True)
    params = module.params
    said = {"invocation": {"module_args": sayable(params)}}
    try:
        api = connect(params)
        outcome = look(api, params["kind"], params["namespace"], params["name"], params["label_selectors"])
        if params["first_lines"]:
            outcome = with_first_lines(api, outcome)
    except ClusterError as error:
        module.fail_json(msg=str(error), **said)
    for warning in outcome.warnings:
        module.warn(warning)
    if params["report"] and not module.check_mode:
        write_report(module, params["report"], as_report(outcome, params["report"]))
    module.exit_json(**as_information(outcome), api_calls=api.calls, **said)


if __name__ == "__main__":
    main()
