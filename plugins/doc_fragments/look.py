# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that say which workloads a module looks at, and where it draws what it saw."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of options of module_utils/_workload_options.py; a test holds the two together."""

    DOCUMENTATION = r"""
options:
  kind:
    description:
      - Kind of the workloads.
    type: str
    choices: [Pod, Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob]
    default: Pod
  name:
    description:
      - Name of one workload; all of the kind where it is not given.
    type: str
  namespace:
    description:
      - Namespace of the workloads.
    type: str
    default: default
  label_selectors:
    description:
      - Label selectors that the workloads must match, such as C(app=web).
    type: list
    elements: str
    default: []
  report:
    description:
      - Path of a file to write, on the host that the module runs on, with a drawing of what every container did and
        when; an SVG where the path ends in C(.svg), else an HTML page.
      - It does not count as a change, and check mode writes none.
    type: path
"""
