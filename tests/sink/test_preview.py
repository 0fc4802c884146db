"""The preview over real HTTP: who is let in, what is sent, and what nobody asked for."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import cv2
import numpy as np
import pytest

from sightline import Frame, Result
from sightline.errors import Closed, ConfigError, SinkError
from sightline.log import hide_secret
from sightline.sink import open_sink
from sightline.sink.preview import Preview

MakeShown = Callable[..., tuple[Result, Frame]]
WaitFor = Callable[[Callable[[], object], float, str], object]
TOKEN = "only-for-this-test"


@pytest.fixture
def preview(no_leaks: None) -> Iterator[Preview]:
    made = Preview(port=0, max_fps=50)
    yield made
    made.close()


def get(url: str, path: str = "/", headers: dict[str, str] | None = None) -> HTTPResponse:
    """The answer, its body read."""
    where = urlsplit(url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=5)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        return answer
    finally:
        connection.close()


class Viewer:
    """Reads a stream part by part."""

    def __init__(self, url: str, path: str = "/stream.mjpeg") -> None:
        where = urlsplit(url)
        self.connection = HTTPConnection(where.hostname or "", where.port, timeout=5)
        self.connection.request("GET", path)
        self.answer = self.connection.getresponse()
        assert self.answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=picture"
        assert self.answer.readline() == b"--picture\r\n"

    def part(self) -> tuple[str, np.ndarray[Any, Any]]:
        """The next camera and picture."""
        head: dict[str, str] = {}
        while line := self.answer.readline().strip():
            name, _, value = line.decode().partition(": ")
            head[name] = value
        jpeg = self.answer.read(int(head["Content-Length"]))
        assert self.answer.readline() + self.answer.readline() == b"\r\n--picture\r\n"
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        return unquote(head["X-Camera"]), picture

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()
        self.connection.close()


def test_the_page_and_its_parts_are_served_with_a_strict_policy(preview: Preview) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
        ("/icon.svg", "image/svg+xml"),
        ("/status.json", "application/json"),
    ):
        answer = get(preview.url, path)
        assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
    assert get(preview.url, "/nothing").status == 404


def test_nobody_asks_nobody_works(preview: Preview, make_shown: MakeShown) -> None:
    for index in range(100):
        preview.write(*make_shown(index=index))
    get(preview.url)
    get(preview.url, "/status.json")
    assert preview.encoded == 0


def test_pictures_move_and_the_newest_comes(preview: Preview, make_shown: MakeShown) -> None:
    with Viewer(preview.url, "/stream.mjpeg?camera=gate") as viewer:
        for shade in (0, 120, 240):
            preview.write(*make_shown(detections=(), shade=shade))
            camera, picture = viewer.part()
            assert camera == "gate"
            assert int(picture[100, 150].mean()) == pytest.approx(shade, abs=3)


def test_only_what_is_looked_at_is_encoded_and_once_for_all_viewers(
    preview: Preview, make_shown: MakeShown
) -> None:
    with Viewer(preview.url, "/stream.mjpeg?camera=gate") as one, Viewer(preview.url) as other:
        for index in range(5):
            preview.write(*make_shown("gate", index))
            assert one.part()[0] == other.part()[0] == "gate"
        assert preview.encoded == 5
    with Viewer(preview.url, "/stream.mjpeg?camera=gate") as again:
        preview.write(*make_shown("yard"))
        assert again.part()[0] == "gate"
        preview.write(*make_shown("gate", 9))
        assert again.part()[0] == "gate"
    assert preview.encoded <= 7  # the last of gate, and perhaps one of yard for the viewer of all


def test_one_stream_has_all_cameras_also_those_that_come_later(
    preview: Preview, make_shown: MakeShown
) -> None:
    with Viewer(preview.url) as viewer:
        preview.write(*make_shown("gate"))
        assert viewer.part()[0] == "gate"
        preview.write(*make_shown("höf\r\n<b>"))
        assert viewer.part()[0] == "höf\r\n<b>"


def test_a_viewer_gets_no_more_than_max_fps(no_leaks: None, make_shown: MakeShown) -> None:
    preview = Preview(port=0, max_fps=5)
    with Viewer(preview.url) as viewer:
        began = time.monotonic()
        for index in range(6):
            preview.write(*make_shown(index=index))
            viewer.part()
        assert time.monotonic() - began >= 4 / 5
    preview.close()


def test_work_ends_when_the_viewer_leaves(preview: Preview, make_shown: MakeShown, wait_for: WaitFor) -> None:
    with Viewer(preview.url) as viewer:
        preview.write(*make_shown())
        viewer.part()

    def quiet() -> bool:
        before = preview.encoded
        for index in range(5):
            preview.write(*make_shown(index=index))
            time.sleep(0.03)
        return preview.encoded == before

    wait_for(quiet, 5, "the server to see that nobody looks")


def noisy(make_shown: MakeShown, index: int) -> tuple[Result, Frame]:
    """A picture that makes a large JPEG."""
    result, frame = make_shown(index=index, width=960, height=540)
    frame.image[:] = np.random.default_rng(index).integers(0, 256, frame.image.shape)
    return result, frame


def test_a_viewer_who_does_not_read_stops_being_worked_for_and_stalls_nobody(
    preview: Preview, make_shown: MakeShown, wait_for: WaitFor
) -> None:
    shown = [noisy(make_shown, index) for index in range(4)]
    where = urlsplit(preview.url)
    stalled = socket.create_connection((where.hostname, where.port))
    stalled.sendall(b"GET /stream.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    slowest_s = 0.0

    def stuck() -> bool:
        nonlocal slowest_s
        before = preview.encoded
        for turn in range(12):
            began = time.monotonic()
            preview.write(*shown[turn % 4])
            slowest_s = max(slowest_s, time.monotonic() - began)
            time.sleep(0.025)
        return preview.encoded == before > 0

    wait_for(stuck, 30, "its buffers to be full")
    assert slowest_s < 0.1
    with Viewer(preview.url) as viewer:  # others go on
        for turn in range(3):
            preview.write(*shown[turn])
            viewer.part()
    began = time.monotonic()
    preview.close()
    assert time.monotonic() - began < 1.5
    stalled.close()


def test_a_viewer_does_not_keep_it_from_closing(preview: Preview, make_shown: MakeShown) -> None:
    with Viewer(preview.url) as viewer:
        preview.write(*make_shown())
        viewer.part()
        began = time.monotonic()
        preview.close()
        assert time.monotonic() - began < 1
        assert viewer.answer.read() == b""
    with pytest.raises(Closed):
        preview.write(*make_shown())
    with pytest.raises(OSError, match="refused"):
        get(preview.url)


def test_status_joins_the_callers_facts_with_ours(no_leaks: None, make_shown: MakeShown) -> None:
    hide_secret("hunter22")
    facts = {
        "gate": {"state": "live", "fps": 25.0, "dropped": {"late": 4}},
        "yard": {"state": "backing_off", "reason": "rtsp://viewer:hunter22@10.0.0.9 does not answer"},
    }
    preview = Preview(port=0, status=lambda: {"cameras": facts})
    preview.write(*make_shown("gate"))
    preview.write(*make_shown("<script>alert(1)</script>"))
    body = get(preview.url, "/status.json").body  # type: ignore[attr-defined]
    preview.close()
    cameras = json.loads(body)["cameras"]
    assert (cameras["gate"]["dropped"], cameras["gate"]["detections"]) == ({"late": 4}, 1)
    assert "results" not in cameras["yard"]
    assert b"hunter22" not in body
    assert set(cameras) == {"gate", "yard", "<script>alert(1)</script>"}
    assert facts["gate"] == {"state": "live", "fps": 25.0, "dropped": {"late": 4}}


def test_a_status_that_fails_is_said_and_ends_nothing(no_leaks: None, make_shown: MakeShown) -> None:
    def lost() -> dict[str, Any]:
        raise KeyError("lost")

    preview = Preview(port=0, status=lost)
    preview.write(*make_shown("gate"))
    told = json.loads(get(preview.url, "/status.json").body)  # type: ignore[attr-defined]
    preview.close()
    assert told["fault"] == "KeyError: 'lost'"
    assert told["cameras"]["gate"]["results"] == 1


def test_another_sites_name_for_this_address_is_refused(preview: Preview) -> None:
    port = urlsplit(preview.url).port
    for host, status in (
        (f"localhost:{port}", 200),
        (f"127.0.0.1:{port}", 200),
        (f"evil.example:{port}", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
    ):
        for path in ("/", "/status.json", "/stream.mjpeg") if status == 400 else ("/",):
            assert get(preview.url, path, {"Host": host}).status == status, (host, path)


def test_a_token_is_asked_for_everywhere_but_for_the_parts_of_the_page(
    no_leaks: None, make_shown: MakeShown
) -> None:
    preview = open_sink("preview", port=0, host="0.0.0.0", token=TOKEN)
    assert isinstance(preview, Preview)
    assert TOKEN not in preview.url
    url = preview.url.replace("0.0.0.0", "127.0.0.1")
    for path in ("/", "/status.json", "/stream.mjpeg", "/nothing"):
        for wrong in ({}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {TOKEN}"}):
            assert get(url, path, wrong).status == 401
        assert get(url, f"{path}?token=no").status == 401
        assert get(url, f"{path}?token={TOKEN}x").status == 401
    for path in ("/", "/status.json"):
        assert get(url, f"{path}?token={TOKEN}").status == 200
        assert get(url, path, {"Authorization": f"bearer {TOKEN}"}).status == 200
    assert get(url, "/page.js").status == 200
    with Viewer(url, f"/stream.mjpeg?token={TOKEN}") as viewer:
        preview.write(*make_shown())
        assert viewer.part()[0] == "gate"
    preview.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "camera.example"])
def test_wider_than_this_machine_without_a_token_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match=r"can be seen by other machines: expected a token .*PREVIEW_TOKEN"):
        open_sink("preview", host=host, port=0)


def test_a_short_token_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="at least 8 characters, got 6") as caught:
        open_sink("preview", token="abc123", port=0)
    assert "abc123" not in str(caught.value)


def test_a_port_that_is_taken_is_named_with_what_to_do(preview: Preview) -> None:
    port = urlsplit(preview.url).port
    with pytest.raises(SinkError, match=rf"127.0.0.1 port {port}: Address already in use.*set another"):
        open_sink("preview", port=port)


def test_a_port_is_free_again_at_once(no_leaks: None) -> None:
    first = Preview(port=0)
    port = urlsplit(first.url).port
    get(first.url)
    first.close()
    again = Preview(port=port or 0)
    assert get(again.url).status == 200
    again.close()


def test_it_serves_on_ipv6_too(no_leaks: None) -> None:
    preview = Preview(host="::1", port=0)
    assert preview.url.startswith("http://[::1]:")
    assert get(preview.url).status == 200
    preview.close()


def test_a_page_of_another_site_may_link_here_and_see_nothing(preview: Preview) -> None:
    from_elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    for path, mode, status in (
        ("/", "navigate", 200),
        ("/", "no-cors", 403),
        ("/status.json", "cors", 403),
        ("/stream.mjpeg", "no-cors", 403),
    ):
        asked = {**from_elsewhere, "Sec-Fetch-Mode": mode}
        assert get(preview.url, path, asked).status == status, (path, mode)
