"""A real Chromium, and people who look at pages with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.cockpit.visitor import Visitor

ARGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    "--autoplay-policy=no-user-gesture-required",
)


@pytest.fixture(scope="module")
def chromium(found_at: Callable[[str], str]) -> Iterator[Browser]:
    """One for the tests of a file; each visitor has a profile of their own.

    No longer than that: while it is there its loop runs in this thread, and other files' tests begin loops.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found_at("browser"), args=list(ARGS))
        yield browser
        browser.close()


class Invite:
    """`visitor(url)`: somebody with a browser of their own; all leave with the test."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._visitors: list[Visitor] = []

    def __call__(self, url: str, *, scheme: str = "light", width: int = 1280) -> Visitor:
        self._visitors.append(Visitor(self._browser, url, scheme=scheme, width=width))
        return self._visitors[-1]

    def leave(self) -> None:
        for visitor in self._visitors:
            visitor.leave()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Invite]:
    """Whoever found a fault in the console fails the test that invited them."""
    invite = Invite(chromium)
    yield invite
    faults = [fault for one in invite._visitors for fault in one.faults]
    invite.leave()
    assert faults == []
