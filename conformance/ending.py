"""Claims on how containers and Pods end: told or killed, in what time, with what result."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import (
    Instant,
    Order,
    from_uptime,
)
from conformance.claims import Claim, Finding, Life, Moment, Test, exited, noise, on_both, states

ENDS = ("Succeeded", "Failed")
# 128 and the number of SIGKILL.
KILLED = 137


def over(pod: PodFacts) -> bool:
    """Whether the Pod has come to its end, by its phase."""
    return pod.phase in ENDS


def settled(pod: PodFacts) -> bool:
    """Whether the Pod has come to its end, and its containers to theirs.

    One that is evicted, out of time, or failed in its init containers is Failed while others are still being stopped.
    """
    return over(pod) and all(one.state != "running" for one in pod.containers)


def ends(container: str, phase: str, reason: str | None = None) -> Claim:
    """The container's Pod comes to its end in this phase, for this reason where one is given."""
    wanted = f"the Pod of {container} ends {phase}" + (f" ({reason})" if reason else "")

    def claim(life: Life) -> Finding:
        timeline = life.timeline(container)
        if timeline is None or timeline.pod.phase not in ENDS:
            return Finding(Order.TIE, f"{wanted}: its end was not seen")
        pod = timeline.pod
        holds = pod.phase == phase and reason in (None, pod.reason)
        return Finding(
            Order.YES if holds else Order.NO,
            f"{wanted}: {pod.phase}{f' ({pod.reason})' if pod.reason else ''}",
        )

    return claim


def killed(container: str) -> Claim:
    """The container's last state is an end by SIGKILL."""
    return exited(container, KILLED)


def ended_by(container: str, reason: str) -> Claim:
    """Some attempt of the container ended for this reason; none having ended is no telling."""
    wanted = f"{container} ended by {reason}"

    def claim(life: Life) -> Finding:
        found = [str(one.reason) for one in life.attempts(container) if one.exit_code is not None]
        if not found:
            return Finding(Order.TIE, f"{wanted}: none of its ends was seen")
        return Finding(
            Order.YES if reason in found else Order.NO, f"{wanted}: it ended by {', '.join(found)}"
        )

    return claim


def never_says(container: str, event: str) -> Claim:
    """The container, whose other stamps are there, has none of this event."""
    wanted = f"{container} never says {event!r}"

    def claim(life: Life) -> Finding:
        if life.stamp(container, "begin") is None:
            return Finding(Order.TIE, f"{wanted}: it has no stamps at all")
        said = life.stamp(container, event)
        if said is not None:
            return Finding(Order.NO, f"{wanted}: it did at {said.at.earliest:.2f} s")
        if life.shortfall:
            return Finding(Order.TIE, f"{wanted}: it did not get there")
        return Finding(Order.YES, f"{wanted}: it has no such stamp")

    return claim


def never_made(container: str) -> Claim:
    """In no state that was seen had the kubelet made a process of this container."""

    def claim(life: Life) -> Finding:
        pods = life.pods(container)
        wanted = f"{container} is never made"
        for number, pod in enumerate(pods, start=1):
            if any(one.name == container and one.container_id for one in pod.containers):
                return Finding(Order.NO, f"{wanted}: it was in state {number} of {len(pods)} seen")
        if not pods or life.shortfall:
            return Finding(Order.TIE, f"{wanted}: the end was not seen")
        return Finding(Order.YES, f"{wanted}: it was in none of {len(pods)} states seen")

    return claim


def stays_dead(container: str) -> Claim:
    """Once the container has run, no state that was seen has it wait for another run, or has one more attempt."""

    def claim(life: Life) -> Finding:
        wanted = f"{container} is not started again"
        ran = False
        pods = life.pods(container)
        for number, pod in enumerate(pods, start=1):
            now = next((one for one in pod.containers if one.name == container), None)
            if now is None:
                continue
            if now.restarts or (ran and now.state == "waiting"):
                said = f"in state {number} of {len(pods)} seen: {states(pod)}"
                return Finding(Order.NO, f"{wanted}: it is, {said}")
            ran = ran or now.state != "waiting"
        if not ran or life.shortfall:
            return Finding(Order.TIE, f"{wanted}: it did not get there")
        return Finding(Order.YES, f"{wanted}: in none of {len(pods)} states seen")

    return claim


def at_last(container: str, wanted: str, test: Test) -> Claim:
    """The very last state that was seen of the container's Pod passes the test."""

    def claim(life: Life) -> Finding:
        pods = life.pods(container)
        if not pods or life.shortfall:
            return Finding(Order.TIE, f"at last {wanted}: it did not get there")
        return Finding(Order.YES if test(pods[-1]) else Order.NO, f"at last {wanted}: {states(pods[-1])}")

    return claim


def birth_of(container: str, attempt: int) -> Moment:
    """When the kernel made the process of this attempt of the container."""

    def find(life: Life) -> Instant | None:
        said = [one for one in life.stamps(container, "begin") if one.attempt == attempt]
        return from_uptime(said[0].detail) if said else None

    return Moment(f"start of {container}, attempt {attempt},", find)


def later_by(first: Moment, second: Moment, seconds: float) -> Claim:
    """The second came so much later than the first; what the scene's noise explains, or half of that, is no telling.

    A busy node makes a delay longer, or eats of it where it keeps the first back.
    """

    def found(life: Life, one: Instant, two: Instant) -> tuple[Order, str]:
        apart, late = two.earliest - one.earliest, noise(life)
        # Nothing explains that the second came first.
        enough = max(min(seconds / 2, seconds - late), 0.0)
        answer = Order.YES if apart >= seconds else Order.TIE if apart >= enough else Order.NO
        return answer, f"{apart:.2f} s, and words came up to {late:.2f} s late"

    return on_both(first, second, f"{second.name} comes {seconds:g} s after {first.name}", found)


def ended_within(container: str, seconds: float) -> Claim:
    """The Pod's end was seen within so many seconds of the first deed, both by our own clock."""
    wanted = f"the Pod of {container} ends within {seconds:g} s"

    def claim(life: Life) -> Finding:
        ended = next((one.at for one in life.seen(container) if one.pod.phase in ENDS), None)
        if ended is None or not life.done:
            return Finding(Order.TIE, f"{wanted}: its end was not seen")
        took = ended - life.done[0].at
        return Finding(Order.YES if took < seconds else Order.NO, f"{wanted}: it took {took:.1f} s")

    return claim


def given(premise: Claim, claim: Claim) -> Claim:
    """The claim, which says nothing where the premise does not hold."""

    def both(life: Life) -> Finding:
        ground = premise(life)
        found = claim(life)
        if ground.answer is not Order.YES:
            return Finding(Order.TIE, f"{found.evidence}; but {ground.evidence}")
        return found

    return both


def at_best(claim: Claim) -> Claim:
    """The claim, whose no may be due to a slow machine, and so tells nothing."""

    def favourable(life: Life) -> Finding:
        found = claim(life)
        return replace(found, answer=Order.TIE) if found.answer is Order.NO else found

    return favourable


def deleting(pod: PodFacts) -> bool:
    """Whether the Pod has been deleted, and is still there."""
    return pod.deleting
