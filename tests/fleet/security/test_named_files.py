"""What documents, rows and imports name is opened by whoever runs them, and nowhere else."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fleet.api.rig import bus_url, coordinator
from tests.fleet.store.filled import MODELS, deepstream, worker
from tests.fleet.viewing.rig import Shown

from sightline.bus import open_bus, open_log
from sightline.errors import ConfigError
from sightline.fleet.api.client import Refused
from sightline.fleet.post.post import Post
from sightline.fleet.viewing.framing import Kind

HOST = "named.invalid"
_watched: list[tuple[str, list[str]]] = []


def _look(event: str, args: tuple[Any, ...]) -> None:
    if _watched and event in {"open", "os.listdir", "os.scandir", "socket.getaddrinfo"}:
        folder, seen = _watched[0]
        if folder in str(args[0]) or HOST in str(args[0]):
            seen.append(str(args[0]))


@pytest.fixture(scope="module")
def _hooked() -> None:
    sys.addaudithook(_look)  # for good: it cannot be taken away


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """Who opens it as a file waits for ever."""
    path = tmp_path / "named" / "fifo"
    path.parent.mkdir()
    os.mkfifo(path, 0o600)
    return path


@pytest.fixture
def opened(_hooked: None, named: Path) -> Iterator[list[str]]:
    """What of the folder of `named` this process opens, and whether it looks for `HOST`."""
    seen: list[str] = []
    _watched.append((str(named.parent), seen))
    yield seen
    _watched.clear()


def _kafka(named: Path) -> str:
    files = f"password_file={named}&settings={named}&tls_certificate={named}&tls_key={named}"
    return f"kafka://me@{HOST}?sasl=PLAIN&tls_ca=/nonexistent&{files}"


def _site(named: Path) -> dict[str, Any]:
    sinks = [
        {"kind": "bus", "url": f"{_kafka(named)}&client_id=other"},
        {"kind": "view", "url": _kafka(named)},
        {"kind": "jsonl", "path": str(named)},
        {
            "kind": "webhook",
            "url": f"https://{HOST}",
            "outbox": f"{named}.db",
            "secret": "s" * 16,
            "ca_file": f"{named}",
        },
    ]
    model = {"kind": "onnx", "path": str(named), "labels": str(named)}
    return {"bus": _kafka(named), "workers": {"look": {"model": model, "sinks": sinks}}}


def test_nothing_that_a_document_names_is_opened_by_the_coordinator(
    tmp_path: Path, named: Path, opened: list[str]
) -> None:
    models = {key: {"labelfile_path": str(named)} for key in MODELS}
    cameras = {
        "gate": {"url": f"file://{named}"},
        "yard": {"url": f"rtsps://{HOST}/yard", "tls_ca_file": str(named)},
    }
    rows = [
        {"camera_id": name, "address": said["url"], "settings": {k: v for k, v in said.items() if k != "url"}}
        for name, said in cameras.items()
    ]
    with coordinator(tmp_path, bus_url()) as (_, client):
        client.post("/api/v1/instances", worker("eyes", config=_site(named)))
        client.post(
            "/api/v1/instances", deepstream("hall", config=models, kafka_connection_str=_kafka(named))
        )
        client.post("/api/v1/cameras", {**rows[0], "instance_name": "hall"})
        client.post("/api/v1/cameras", {**rows[1], "instance_name": "eyes"})
        client.ask("POST", "/api/v1/update-config")
        brought = {"origin": "a", "adopt": True, "cameras": rows}
        client.post("/api/v1/import", brought)
        text = json.dumps({**_site(named), "cameras": {f"{name}2": said for name, said in cameras.items()}})
        client.ask("POST", "/api/v1/import/site", content=text.encode())
        client.get("/api/v1/plan")
        client.get("/api/v1/export/site?instance=eyes")
        assert client.get("/api/v1/instances")["total"] == 3
    assert opened == []


def test_who_opens_the_bus_that_names_a_pipe_is_told_so_at_once(named: Path, opened: list[str]) -> None:
    for url in (f"kafka://me@h?sasl=PLAIN&password_file={named}", f"kafka://h?settings={named}"):
        for attempt in (open_bus, open_log, lambda url: Post(url, identity=None, by="me")):
            with pytest.raises(ConfigError, match="expected a regular file, got a pipe"):
                attempt(url)
    assert set(opened) == {str(named)}


def test_a_camera_of_a_file_is_neither_shown_nor_tested_by_the_coordinator(
    tmp_path: Path, named: Path, opened: list[str]
) -> None:
    with Shown(tmp_path, kind="deepstream", address=f"file://{named}") as shown:
        for said in (
            {"address": f"file://{named}"},
            {"address": "rtsps://127.0.0.1:9/main", "settings": {"tls_ca_file": str(named)}},
        ):
            with pytest.raises(Refused, match="is one machine's"):
                shown.client.ask("POST", "/api/v1/camera-test", json=said)
            shown.client.ask("PATCH", "/api/v1/cameras/gate", json=said)
            shown.client.post("/api/v1/update-config")
            with shown.looking() as viewer:
                viewer.until(
                    lambda: b"is its machine's" in viewer.of(Kind.NOTE)[-1] if viewer.of(Kind.NOTE) else False
                )
                assert not viewer.of(Kind.MEDIA)
                assert json.loads(viewer.of(Kind.NOTE)[-1])["state"] == "gone"
    assert opened == []
