"""pytest: the suite as one plugin, of the parts that are named here.

Exit codes: 0 every promise is kept, or broken as a known bug of that version has it, 1 some deviate, 2 the run was
ended by Ctrl-C or a TERM, 3 some could not be judged and none deviates, 4 the call itself is wrong (an option, a
kubeconfig, an unknown id).
"""

from __future__ import annotations

# Each after those that it imports, so that pytest may rewrite their assertions.
pytest_plugins = (
    "conformance.workers",
    "conformance.options",
    "conformance.collecting",
    "conformance.running",
    "conformance.verdicts",
)
