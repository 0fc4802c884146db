"""The facts, as this machine has them."""

import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import psutil
import pytest

from sightline.capture import CameraInput
from sightline.doctor import State, examine
from sightline.doctor.bus import look_at_bus
from sightline.doctor.cameras import look_at_cameras
from sightline.doctor.libraries import EXTRAS, look_at_libraries
from sightline.doctor.machine import look_at_machine
from sightline.doctor.places import look_at_places
from sightline.hub.broker.server import StreamServer
from sightline.hub.certificates import Authority
from sightline.scene import Scene, write_clip
from sightline.site import Site

pytestmark = pytest.mark.usefixtures("no_leaks")


def site_of(sinks: list[dict[str, Any]], **cameras: dict[str, Any]) -> Site:
    given = cameras or {"gate": {"url": "gate.mp4"}}
    workers = {"w": {"model": {"kind": "motion"}, "sinks": sinks}}
    return Site.model_validate({"cameras": given, "workers": workers})


def test_facts_of_the_machine_are_those_that_others_see() -> None:
    facts = look_at_machine()
    assert facts.cpus == len(psutil.Process().cpu_affinity())
    total = psutil.virtual_memory().total
    assert 0 < (facts.memory_bytes or 0) <= total
    assert 0 < (facts.free_memory_bytes or 0) < total
    shell = subprocess.run(["/bin/sh", "-c", "ulimit -n"], capture_output=True, text=True, check=True)
    assert str(facts.open_files) == shell.stdout.strip()
    assert abs(facts.utc_ns / 1e9 - time.time()) < 60
    assert facts.monotonic
    assert facts.loopback == ""


def test_a_limit_that_was_lowered_is_seen() -> None:
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (777, old[1]))
        assert look_at_machine().open_files == 777
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)


def test_facts_of_the_libraries_are_those_that_the_tests_live_by() -> None:
    facts = look_at_libraries()
    assert facts.av == av.__version__
    assert {"h264", "hevc", "mjpeg", "libdav1d"} <= set(facts.decoders)
    assert "libx264" in facts.encoders
    assert {"tcp", "tls", "http"} <= set(facts.protocols)
    assert {"rtsp", "hls"} <= set(facts.formats)
    assert len(facts.opencv_packages) == 1
    assert facts.people_detector
    assert facts.extras.keys() == EXTRAS.keys()
    assert facts.extras["httpx"]


def test_an_examination_of_this_machine_ends_and_leaves_nothing() -> None:
    findings = list(examine())
    assert {finding.area for finding in findings} == {
        "machine", "limits", "clock", "video", "hardware", "opencv", "extras",
    }  # fmt: skip
    assert all(finding.told for finding in findings)


@pytest.mark.parametrize(("days", "state"), [(40, State.OK), (20, State.NOTE)])
def test_certificates_that_are_soon_over_are_told(tmp_path: Path, days: int, state: State) -> None:
    authority = Authority(tmp_path)
    hub, ours = authority.hub(["127.0.0.1"]), authority.client("ours", days=days)
    ca = authority.certificate.file
    with StreamServer(
        port=0, tls_certificate=str(hub.file), tls_key=str(hub.key), tls_client_ca=str(ca)
    ) as server:
        shown = f"hub://127.0.0.1:{server.port}?tls_ca={ca}"
        bus = f"{shown}&tls_certificate={ours.file}&tls_key={ours.key}"
        finding = look_at_bus(site_of([]).model_copy(update={"bus": bus}))
        assert finding.state is state
        assert (f"{ours.file} is valid until {ours.until:%Y-%m-%d}" in finding.told) is (state is State.NOTE)
        finding = look_at_bus(site_of([]).model_copy(update={"bus": shown}))
        assert finding.state is State.PROBLEM
        assert "no hub answers" in finding.told
        assert "it asks for a certificate" in finding.told


def test_the_hub_of_a_site_is_asked(free_port: Callable[[], int]) -> None:
    def found(bus: str) -> tuple[str, str]:
        finding = look_at_bus(site_of([]).model_copy(update={"bus": bus}))
        return finding.state.value, finding.told

    here = f"hub://127.0.0.1:{free_port()}"
    assert found("memory://") == ("ok", "memory:// is within this process and needs no broker")
    assert found(here) == ("note", f"no hub answers at {here}; sightline up begins one there")
    assert found(f"{here}?tls_ca=none.pem")[0] == "problem"
    with StreamServer(port=0) as server:
        assert found(server.url) == ("ok", f"a hub answers at {server.url}")


def test_ports_and_paths_of_a_site_are_tried(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site = site_of(
            [
                {"kind": "preview", "port": port},
                {"kind": "preview", "port": 0},
                {"kind": "preview", "port": 1, "host": "192.0.2.1", "token": "a token of ours"},
                {"kind": "jsonl", "path": tmp_path / "new" / "folder" / "r.jsonl"},
                {"kind": "jsonl", "path": tmp_path / "file" / "r.jsonl"},
                {
                    "kind": "webhook",
                    "url": "https://h/",
                    "outbox": tmp_path / "o.db",
                    "secret": "0123456789abcdef",
                    "ca_file": tmp_path / "none.pem",
                },
            ]
        )
        findings = list(look_at_places(site))
    assert [(finding.state == State.OK, finding.name) for finding in findings] == [
        (False, "w, preview"),
        (True, "w, preview"),
        (False, "w, preview"),
        (True, "w, jsonl"),
        (False, "w, jsonl"),
        (True, "w, webhook"),
        (False, "w, webhook"),
    ]
    assert findings[0].told == f"127.0.0.1 port {port} cannot be listened on: Address already in use"
    assert findings[4].told.endswith(f"r.jsonl cannot be written: {tmp_path}/file is a file")
    assert findings[6].told == f"{tmp_path}/none.pem is not there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else_is_told() -> None:
    (finding,) = look_at_places(site_of([{"kind": "jsonl", "path": "/r.jsonl"}]))
    assert finding.told == "/r.jsonl cannot be written: / is not for this user"


def test_cameras_are_looked_at_together_and_none_for_longer_than_allowed(tmp_path: Path) -> None:
    clip = write_clip(Scene(), tmp_path / "clip.mp4", 60, gop=20)
    with ExitStack() as listening:
        silent = [listening.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(12)]
        urls = {f"c{n}": f"rtsp://v:hunter2@127.0.0.1:{s.getsockname()[1]}/s" for n, s in enumerate(silent)}
        urls |= {"clip": str(clip), "none": str(tmp_path / "none.mp4")}
        cameras = {name: CameraInput(camera_id=name, url=url) for name, url in urls.items()}
        began_s = time.monotonic()
        findings = list(look_at_cameras(cameras, timeout_s=1))
        took_s = time.monotonic() - began_s
    assert took_s < 8
    assert [finding.name for finding in findings] == list(urls)
    assert [finding.state for finding in findings] == [State.PROBLEM] * 12 + [State.OK, State.PROBLEM]
    assert findings[12].told.startswith("h264 640x360, 25 pictures/s, a keyframe every 20")
    assert "no such file" in findings[13].told
    assert "hunter2" not in str(findings)
