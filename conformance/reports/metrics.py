"""A run as OpenMetrics, for a push gateway or a node exporter's textfile collector."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Info
from prometheus_client.openmetrics.exposition import generate_latest

from conformance.record import Run, noise_of, per_minute

PREFIX = "podpatterns_conformance"


def metrics(run: Run) -> str:
    """The whole exposition. Each behaviour is 1 under the verdict that it has; figures are gauges."""
    registry = CollectorRegistry()
    Info(f"{PREFIX}_run", "What was run on what.", registry=registry).info(
        {"version": run.version, "started": run.started}
    )
    verdicts = Gauge(
        f"{PREFIX}_behaviour",
        "1: the behaviour has this verdict.",
        ["id", "area", "tier", "verdict"],
        registry=registry,
    )
    for entry in run.entries:
        verdicts.labels(entry.id, entry.area, entry.tier, entry.verdict).set(1)
    counts = Gauge(f"{PREFIX}_behaviours", "Behaviours by verdict.", ["verdict"], registry=registry)
    for verdict, count in run.counts.items():
        counts.labels(verdict).set(count)
    slips = Gauge(f"{PREFIX}_twins_slipped", "Wrong twins that a check let pass.", registry=registry)
    slips.set(sum(entry.twin_slips for entry in run.entries))
    spent = Gauge(
        f"{PREFIX}_scene_seconds", "Seconds of all scenes together, by phase.", ["phase"], registry=registry
    )
    for phase, seconds in run.figures.spent.items():
        spent.labels(phase).set(seconds)
    figures, noise = run.figures, noise_of(run)
    for name, words, value in (
        ("run_seconds", "Seconds from the first scene to the last verdict.", figures.seconds),
        ("behaviours_per_minute", "Behaviours that got a verdict, a minute.", per_minute(run)),
        ("cpu_seconds", "Processor time of the suite itself.", figures.cpu_seconds),
        ("memory_bytes", "The most memory that the suite itself held.", figures.memory_bytes),
        ("scenes", "Scenes that were run.", figures.scenes),
        ("pods", "Pods that were made.", figures.pods),
        ("requests", "Requests to the API server.", figures.requests),
        (
            "noise_seconds",
            "The latest first word of a container after its process.",
            noise.worst if noise else 0.0,
        ),
    ):
        Gauge(f"{PREFIX}_{name}", words, registry=registry).set(value)
    generate: Any = generate_latest  # it has no types
    text: bytes = generate(registry)
    return text.decode()
