"""A pipe's server and a real browser: a page of another origin cannot kill the pipe, its user can."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright
from tests.conftest import WaitFor
from tests.pipe.outside.served import Serve, Served

from sightline.pages.guard import Guard, Headers, Refusal

pytestmark = [pytest.mark.needs("browser"), pytest.mark.needs("curl")]
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
]
WAIT_S = 30.0
HARMLESS = "a page that looks harmless"
ATTACK = """async (target) => {
    const at = (by) => `${target}?by=${by}`;
    const add = (tag, facts) => document.body.appendChild(Object.assign(document.createElement(tag), facts));
    for (const method of ["GET", "POST"]) {
        for (const mode of ["no-cors", "cors"])
            await fetch(at(`${mode} ${method}`), { method, mode }).catch(() => {});
    }
    const body = '{"extra_args": {}}';
    await fetch(at("json"), { method: "POST", mode: "no-cors", body }).catch(() => {});
    await fetch(at("preflight"), { method: "POST", headers: { Authorization: "Bearer x" } }).catch(() => {});
    navigator.sendBeacon(at("beacon"), "x");
    new WebSocket(at("websocket").replace("http", "ws"));
    new EventSource(at("events"));
    add("img", { src: at("img") });
    add("script", { src: at("script") });
    add("link", { rel: "stylesheet", href: at("stylesheet") });
    add("link", { rel: "prefetch", href: at("prefetch") });
    add("object", { data: at("object"), type: "text/html" });
    add("iframe", { src: at("iframe") });
    add("video", { src: at("video") });
    for (const method of ["get", "post"]) {
        const frame = add("iframe", { name: `of ${method}` });
        const form = add("form", { action: target, method, target: frame.name });
        form.appendChild(add("input", { name: "by", value: `form ${method}` }));
        if (method === "post") form.action = at("form post");
        form.submit();
    }
    const sandboxed = add("iframe", { sandbox: "allow-scripts" });
    sandboxed.srcdoc = `<script>fetch("${at("sandboxed")}", { method: "POST", mode: "no-cors" })</script>`;
    new Worker(URL.createObjectURL(new Blob(
        [`fetch("${at("worker")}", { method: "POST", mode: "no-cors" })`])));
}"""
WAYS = {
    "no-cors GET",
    "no-cors POST",
    "cors GET",
    "cors POST",
    "json",
    "preflight",
    "beacon",
    "websocket",
    "events",
    "img",
    "script",
    "stylesheet",
    "prefetch",
    "object",
    "iframe",
    "video",
    "form get",
    "form post",
    "sandboxed",
    "worker",
}


class Harmless(BaseHTTPRequestHandler):
    """A page, or what a query tells it to lead to."""

    def do_GET(self) -> None:
        _, _, leads_to = self.path.partition("?")
        if leads_to:
            self.send_response(302)
            self.send_header("Location", leads_to)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<title>{HARMLESS}</title><body>".encode())

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - as the base class has it


@contextmanager
def another_server() -> Iterator[int]:
    """The port of another server of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Harmless) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def elsewhere(no_leaks: None) -> Iterator[int]:
    with another_server() as port:
        yield port


