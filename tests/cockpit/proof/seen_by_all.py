"""What keeps people from a page: what axe finds serious, light and dark, and what is too wide for a phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

SERIOUS = {"serious", "critical"}
RULES: Mapping[Literal["light", "dark"], dict[str, Any]] = {
    "light": {},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}},
}
"""Dark, nothing is another than the colours."""
SCREEN: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 320, "height": 800}


def faults(page: Page) -> list[str]:
    """Of the page as it is: light, dark, and as a small phone has it, where tables scroll by themselves."""
    found = []
    for scheme, rules in RULES.items():
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {fault}" for fault in _said_by_axe(page, rules)]
    page.set_viewport_size(PHONE)
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(SCREEN)
    return [*found, *([f"it is {wide} pixels wide on a phone"] if wide > PHONE["width"] else [])]


def _said_by_axe(page: Page, rules: dict[str, Any]) -> list[str]:
    said = Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for one in said
        if one["impact"] in SERIOUS
        for node in one["nodes"][:3]
    ]
