"""The words that the containers of a scene speak: a few lines of shell that every sh of a busybox understands.

Every container writes stamps to its log, `@ UPTIME EVENT [DETAIL...]`, on the kernel's own clock, which is one
for all containers of a node and ticks a hundred times a second. `begin` carries, besides, when the kernel made
the container's process: that is when the runtime started it, however late the shell came to say so.
"""

from __future__ import annotations

from collections.abc import Sequence

# Where the containers of a Pod see each other's marks.
BOARD = "/board"

WORDS = rf"""
now() {{ read -r now _ < /proc/uptime; }}
hundredths() {{ now; hundredths=${{now%.*}}${{now#*.}}; }}
say() {{ now; echo "@ $now $*"; [ -z "$WILL" ] || echo "@ $now $*" >> "$WILL"; }}
heard() {{ out=/proc/1/fd/3; [ -e "$out" ] || out=/proc/1/fd/1; (: > "$out"); }}
aloud() {{ within 10 heard; exec > "$out"; }}
hook_say() {{ (aloud; say "$@"); }}
tick() {{ now; tock=$now; while now; [ "$now" = "$tock" ]; do :; done; }}
mark() {{ : > {BOARD}/$1; }}
marked() {{ [ -e {BOARD}/$1 ]; }}
begin() {{
  set -- $(cat /proc/$$/stat); shift 21
  say begin "${{1%??}}.${{1#"${{1%??}}"}}"
  mark "$NAME"
}}
within() {{
  hundredths; until=$((hundredths + $1 * 100)); shift
  until "$@" > /dev/null 2>&1; do
    hundredths; [ "$hundredths" -lt "$until" ] || return 1
    sleep 0.2
  done
}}
await() {{ if within "$PATIENCE" marked "$1"; then say saw "$1"; else say missed "$1"; fi; }}
linger() {{ within "$WINDOW" marked "$1" || :; }}
fetch() {{ timeout 30 wget -q -O - "$1"; }}
serving() {{ kill -0 "$server" 2> /dev/null; }}
served() {{ fetch "$1" || ! serving; }}
serve() {{
  httpd -f -p "$1" -h "${{2:-{BOARD}}}" & server=$!
  within "$PATIENCE" served "http://127.0.0.1:${{1##*:}}/$NAME" && serving
}}
answer() {{ told=$(fetch "$url"); }}
reach() {{
  event=$1; url=$2
  if within "$PATIENCE" answer; then say "$event" $told; else say "$event-failed" "$url"; fi
}}
tell() {{ event=$1; shift; if told=$("$@" 2>&1); then say "$event" $told; else say "$event-failed" $told; fi; }}
""".strip()

# A file whose content the kubelet takes into the container's status at its end. The log of a Pod that was deleted goes
# with its containers as soon as the last has ended; where WILL names this file, the stamps outlive them.
WILL = "/dev/termination-log"

# While process 1 runs a function that is not to be heard its standard output is elsewhere: hooks speak by another way.
# A postStart hook may be called while process 1 is still the runtime's, whose files nobody may open: it tries again.
ALOUD = "exec 3>&1"

# A sidecar stays until it is told to stop; PID 1 gets no signal that it does not ask for.
STAY = "while :; do sleep 3600 & wait $!; done"


def until_its_end(*lines: str) -> str:
    """A container that says when it began, does its lines, says its end and is not gone before the clock ticks."""
    return "\n".join([WORDS, ALOUD, "begin", *lines, "say end", "tick"])


def until_told(*lines: str, at_term: Sequence[str] = ()) -> str:
    """A container that does its lines and then stays until it gets TERM.

    Upon that it does the lines of at_term, which may set `code`, and exits; a further TERM changes nothing.
    """
    told = ["told() {", "trap 'say term-again' TERM", "say term", *at_term, "say end", "tick"]
    return "\n".join([WORDS, ALOUD, *told, "exit ${code:-0}", "}", "trap told TERM", "begin", *lines, STAY])


def aside(*lines: str) -> list[str]:
    """The command of a hook or a probe that speaks the same words."""
    return ["sh", "-c", "\n".join([WORDS, *lines])]