@pytest.fixture(scope="module")
def browser(found_at: Callable[[str], str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found_at("browser"), args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(serve: Serve, browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.context.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Refusal | None]]:
    """By which way somebody asked, and why they were refused."""
    seen: list[tuple[str, Refusal | None]] = []
    refusal = Guard.refusal

    def noted(guard: Guard, path: str, query: str, headers: Headers) -> Refusal | None:
        told = refusal(guard, path, query, headers)
        seen.append((parse_qs(query).get("by", [path])[0], told))
        return told

    monkeypatch.setattr(Guard, "refusal", noted)
    return seen


def alive(served: Served) -> bool:
    return served.pipe.stats().state == "running" and not served.api.wait(0) and len(served.pipe.pids) == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example"])
def test_a_page_of_another_origin_can_kill_nothing(
    serve: Serve,
    page: Page,
    elsewhere: int,
    host: str,
    asked: list[tuple[str, Refusal | None]],
    wait_for: WaitFor,
) -> None:
    served = serve()
    page.goto(f"http://{host}:{elsewhere}/")
    assert page.title() == HARMLESS
    page.evaluate(ATTACK, f"{served.api.url}/kill")

    def all_tried() -> bool:
        page.wait_for_timeout(50)  # it lets the browser go on
        return {way for way, _ in asked} >= WAYS

    wait_for(all_tried, WAIT_S, f"all ways to be tried but {WAYS - {way for way, _ in asked}}")
    assert {way for way, refusal in asked if refusal is None} == set()
    assert alive(served)


def test_a_link_of_another_site_kills_nothing(serve: Serve, page: Page, elsewhere: int) -> None:
    served = serve()
    for open_it in (
        "url => { location.href = url }",
        "url => { document.body.innerHTML = `<a href=${url}>`; document.links[0].click() }",
        "url => { document.body.innerHTML = `<form method=post action=${url}>`; document.forms[0].submit() }",
    ):
        page.goto(f"http://evil.example:{elsewhere}/")
        with page.expect_navigation(url=f"{served.api.url}/kill"):
            page.evaluate(open_it, f"{served.api.url}/kill")
        assert "of another" in page.inner_text("body")
        assert alive(served)


def test_a_server_that_its_user_went_to_and_that_leads_here_kills_nothing(
    serve: Serve, page: Page, elsewhere: int
) -> None:
    served = serve()
    page.goto(f"http://evil.example:{elsewhere}/?{served.api.url}/kill")  # as if typed, or from a mail
    assert page.url == f"{served.api.url}/kill"
    assert "may have led here" in page.inner_text("body")
    assert alive(served)


def test_a_name_that_was_pointed_here_kills_nothing_and_shows_nothing(serve: Serve, page: Page) -> None:
    with another_server() as port:
        rebound = f"http://evil.example:{port}"
        page.goto(f"{rebound}/")
        assert page.title() == HARMLESS
    served = serve(port=port)  # of the same origin as the page, as far as the browser knows
    told = page.evaluate(
        "async url => { const a = await fetch(url, { method: 'POST' }); return [a.status, await a.text()] }",
        f"{rebound}/kill",
    )
    assert told == [400, "this server is not known by that name\n"]
    assert alive(served)
    page.goto(f"{rebound}/pipe/structure")
    assert page.inner_text("body").strip() == "this server is not known by that name"


def test_its_user_looks_at_it_and_kills_it(serve: Serve, page: Page) -> None:
    served = serve()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(served.api.url)
    assert page.title() == "A pipe"
    assert page.locator("tr", has_text="/kill").inner_text().startswith("GET, POST")
    assert page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"
    page.goto(f"{served.api.url}/pipe/structure")
    assert json.loads(page.inner_text("pre")) == served.pipe.get_pipe_structure()
    assert faults == []
    page.goto(served.api.url)
    with page.expect_navigation(url=f"{served.api.url}/kill?") as killing:
        page.get_by_role("button", name="kill").click()
    assert killing.value is not None
    assert killing.value.status == 200
    assert faults == []
    assert served.api.wait(WAIT_S)
    with pytest.raises(Error, match="REFUSED"):
        page.goto(served.api.url)


def test_who_knows_the_token_has_buttons_that_know_it_and_an_address_line(serve: Serve, page: Page) -> None:
    token = "only for <this> & test"
    served = serve(token=token)
    page.goto(f"{served.api.url}/?{urlencode({'token': token})}")
    with page.expect_navigation(url="**/start?*") as starting:
        page.get_by_role("button", name="start").click()
    assert starting.value is not None
    assert starting.value.status == 200
    assert page.goto(f"{served.api.url}/kill")
    assert "needs its token" in page.inner_text("body")
    answer = page.goto(f"{served.api.url}/kill?{urlencode({'token': token})}")
    assert answer is not None
    assert answer.status == 200
    assert served.api.wait(WAIT_S)
