"""Sources behind a network that are no RTSP servers: HTTP, closed ports, peers that stay silent."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.capture.conftest import Make, Run
from tests.capture.web import Handler

from sightline.capture import CameraInput, probe
from sightline.errors import AccessDenied, SourceSilent, Unreachable


@pytest.fixture
def trickle() -> Iterator[Callable[..., str]]:
    """`trickle(first, second, pause_s)`: an HTTP camera that sends two parts of a stream, and ends."""
    with ExitStack() as stack:

        def serve(first: bytes, second: bytes, released: threading.Event) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def answer() -> None:
                try:
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(65536)
                        peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + first)
                        released.wait(20)
                        peer.sendall(second)
                except OSError:
                    return

            thread = threading.Thread(target=answer)
            thread.start()
            stack.callback(thread.join)
            stack.callback(released.set)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return f"http://127.0.0.1:{listener.getsockname()[1]}/live.ts"

        yield serve


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.mkv"])
def test_a_recording_behind_http_is_read_to_its_end(
    run: Run, make_clip: Make, web: Callable[[Path], str], name: str
) -> None:
    path = make_clip(
        name, "-c:v", "libx264", "-g", "10", *(["-movflags", "faststart"] if "mp4" in name else [])
    )
    one = run(f"{web(path.parent)}/{name}")
    packets = one.finished()
    assert one.status.state == "done"
    assert len(packets) == 50
    assert {packet.captured_at_source for packet in packets} == {"media"}


def test_a_live_stream_behind_http_that_ends_is_lost_and_asked_again(
    run: Run, make_clip: Make, trickle: Callable[..., str]
) -> None:
    data = make_clip("live.ts", "-c:v", "libx264", "-g", "10").read_bytes()
    half, released = len(data) // 2, threading.Event()
    one = run(trickle(data[:half], data[half:], released))
    packets = one.has(5)
    assert one.status.state == "live"
    assert packets[0].captured_at_source == "arrival"
    released.set()
    status = one.until("backing_off")
    assert status.counts.received == 50
    assert "by http://127.0.0.1" in status.reason


def test_a_live_stream_behind_http_that_falls_silent_is_broken_off(
    run: Run, make_clip: Make, trickle: Callable[..., str]
) -> None:
    data = make_clip("live.ts", "-c:v", "libx264", "-g", "10").read_bytes()
    one = run(trickle(data, b"", threading.Event()), read_timeout_s=0.5)
    one.has(5)
    status = one.until("backing_off")
    assert "nothing came for 0.5 s" in status.reason


def fault(url: str, error: type[Exception], **settings: Any) -> str:
    with pytest.raises(error) as raised:
        probe(CameraInput(camera_id="gate", url=url, **settings))
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    return str(raised.value)


def test_a_closed_port_is_unreachable(free_port: Callable[[], int], no_leaks: None) -> None:
    for scheme in ("rtsp", "http"):
        said = fault(f"{scheme}://127.0.0.1:{free_port()}/s", Unreachable)
        assert "connection refused" in said
        assert "gate" in said


def test_a_name_that_does_not_resolve_is_unreachable(no_leaks: None) -> None:
    assert "unknown host" in fault("rtsp://no-such-camera.invalid/s", Unreachable)


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_peer_that_accepts_and_stays_silent_is_named_so(
    scheme: str, silent_port: int, no_leaks: None
) -> None:
    began = time.monotonic()
    said = fault(f"{scheme}://127.0.0.1:{silent_port}/s", SourceSilent, open_timeout_s=1.0)
    assert time.monotonic() - began < 2.5
    assert "no answer within 1" in said


def test_a_silent_peer_is_tried_again_and_does_not_hold_up_a_stop(run: Run, silent_port: int) -> None:
    one = run(f"rtsp://127.0.0.1:{silent_port}/s", open_timeout_s=0.5)
    status = one.until("backing_off")
    assert status.next_retry_at_ns is not None
    one.until("connecting")
    began = time.monotonic()
    one.capture.stop(0.2)
    assert time.monotonic() - began < 0.5


def test_something_that_is_no_rtsp_server_is_unreachable(web: Callable[[Path], str], tmp_path: Path) -> None:
    said = fault(web(tmp_path).replace("http", "rtsp") + "/s", Unreachable)
    assert "rtsp" in said.lower()


def test_http_faults_are_told_apart(web: Callable[[Path], str], tmp_path: Path) -> None:
    url = web(tmp_path)
    assert "no such stream" in fault(f"{url}/none.mp4", Unreachable)
    assert "none are set" in fault(f"{url}/login", AccessDenied)
    said = fault(f"{url}/forbidden", AccessDenied, username="viewer", password="Tulip/7@x")
    assert "viewer" in said
    assert "Tulip" not in said


@pytest.mark.parametrize("as_fields", [True, False])
def test_credentials_arrive_as_they_were_meant(
    web: Callable[[Path], str], tmp_path: Path, as_fields: bool
) -> None:
    user, password = "us er@höme", "p@ss:w/rd #1%?&=+"
    url = web(tmp_path)
    if as_fields:
        fault(f"{url}/login/x", Unreachable, username=user, password=password)
    else:
        fault(f"{url}/login/x".replace("//127", f"//{user}:{password}@127", 1), Unreachable)
    assert Handler.logins[-1] == f"{user}:{password}"


def test_a_wrong_answer_is_asked_again_until_it_is_right(
    run: Run, web: Callable[[Path], str], tmp_path: Path, make_clip: Make
) -> None:
    one = run(f"{web(tmp_path)}/later.mp4")
    assert "no such stream" in one.until("backing_off").reason
    clip = make_clip("fast.mp4", "-c:v", "libx264", "-movflags", "faststart")
    (tmp_path / "later.mp4").write_bytes(clip.read_bytes())
    assert one.finished()[-1].index == 49
