"""Containers that end and are started again: how they are declared, and claims on their attempts.

Attempts are counted from 0, as restartCount counts. A kubelet keeps the logs of two attempts at most, and not always
those, so what is to be told of each attempt is said into the status as well (see script.WILL).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Instant, Order
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import Line, stamps_in
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Attempt
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import SPEC_LISTS
from conformance.claims import Claim, Finding, Life, Moment, Test, the
from conformance.deeds import Deed, Until
from conformance.ending import settled
from conformance.pods import Manifest, Scene, Speaker, pod, probe, scene, value
from conformance.script import WILL

# --- containers ---------------------------------------------------------------------------------


def leave(code: int = 1) -> str:
    """A line with which a container says its end and exits so."""
    return f"{{ say end; tick; exit {code}; }}"


def at_first(line: str) -> str:
    """A line that a container does in its first attempt alone."""
    return f'marked "$NAME-was" || {{ mark "$NAME-was"; {line}; }}'


def willing(manifest: Manifest) -> dict[str, Any]:
    """The Pod, of whose containers each attempt leaves its stamps in the status, unless it has a WILL of its own."""
    spec = dict(manifest["spec"])
    for spec_list in SPEC_LISTS:
        if spec_list in spec:
            spec[spec_list] = [
                one if _has_will(one) else {**one, "env": [*one.get("env", ()), value("WILL", WILL)]}
                for one in spec[spec_list]
            ]
    return {**manifest, "spec": spec}


def _has_will(container: Mapping[str, Any]) -> bool:
    return any(one["name"] == "WILL" for one in container.get("env", ()))


# The fields of a container that has started when it says so.
HEARS = {"startupProbe": probe('marked "$NAME"')}

# --- scenes -------------------------------------------------------------------------------------


def again(container: str, times: int = 1) -> Test:
    """Whether the container has been started again so many times, or its Pod is over."""
    return lambda seen: settled(seen) or the(container, lambda one: one.restarts >= times)(seen)


def until_over(name: str = "") -> Until:
    """Wait until the Pod is over, whichever its end."""
    return Until(f"{name or 'the Pod'} is over", settled, name)


def followed(name: str, *speakers: Speaker, until: Deed | None = None, **spec: Any) -> Scene:
    """A Pod that is seen until it is over, or until something else."""
    return scene(willing(pod(name, *speakers, **spec)), deeds=(until or until_over(),))


# --- claims -------------------------------------------------------------------------------------


def started_again(container: str, times: int = 1) -> Claim:
    """The container was started again so many times or more; a Pod that is over with fewer is a no."""
    wanted = f"{container} is started again {times} times or more"

    def claim(life: Life) -> Finding:
        found = life.states(container)
        most = max((one.restarts for one in found), default=0)
        if found and most >= times:
            return Finding(Order.YES, f"{wanted}: {most} times")
        if life.shortfall or not found:
            return Finding(Order.TIE, f"{wanted}: {most} times, and the end was not seen")
        return Finding(Order.NO, f"{wanted}: {most} times")

    return claim


def left(container: str, attempt: int, code: int, reason: str | None = None) -> Claim:
    """This attempt of the container ended with this exit code, by this reason where one is given."""
    wanted = f"attempt {attempt} of {container} exits {code}" + (f" by {reason}" if reason else "")

    def claim(life: Life) -> Finding:
        one = attempt_of(life, container, attempt)
        if one is None or one.exit_code is None:
            return Finding(Order.TIE, f"{wanted}: its end was not seen")
        holds = one.exit_code == code and reason in (None, one.reason)
        return Finding(Order.YES if holds else Order.NO, f"{wanted}: {one.exit_code} by {one.reason}")

    return claim


def attempt_of(life: Life, container: str, number: int) -> Attempt | None:
    """An attempt of the container, if it was seen."""
    return next((one for one in life.attempts(container) if one.number == number), None)


def lives_on(container: str) -> Claim:
    """In all states that were seen the container, once made, is one and the same."""
    wanted = f"{container} lives on"

    def claim(life: Life) -> Finding:
        ids = {one.container_id for one in life.states(container) if one.container_id}
        if len(ids) > 1:
            return Finding(Order.NO, f"{wanted}: {len(ids)} different ones were seen")
        if not ids or life.shortfall:
            return Finding(Order.TIE, f"{wanted}: not all of it was seen")
        return Finding(Order.YES, f"{wanted}: one was seen")

    return claim


def never_waits(container: str, reason: str) -> Claim:
    """In no state that was seen does the container wait for this reason."""
    wanted = f"{container} never waits by {reason}"

    def claim(life: Life) -> Finding:
        found = life.states(container)
        if any(one.state == "waiting" and one.reason == reason for one in found):
            return Finding(Order.NO, f"{wanted}: it does")
        if not found or life.shortfall:
            return Finding(Order.TIE, f"{wanted}: the end was not seen")
        return Finding(Order.YES, f"{wanted}: in none of {len(found)} states seen")

    return claim


def said_by(container: str, event: str, attempt: int) -> Moment:
    """When this attempt of the container said so for the first time."""

    def find(life: Life) -> Instant | None:
        said = [one.at for one in life.stamps(container, event) if one.attempt == attempt]
        return said[0] if said else None

    return Moment(f"{event!r} of {container}, attempt {attempt},", find)


def says_in(container: str, attempt: int, event: str, detail: str) -> Claim:
    """This attempt of the container said this event with this detail; having ended without it is a no."""
    wanted = f"attempt {attempt} of {container} says {event!r} {detail!r}"

    def claim(life: Life) -> Finding:
        said = {kind: _details(life, container, kind, attempt) for kind in (event, "end")}
        if not said[event]:
            return Finding(
                Order.NO if said["end"] else Order.TIE,
                f"{wanted}: it {'ended without' if said['end'] else 'has no such stamp, and none of its end'}",
            )
        told = ", ".join(map(repr, said[event]))
        return Finding(Order.YES if detail in said[event] else Order.NO, f"{wanted}: it said {told}")

    return claim


def says_alike(container: str, event: str, times: int = 2) -> Claim:
    """The container said this event so many times or more, and each time with the same detail."""
    wanted = f"{container} says {event!r} alike {times} times"

    def claim(life: Life) -> Finding:
        said = life.stamps(container, event)
        details = sorted({one.detail for one in said})
        if len(details) > 1:
            return Finding(Order.NO, f"{wanted}: it said {', '.join(details)}")
        heard = len({one.at.earliest for one in said})  # a line may be there twice
        told = f"{wanted}: {', '.join(details)}, heard {heard} times"
        return Finding(Order.YES if heard >= times else Order.TIE, told)

    return claim


def _details(life: Life, container: str, event: str, attempt: int) -> list[str]:
    return [one.detail for one in life.stamps(container, event) if one.attempt == attempt]


def leaves_message(container: str, wanted: str, test: Callable[[str], bool]) -> Claim:
    """What the container left in its status at its end passes the test; nothing is an empty message."""
    told = f"the message that {container} leaves {wanted}"

    def claim(life: Life) -> Finding:
        facts = life.facts(container)
        if facts is None or facts.state != "terminated":
            return Finding(Order.TIE, f"{told}: its end was not seen")
        message = facts.message or ""
        said = f"{len(message)} characters, {message[:60]!r}"
        return Finding(Order.YES if test(message) else Order.NO, f"{told}: {said}")

    return claim


def heard_otherwise(life: Life, container: str, event: str) -> Life:
    """The evidence, had the container said this event with another detail after the first time."""
    first = life.stamp(container, event)

    def doctored(line: Line) -> Line:
        stamp = next(stamps_in([line]), None)
        if stamp is None or first is None or (stamp.container, stamp.event) != (container, event):
            return line
        return replace(line, text=f"{line.text}-not") if stamp.at.earliest > first.at.earliest else line

    return replace(
        life,
        timelines=tuple(replace(one, lines=tuple(map(doctored, one.lines))) for one in life.timelines),
    )


# --- rules --------------------------------------------------------------------------------------


def rule(*codes: int, action: str = "Restart", operator: str = "In") -> Mapping[str, Any]:
    """A container's rule on what becomes of it when it exits so."""
    return {"action": action, "exitCodes": {"operator": operator, "values": list(codes)}}


def ruled(*rules: Mapping[str, Any], policy: str = "Never") -> dict[str, Any]:
    """The fields of a container that has a policy and rules of its own."""
    return {"restartPolicy": policy, "restartPolicyRules": list(rules)}
