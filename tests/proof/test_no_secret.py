"""Credentials in every place where people put them, searched for in every text that comes out."""

import io
import json
import logging
import threading
import traceback
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, quote_plus
from urllib.request import Request, urlopen

import cv2
import pytest
from tests.conftest import WaitFor
from tests.proof.runs import settings_of
from typer.testing import CliRunner

from sightline import Size
from sightline.capture import CameraInput, probe
from sightline.cli import app
from sightline.errors import SourceError
from sightline.fakecam import FakeCamera, FakeCameras
from sightline.log import configure
from sightline.scene import Scene, encode
from sightline.site import Site
from sightline.site.running import RunningSite

USER = "viewer"
# Of each place another, so that none is hidden for the sake of another one.
FIELD_RIGHT, FIELD_WRONG = "Tulip@1:/#% ü", "Daisy\"2\\'&?="
ENCODED_RIGHT, ENCODED_WRONG = "Peony 3+/@", "Aster%2F4"
RAW_RIGHT, RAW_WRONG = "p@Rose:5/w#d", "p@Viola:6/w#d"
QUERY_LIVE, QUERY_LOST, QUERY_RTSP = "Lily-7.x", "Orchid8/@", "Lotus-9"
TOKEN = "Clover-10+x/y"
SECRETS = (
    *(FIELD_RIGHT, FIELD_WRONG, ENCODED_RIGHT, ENCODED_WRONG, RAW_RIGHT, RAW_WRONG),
    *(QUERY_LIVE, QUERY_LOST, QUERY_RTSP, TOKEN),
)
STREET = "synthetic://street?size=160x90&fps=10&gop=5"
GOOD, BAD = (
    ("field", "encoded", "raw"),
    ("field-wrong", "encoded-wrong", "raw-wrong", "query-lost", "query-rtsp"),
)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def drawn_texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that is written into pictures from now on."""
    texts: list[str] = []
    put = cv2.putText

    def note(image: Any, text: str, *rest: Any, **more: Any) -> Any:
        texts.append(text)
        return put(image, text, *rest, **more)

    monkeypatch.setattr(cv2, "putText", note)
    return texts


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_no_secret_of_any_place_comes_out(
    no_leaks: None, drawn_texts: list[str], tmp_path: Path, free_port: Any, wait_for: WaitFor, as_json: bool
) -> None:
    log = io.StringIO()
    configure("debug", as_json=as_json, stream=log)
    texts: dict[str, str] = {}
    with _fake_cameras() as server, _web_camera() as web_port:
        cameras = _cameras(server, web_port, free_port())
        site = Site.model_validate(_settings(cameras, tmp_path))
        texts["site"] = f"{site!r} {site} {site.model_dump()} {site.model_dump_json()}"
        with RunningSite(site) as running:
            wait_for(lambda: _is_known(running), 30, "each camera to be live or to have told its fault")
            texts |= _pages(running.pages[0])
            texts["status"] = f"{running.status()!r} {running.status()}"
        texts["faults"] = " ".join(running.faults)
        texts |= _probes(site)
        texts |= _commands(cameras)
    texts["log"] = log.getvalue()
    texts["lines"] = (tmp_path / "w.jsonl").read_text()
    texts["contact sheet"] = "\n".join(drawn_texts)
    assert (tmp_path / "sheet.png").exists()
    for what, text in texts.items():
        assert text.strip() or what == "faults", f"{what} is empty"
        for secret in SECRETS:
            for form in _forms(secret):
                assert form not in text, (what, form, text)
    for name in BAD:
        assert name in texts["log"]
    if as_json:
        assert all(isinstance(json.loads(line), dict) for line in texts["log"].splitlines())


def _fake_cameras() -> FakeCameras:
    return FakeCameras(
        {
            "field": FakeCamera(url=STREET, username=USER, password=FIELD_RIGHT),
            "encoded": FakeCamera(url=STREET, username=USER, password=ENCODED_RIGHT, scheme="basic"),
            "raw": FakeCamera(url=STREET, username=USER, password=RAW_RIGHT),
        }
    )


def _cameras(server: FakeCameras, web_port: int, nobody: int) -> dict[str, dict[str, Any]]:
    def url(name: str, password: str) -> str:
        return server.url(name).replace("//", f"//{USER}:{password}@")

    web, none = f"http://127.0.0.1:{web_port}/clip", f"127.0.0.1:{nobody}/clip"
    return {
        "field": {"url": server.url("field"), "username": USER, "password": FIELD_RIGHT},
        "field-wrong": {"url": server.url("field"), "username": USER, "password": FIELD_WRONG},
        "encoded": {"url": url("encoded", quote(ENCODED_RIGHT, safe=""))},
        "encoded-wrong": {"url": url("encoded", quote(ENCODED_WRONG, safe=""))},
        "raw": {"url": url("raw", RAW_RIGHT)},
        "raw-wrong": {"url": url("raw", RAW_WRONG)},
        "query": {"url": f"{web}?token={QUERY_LIVE}&n=1"},
        "query-lost": {"url": f"http://{none}?n=1&api_key={quote(QUERY_LOST, safe='')}"},
        "query-rtsp": {"url": f"rtsp://{USER}:{quote(RAW_WRONG, safe='')}@{none}?password={QUERY_RTSP}"},
    }


def _settings(cameras: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, Any]:
    sinks = [
        {"kind": "preview", "port": 0, "token": TOKEN},
        {"kind": "contact_sheet", "path": str(folder / "sheet.png")},
    ]
    return settings_of(cameras, folder, w={"model": {"kind": "motion"}, "sinks": sinks})


@contextmanager
def _web_camera() -> Iterator[int]:
    """The port of an HTTP server that sends a clip to whoever asks."""
    clip = b"".join(unit.data for unit in encode(Scene(size=Size(160, 90)), 20))

    class Clip(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(clip)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Clip) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _is_known(running: RunningSite) -> bool:
    cameras = running.status().cameras
    return all(cameras[name].results for name in (*GOOD, "query")) and all(
        cameras[name].reason for name in BAD
    )


def _pages(page: str) -> dict[str, str]:
    """What the preview answers to who knows the token, and to who knows another one."""
    texts = {}
    for path in ("", "status.json"):
        texts[f"{path} by query"] = _get(Request(f"{page}{path}?token={quote(TOKEN, safe='')}"))
        texts[f"{path} by header"] = _get(Request(page + path, headers={"Authorization": f"Bearer {TOKEN}"}))
        texts[f"{path} refused"] = _get(Request(f"{page}{path}?token={quote(TOKEN, safe='')}x"))
    assert '"state":"live"' in texts["status.json by header"].replace(" ", "")
    assert texts[" by query"] == texts[" by header"] != texts[" refused"]
    return {**texts, "address": page}


def _get(request: Request) -> str:
    """But for when it was answered, which may be a second later."""
    try:
        answer = urlopen(request, timeout=5)
    except HTTPError as refused:
        answer = refused
    with answer:
        del answer.headers["date"]
        return f"{answer.headers} {answer.read().decode()}"


def _probes(site: Site) -> dict[str, str]:
    """What `probe` gives and raises, and what it was asked with."""
    texts = {}
    for name, settings in site.cameras.items():
        camera = settings.as_input(name)
        texts[f"input {name}"] = f"{camera!r} {camera} {camera.described}"
        texts[f"probe {name}"] = _probed(camera)
    return texts


def _probed(camera: CameraInput) -> str:
    try:
        report = probe(camera, watch_s=0)
    except SourceError as error:
        return f"{error!r} {error} {error.args} {''.join(traceback.format_exception(error))}"
    return f"{report!r} {report}"


def _commands(cameras: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What `sightline probe` prints, for people and as JSON, of cameras whose URL says all."""
    texts = {}
    for name, camera in cameras.items():
        for options in ([], ["--json"]):
            asked = ["probe", camera["url"], "--watch-s", "0", *options]
            if "password" in camera:
                asked += ["--username", USER, "--password-env", "SECRET"]
            done = CliRunner().invoke(app, asked, env={"SECRET": camera.get("password")})
            assert done.exit_code == (0 if name in (*GOOD, "query") else 1), done.output
            texts[f"sightline probe {name} {options}"] = done.output
    return texts


def _forms(secret: str) -> set[str]:
    """As it stands in texts, URLs, JSON, Python and in the header of a basic login."""
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        b64encode(f"{USER}:{secret}".encode()).decode(),
    }
