"""Somebody who looks at a coordinator's page with a browser of their own."""

from __future__ import annotations

import re
from typing import Any, Literal, cast

from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from tests.cockpit.security.rig import PASSWORD

COOKIE = "sightline_session"
_LOUD = ("error", "warning")
_EXPECTED = re.compile(
    r"responded with a status of 4\d\d|Canvas2D: Multiple readback"
)  # the latter: of tests


class Visitor:
    """Of the server at `url`.

    Attributes:
        page: that they look at.
        faults: what the browser's console said is wrong: errors of scripts, what the policy refused.
    """

    def __init__(self, browser: Browser, url: str, *, scheme: str = "light", width: int = 1280) -> None:
        self.url = url
        self.faults: list[str] = []
        self._away = False
        self.context = browser.new_context(
            base_url=url,
            color_scheme=cast('Literal["light", "dark"]', scheme),
            viewport={"width": width, "height": 800},
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(15_000)
        self.page: Page = self.open()

    def open(self) -> Page:
        """Another page of theirs."""
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        return page

    def expect_away(self) -> None:
        """The server will be away for a while: a browser's console says so, and that is no fault."""
        self._away = True

    def log_in(self, name: str, password: str = PASSWORD) -> Visitor:
        """By the form, as people do."""
        self.page.goto("/login")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("button", name="Log out")).to_be_visible()
        return self

    def go(self, path: str) -> Page:
        self.page.goto(path)
        return self.page

    def leave(self) -> None:
        self.context.close()

    def _said(self, said: ConsoleMessage) -> None:
        if said.type not in _LOUD or _EXPECTED.search(said.text) or (self._away and "net::ERR" in said.text):
            return
        self.faults.append(f"{said.text} ({_where(said)})")


def _where(said: ConsoleMessage) -> str:
    location: Any = said.location
    return f"{location['url']}:{location['lineNumber']}"
