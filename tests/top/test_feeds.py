"""Real feeds: windows of this machine, a pipe behind its API, a hub."""

import http.server
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter

from sightline.errors import AccessDenied, ConfigError, SightlineError, Unreachable, WireError
from sightline.hub import StreamClient, StreamServer
from sightline.pipe import APIWrapper, Pipe
from sightline.site import private_folder as places
from sightline.site.private_folder import private_folder
from sightline.site.visit import PipesVisit
from sightline.site.window import WINDOW, Look, Window
from sightline.top import http_feed, window_feed
from sightline.top.addresses import finder
from sightline.top.feed import Event, Feed, Target
from sightline.top.window_feed import WindowFeed, windows

LOG = Lines()
WAIT_S = 20.0
TOKEN = "planted-7e1d"


@pytest.fixture
def pipe(no_leaks: None) -> Iterator[Pipe]:
    with Pipe(logger=LOG.logger()) as made:
        made.create_flow("f", True, Counter("numbers"), Collect("kept"))
        made.build()
        yield made


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where folders of windows are, for this test alone."""
    place = tmp_path_factory.mktemp("w")
    for module in (places, window_feed):
        monkeypatch.setattr(module, "places", lambda: [place])
    monkeypatch.setattr(places, "_MOST_PATH_BYTES", 90)
    return place


@contextmanager
def shown(pipe: Pipe) -> Iterator[Path]:
    with private_folder() as folder, Window(folder / WINDOW, lambda: PipesVisit("mine", lambda: {"p": pipe})):
        yield folder


def only(address: str) -> Feed:
    ((_, opened),) = finder([address])().items()
    return opened()


def test_windows_of_this_machine_are_found_and_tell(here: Path, pipe: Pipe) -> None:
    assert windows() == []
    with shown(pipe) as folder:
        ((name, opened),) = finder([])().items()
        assert name == folder.name
        with closing(opened()) as feed:
            look = feed.look()
            assert look.name == "mine"
            assert look.pipes["p"].routines.keys() == {"numbers", "kept"}
            assert feed.events("p")[:3] == ["start", "stop", "kill"]
            told = feed.send(Target("p", "f", "numbers"), Event("start", {}))
            assert told == "start: done by numbers"
            with pytest.raises(SightlineError, match="unknown event"):
                feed.send(Target("p"), Event("strat", {}))
    assert finder([])() == {}


def test_a_window_that_others_could_have_put_there_is_not_looked_through(here: Path) -> None:
    (here / "sightline-up-open").mkdir()
    (here / "sightline-up-open").chmod(0o755)
    (here / "sightline-up-open" / WINDOW).touch()
    (here / "elsewhere").mkdir(mode=0o700)
    (here / "elsewhere" / WINDOW).touch()
    (here / "sightline-up-link").symlink_to(here / "elsewhere")
    assert windows() == []
    (here / "sightline-up-ours").mkdir(mode=0o700)
    (here / "sightline-up-ours" / WINDOW).touch()
    assert windows() == [here / "sightline-up-ours" / WINDOW]


def test_what_was_killed_is_not_there_any_more(here: Path, pipe: Pipe) -> None:
    left = here / "sightline-up-left"
    left.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(str(left / WINDOW))
    with shown(pipe) as folder:
        assert list(finder([])()) == [folder.name]
    assert not left.exists()


def test_nobody_behind_a_window_is_told(here: Path, pipe: Pipe) -> None:
    with pytest.raises(Unreachable, match="nobody is there any more"):
        WindowFeed(here / WINDOW)
    with private_folder() as folder:
        window = Window(folder / WINDOW, lambda: PipesVisit("mine", lambda: {"p": pipe}))
        with closing(WindowFeed(folder / WINDOW)) as feed:
            window.close()
            with pytest.raises(Unreachable, match="ended|answer"):
                feed.look()


def test_what_tells_of_another_version_is_told(here: Path) -> None:
    class Older(PipesVisit):
        def look(self) -> Any:
            return {"what": "else"}

    with ExitStack() as opened:
        folder = opened.enter_context(private_folder())
        opened.enter_context(Window(folder / WINDOW, lambda: Older("mine", dict)))
        feed = opened.enter_context(closing(WindowFeed(folder / WINDOW)))
        with pytest.raises(WireError, match="another version"):
            feed.look()


def test_a_pipe_behind_its_api(pipe: Pipe, wait_for: WaitFor) -> None:
    with APIWrapper("127.0.0.1", 0, pipe, TOKEN) as api:
        api.run()
        address = api.url.replace("//", f"//:{TOKEN}@")
        with closing(only(address)) as feed:
            assert feed.look().pipes["pipe"].routines.keys() == {"numbers", "kept"}
            assert TOKEN not in feed.look().name
            assert {"start", "stop", "kill", "let go", "number"} <= set(feed.events("pipe"))
            assert feed.send(Target("pipe", "f", "numbers"), Event("start", {})) == "start: sent"
            wait_for(lambda: pipe.stats().routines["numbers"].state == "running", WAIT_S, "it to run")
            assert pipe.stats().routines["kept"].state == "stopped"
            feed.send(Target("pipe", "f"), Event("let go", {"other": "kept"}))
            wait_for(lambda: not pipe.stats().wire("numbers", "kept").linked, WAIT_S, "what it was told")
            with pytest.raises(SightlineError, match="404 .*unknown event"):
                feed.send(Target("pipe"), Event("strat", {}))
        with pytest.raises(AccessDenied, match="401 .*token"):
            look_at(api.url)


def look_at(address: str) -> Look:
    with closing(only(address)) as feed:
        return feed.look()


@contextmanager
def answering(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


NO_HEADERS: Mapping[str, str] = {}


def _send(
    page: http.server.BaseHTTPRequestHandler,
    status: int,
    body: bytes = b"",
    headers: Mapping[str, str] = NO_HEADERS,
) -> None:
    page.send_response(status)
    for name, value in headers.items():
        page.send_header(name, value)
    page.end_headers()
    page.wfile.write(body)


def test_what_is_no_api_is_told(no_leaks: None, silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda page: _send(page, 200, b"<html>")) as url, pytest.raises(WireError, match="no API"):
        look_at(url)
    elsewhere = {"Location": "http://127.0.0.1:1/"}  # it asks nobody else
    with (
        answering(lambda page: _send(page, 302, headers=elsewhere)) as url,
        pytest.raises(SightlineError, match="302"),
    ):
        look_at(url)
    monkeypatch.setattr(http_feed, "MOST_TOLD_BYTES", 1000)
    with (
        answering(lambda page: _send(page, 200, b"[" * 1001)) as url,
        pytest.raises(WireError, match="1000 bytes"),
    ):
        look_at(url)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable, match=r"does not answer: \[Errno"):
        look_at(f"http://127.0.0.1:{port}")
    monkeypatch.setattr(http_feed, "_ANSWER_S", 0.2)
    with pytest.raises(Unreachable, match="does not answer"):
        look_at(f"http://127.0.0.1:{silent_port}")


def test_a_hub_by_its_address(no_leaks: None) -> None:
    with StreamServer(port=0, token=TOKEN) as server:
        with StreamClient("cam", port=server.port, token=TOKEN) as cam:
            cam.create_new_channel("street")
            with closing(only(f"hub://:{TOKEN}@127.0.0.1:{server.port}")) as feed:
                look = feed.look()
                assert look.hub is not None
                assert "street" in {channel.name for channel in look.hub.channels}
                assert look.name == f"hub://127.0.0.1:{server.port}"
                with pytest.raises(SightlineError, match="takes no events"):
                    feed.send(Target("p"), Event("start", {}))
        with pytest.raises(SightlineError, match="token"):
            look_at(f"hub://:wrong-{TOKEN}@127.0.0.1:{server.port}")


@pytest.mark.parametrize(
    "address",
    [
        "ftp://x",
        "127.0.0.1:8000",
        "http://",
        "http://host:99999",
        f"http://me:{TOKEN}@host",
        f"http://:{TOKEN}@host/path",
        f"https://host?token={TOKEN}",
        f"hub://me:{TOKEN}@host",
    ],
)
def test_what_is_no_address_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(ConfigError, match="expected") as refused:
        finder([address])
    assert TOKEN not in str(refused.value)


def test_a_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_API_TOKEN", TOKEN)
    assert http_feed.ApiAddress.of("http://[::1]:8000").token == TOKEN
    assert http_feed.ApiAddress.of("https://:other%2F@host").token == "other/"
    assert http_feed.ApiAddress.of("http://[::1]:8000").shown == "http://[::1]:8000"
    assert http_feed.ApiAddress.of("https://:other%2F@host").shown == "https://host:443"
