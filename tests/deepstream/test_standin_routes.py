"""Routes of the stand-in, asked as a fleet asks those of DeepStream."""

import http.client
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from sightline.deepstream.standin.routes import MOST_BODY, Routes


class Streams:
    def __init__(self) -> None:
        self.there = ["gate"]
        self.well = True

    def ready(self) -> bool:
        return self.well

    def cameras(self) -> list[str]:
        return self.there

    def add(self, camera: str) -> bool:
        if camera in self.there:
            return False
        self.there.append(camera)
        return True

    def remove(self, camera: str) -> bool:
        if camera not in self.there:
            return False
        self.there.remove(camera)
        return True


@pytest.fixture
def streams() -> Streams:
    return Streams()


@pytest.fixture
def routes(streams: Streams) -> Iterator[Routes]:
    routes = Routes("127.0.0.1", 0, streams)
    yield routes
    routes.close()


def ask(routes: Routes, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", routes.port, timeout=10)
    try:
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def message(change: str, camera: str = "yard") -> bytes:
    value = {"camera_id": camera, "camera_url": "rtsp://10.0.0.5/1", "change": change}
    return json.dumps({"key": "sensor", "value": value}).encode()


@pytest.mark.parametrize(
    ("route", "key"),
    [
        ("health/get-dsready-state", "ds-ready"),
        ("ready", "ds-ready"),
        ("live", "ds-liveness"),
        ("startup", "ds-startup"),
    ],
)
def test_its_health_is_told_at_each_of_the_routes(
    routes: Routes, streams: Streams, route: str, key: str
) -> None:
    status, told = ask(routes, f"/api/v1/{route}")
    assert (status, told["health-info"]) == (200, {key: "YES"})
    assert told["status"] == "HTTP/1.1 200 OK"
    streams.well = False
    assert ask(routes, f"/api/v1/{route}")[1]["health-info"] == {key: "NO" if key == "ds-ready" else "YES"}


def test_streams_are_added_listed_and_removed(routes: Routes) -> None:
    assert ask(routes, "/api/v1/stream/add", message("camera_add"))[1]["reason"] == "STREAM_ADD_SUCCESS"
    listed = ask(routes, "/api/v1/stream/get-stream-info")[1]["stream-info"]
    assert listed["stream-count"] == 2
    assert [stream["camera_id"] for stream in listed["stream-info"]] == ["gate", "yard"]
    assert ask(routes, "/api/v1/stream/add", message("camera_add"))[0] == 500
    assert ask(routes, "/api/v1/stream/remove", message("camera_remove"))[0] == 200
    assert ask(routes, "/api/v1/stream/remove", message("camera_remove"))[0] == 500


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"value": 1}',
        b"[" * 20000,
        message("camera_remove"),
        message("camera_add", ""),
        b'{"value": {"camera_id": 7, "camera_url": "x", "change": "add"}}',
        message("camera_add", "\ud800"),
    ],
    ids=repr,
)
def test_a_message_that_is_none_is_refused_with_what_was_expected(routes: Routes, body: bytes) -> None:
    status, told = ask(routes, "/api/v1/stream/add", body)
    assert status == 400
    assert "expected value.camera_id" in told["reason"]


def test_what_is_too_large_or_nowhere_is_refused(routes: Routes) -> None:
    assert ask(routes, "/api/v1/stream/add", b"x" * (MOST_BODY + 1))[0] == 413
    assert ask(routes, "/api/v1/app/quit", b"{}")[0] == 404
    assert ask(routes, "/etc/passwd")[0] == 404


@pytest.mark.parametrize(
    "length", [b"\xb2", b"9" * 5000, b"-1", b"1_0"], ids=["superscript", "long", "minus", "_"]
)
def test_a_length_that_is_none_is_answered(
    routes: Routes, length: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", routes.port), timeout=10) as connection:
        connection.sendall(b"POST /api/v1/stream/add HTTP/1.0\r\nContent-Length: " + length + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.0 413")
    assert capfd.readouterr().err == ""


def test_who_hangs_up_in_the_middle_leaves_no_trace(
    routes: Routes, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", routes.port), timeout=10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(b"GET /api/v1/ready HTTP/1.1\r\n")
        connection.close()
    assert ask(routes, "/api/v1/ready")[0] == 200
    assert capfd.readouterr().err == ""
