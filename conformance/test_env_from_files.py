"""Env from files: variables of a container whose values an earlier container has written to a file.

The twin of what is read is a file that says something else: who reads it must say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import Claim, Judgement, Test, refuses, restarted, says, the
from conformance.deeds import Delete, Until
from conformance.ending import at_last, ends, never_made
from conformance.pods import Scene, Speaker, app, hook, init, mount, pod, probe, resident, scene, sidecar
from conformance.registry import ENV_FILE_DOCS, Area, Behaviour
from conformance.restarting import at_first, followed, leave, says_in
from conformance.verdicts import catch, hold

KEP_3721 = "KEP-3721, Support for env files"
SINCE = "1.35"

FILES = {"name": "files", "emptyDir": {}}
IN_FILES = [mount("files", "/files")]
CONFIG_ERROR = "CreateContainerConfigError"
NONE = "none"


def from_file(name: str, key: str = "", path: str = "env", volume: str = "files", **more: Any) -> Any:
    """An env entry whose value is that of a key in a file."""
    reference = {"volumeName": volume, "path": path, "key": key or name, **more}
    return {"name": name, "valueFrom": {"fileKeyRef": reference}}


def writes(path: str = "env", **values: str) -> str:
    """A line that writes these variables to a file."""
    text = "\n".join(f"{name}='{value}'" for name, value in values.items())
    return f"cat > /files/{path} <<'EOF'\n{text}\nEOF"


def writer(name: str = "early", *lines: str, **values: str) -> Speaker:
    return init(name, writes(**values), *lines, volumeMounts=IN_FILES)


GREETING = {"env": [from_file("GREETING")]}
GREET = 'say greeting "$GREETING"'


def reading(name: str, *speakers: Speaker, greeting: str = "hello", **spec: Any) -> Scene:
    """A Pod whose file has two variables, to its end."""
    early = writer(GREETING=greeting, OTHER="other")
    return followed(name, early, *speakers, volumes=[FILES], **spec)


def reads(
    name: str,
    statement: str,
    *speakers: Speaker,
    shows: tuple[Claim, ...],
    source: str = KEP_3721,
    **spec: Any,
) -> Behaviour:
    """A behaviour of what is read, by the greeting in the file."""
    short = name.removeprefix("fkr-")
    twin = reading(f"reads-otherwise-{short}", *speakers, greeting="goodbye", **spec)
    return Behaviour(
        name, statement, source, SINCE, reading(f"reads-{short}", *speakers, **spec), shows, twin
    )


def _wanting(name: str, lacks: Mapping[str, Any], until: Until | None = None) -> Scene:
    """Containers that want something by these entries, each in its own way."""
    wanting = (app(one, 'say greeting "${GREETING-unset}"', env=[entry]) for one, entry in lacks.items())
    return reading(name, *wanting, until=until)


# An optional file that is missing is not asked for: the API has it that the container starts, 1.36 lets it wait.
NO_KEY = {"no-key": from_file("GREETING", key="NONE", optional=True)}
LACKS = {"no-file": from_file("GREETING", path=NONE), "no-key": from_file("GREETING", key="NONE")}


def _waits(container: str) -> Test:
    return the(container, lambda one: one.state == "waiting" and one.reason == CONFIG_ERROR)


def _is_settled(seen: PodFacts) -> bool:
    apps = seen.having(Role.APP)
    return all(one.state == "terminated" or _waits(one.name)(seen) for one in apps)


SETTLED = Until("every app has ended, or waits for its configuration", _is_settled)

# --- what files say -----------------------------------------------------------------------------

FINE = {
    "quoted": "GREETING='hello'",
    "commented": "# a note\n\n  GREETING='hello'",
    "in-lines": "GREETING='hello\nyou'",
}
BAD = {"bare": "GREETING=hello", "double": 'GREETING="hello"', "open": "GREETING='hello"}


def _written(name: str, files: Mapping[str, str]) -> Scene:
    """A Pod with a file for each app."""
    lines = (f"cat > /files/{path} <<'EOF'\n{text}\nEOF" for path, text in files.items())
    greeters = (app(path, "say greeting $GREETING", env=[from_file("GREETING", path=path)]) for path in files)
    early = init("early", *lines, volumeMounts=IN_FILES)
    return followed(name, early, *greeters, until=SETTLED, volumes=[FILES])


LONG_KEY = "N" * 128


def _big(name: str, value: int) -> Scene:
    """A Pod that reads a value of so many bytes, a long key, and the end of a file of 64 KiB."""
    early = init(
        "early",
        f"printf \"GREETING='%s'\\n\" \"$(yes x | tr -d '\\n' | head -c {value})\" > /files/value",
        writes("key", **{LONG_KEY: "hello"}),
        f"{{ yes '# note' | head -c {65536 - 18}; printf \"\\nGREETING='hello'\\n\"; }} > /files/file",
        'say size "$(wc -c < /files/file)"',
        volumeMounts=IN_FILES,
    )
    return followed(
        name,
        early,
        app("value", 'say length "${#GREETING}"', env=[from_file("GREETING", path="value")]),
        app("key", GREET, env=[from_file("GREETING", key=LONG_KEY, path="key")]),
        app("file", GREET, env=[from_file("GREETING", path="file")]),
        until=SETTLED,
        volumes=[FILES],
    )


def _hooked(name: str, greeting: str) -> Scene:
    """A Pod whose hooks greet; it is deleted, for the one that does so at the end."""
    main = resident(
        "main",
        "await started",
        lifecycle={
            "postStart": hook("aloud", 'say started "$GREETING"', "mark started"),
            "preStop": hook("aloud", 'say stopped "$GREETING"'),
        },
        startupProbe=probe("marked started"),
        **GREETING,
    )
    made = pod(name, writer(GREETING=greeting), main, volumes=[FILES])
    return scene(made, deeds=(Delete(name),))


def _rewritten(name: str, greeting: str) -> Scene:
    """The file is written anew before the app is started again."""
    helper = sidecar(
        "helper", "await main", writes(GREETING=greeting), "mark rewritten", volumeMounts=IN_FILES
    )
    main = app("main", GREET, at_first(f"await rewritten; {leave(1)}"), **GREETING)
    return reading(name, helper, main, restartPolicy="OnFailure")


def _from_volume(name: str, volume: str, *volumes: Mapping[str, Any]) -> dict[str, Any]:
    entry = from_file("GREETING", volume=volume)
    return pod(name, init("early"), app("main", env=[entry]), volumes=[FILES, *volumes])


CONFIG = {"name": "config", "configMap": {"name": "config"}}

AREA = Area(
    "env from files",
    (
        reads(
            "fkr-basic",
            "A variable of a container can come from a file that an init container wrote, in a volume that the"
            " container does not mount.",
            app("main", GREET, **GREETING),
            shows=(says("main", "greeting", "hello"), ends("main", "Succeeded")),
            source=f"{ENV_FILE_DOCS}; {KEP_3721}",
        ),
        reads(
            "fkr-multi-containers",
            "Several containers can read one file, each its own key under a name of its own.",
            app("main", GREET, "await greeted", **GREETING),
            app("next", 'say other "$ANY" "${GREETING-unset}"', env=[from_file("ANY", key="OTHER")]),
            sidecar("helper", 'say greeting "$ANY"', "mark greeted", env=[from_file("ANY", key="GREETING")]),
            shows=(
                says("main", "greeting", "hello"),
                says("next", "other", "other unset"),
                says("helper", "greeting", "hello"),
            ),
        ),
        Behaviour(
            "fkr-optional",
            "Where a key is optional and missing in its file, the variable is not set and the container starts.",
            source=f"{ENV_FILE_DOCS}; {KEP_3721}",
            since=SINCE,
            scene=_wanting("optional", NO_KEY),
            shows=(says("no-key", "greeting", "unset"), ends("no-key", "Succeeded")),
            twin=_wanting("optional-but-there", {"no-key": from_file("GREETING", optional=True)}),
        ),
        Behaviour(
            "fkr-missing-required",
            "Where the file or the key is missing and not optional, the container is not made and waits.",
            source=f"{ENV_FILE_DOCS}; {KEP_3721}",
            since=SINCE,
            scene=_wanting("required", LACKS, SETTLED),
            shows=(
                *(at_last(one, f"{one} waits", _waits(one)) for one in ("no-file", "no-key")),
                *(never_made(one) for one in ("no-file", "no-key")),
            ),
            twin=_wanting("required-and-there", dict.fromkeys(LACKS, from_file("GREETING")), SETTLED),
        ),
        Behaviour(
            "fkr-volume-must-be-emptydir",
            "The file must be in a volume of the Pod, and that an emptyDir.",
            source=KEP_3721,
            since=SINCE,
            scene=scene(
                _from_volume("in-no-volume", NONE), _from_volume("in-config", "config", CONFIG), dry=True
            ),
            shows=(
                refuses("in-no-volume", "spec.containers[0].env", ".valueFrom.fileKeyRef"),
                refuses("in-config", "spec.containers[0].env", ".valueFrom.fileKeyRef"),
            ),
            twin=scene(
                _from_volume("in-empty-dir", "files"),
                _from_volume("in-empty-dir-too", "files", CONFIG),
                dry=True,
            ),
            tier="api",
        ),
        reads(
            "fkr-in-later-init",
            "A later init container can read the file as well.",
            init("later", GREET, **GREETING),
            app("main"),
            shows=(says("later", "greeting", "hello"), ends("main", "Succeeded")),
            source=f"{ENV_FILE_DOCS}; {KEP_3721}",
        ),
        Behaviour(
            "fkr-hooks",
            "The hooks of a container see the variables that it has from a file.",
            source=KEP_3721,
            since=SINCE,
            scene=_hooked("hooks-read", "hello"),
            shows=(says("main", "started", "hello"), says("main", "stopped", "hello")),
            twin=_hooked("hooks-read-otherwise", "goodbye"),
        ),
        Behaviour(
            "fkr-grammar",
            "A value stands in single quotes, in one line or more, behind comments and blanks; a file that has it"
            " otherwise keeps its container waiting.",
            source=KEP_3721,
            since=SINCE,
            scene=_written("well-and-badly", {**FINE, **BAD}),
            shows=(
                *(says(one, "greeting", "hello") for one in ("quoted", "commented")),
                says("in-lines", "greeting", "hello you"),
                *(
                    claim
                    for one in BAD
                    for claim in (at_last(one, f"{one} waits", _waits(one)), never_made(one))
                ),
            ),
            twin=_written("well-written", {**FINE, **dict.fromkeys(BAD, FINE["quoted"])}),
        ),
        Behaviour(
            "fkr-limits",
            "A file may have 64 KiB, a key 128 characters and a value 32 KiB.",
            source=KEP_3721,
            since=SINCE,
            scene=_big("as-big-as-may-be", 32768),
            shows=(
                says("early", "size", "65536"),
                says("value", "length", "32768"),
                says("key", "greeting", "hello"),
                says("file", "greeting", "hello"),
            ),
            twin=_big("not-so-big", 32767),
        ),
        Behaviour(
            "fkr-reread-on-restart",
            "The file is read at each start of a container: one that is started again has the values of that time.",
            source=KEP_3721,
            since=SINCE,
            scene=_rewritten("rewritten", "goodbye"),
            shows=(
                restarted("main", 1),
                says_in("main", 0, "greeting", "hello"),
                says_in("main", 1, "greeting", "goodbye"),
            ),
            twin=_rewritten("written-alike", "hello"),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
