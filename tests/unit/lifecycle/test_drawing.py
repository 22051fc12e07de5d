"""Drawings that are a file of their own."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.drawing import sheet
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline

from .statuses import ended, pod, running, seen

SVG = "{http://www.w3.org/2000/svg}"


def timeline(name: str) -> Timeline:
    view = seen(pod(init={"prepare": ended(0, 2, 7)}, app={"nginx": running(8)}, name=name))
    return view.timeline(view.pods[f"uid-{name}"])


def test_a_sheet_has_its_style_and_the_drawing_of_each_pod_below_that_of_the_one_before() -> None:
    drawn = ET.fromstring(sheet([timeline("web"), timeline("shop")]))
    assert len(drawn.findall(f"{SVG}style")) == 1
    first, second = drawn.findall(f"{SVG}svg")
    assert (first.get("aria-label"), second.get("aria-label")) == (
        "Timeline of Pod shop/web",
        "Timeline of Pod shop/shop",
    )
    assert (first.get("y"), second.get("y")) == ("0", first.get("height"))
    assert int(str(drawn.get("height"))) == int(str(first.get("height"))) + int(str(second.get("height")))


def test_a_sheet_of_no_pods_is_empty() -> None:
    assert ET.fromstring(sheet([])).findall(f"{SVG}svg") == []
