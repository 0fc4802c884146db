"""`sightline capture` and `sightline worker`: what they take, what they refuse, and how they end."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import COMMAND, Invoke
from tests.conftest import WaitFor

from sightline import Size
from sightline.bus import is_end, open_bus, packet_of
from sightline.fakecam import FakeCamera, FakeCameras
from sightline.hub import StreamServer
from sightline.overflow import Capacity, Overflow
from sightline.scene import Scene, write_clip

FRAMES = 30
NOBODY = "hub://10.255.255.1"
ROOM = Capacity(count=1000, bytes=64 * 2**20)
STREET = "synthetic://street?size=160x90&fps=10&gop=5"


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    with StreamServer(port=0) as server:
        yield server.url


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "street.mp4"
    write_clip(Scene(size=Size(160, 90), fps=10), path, FRAMES, gop=10)
    return path


def test_a_file_is_published_whole_on_the_topic_that_was_asked_for(
    invoke: Invoke, hub: str, clip: Path
) -> None:
    with open_bus(hub) as bus:
        reader = bus.subscribe(["raw_street-1", "own.gate"], capacity=ROOM, overflow=Overflow.BLOCK)
        assert reader.ready(5)
        named = ["--camera", "gate", "--topic", "own.:camera_id"]
        assert invoke("capture", clip, "--to", hub).exit_code == 0
        result = invoke("capture", clip, "--to", hub, *named)
        assert result.exit_code == 0, result.output
        messages = [message for _ in range(2 * FRAMES + 2) for message in reader.poll(1, 5)]
    for topic, camera_id in (("raw_street-1", "street-1"), ("own.gate", "gate")):
        *packets, end = [message for message in messages if message.topic == topic]
        assert is_end(end)
        assert [packet_of(message).identity[::2] for message in packets] == [
            (camera_id, index) for index in range(FRAMES)
        ]
    told = f"{FRAMES} packets, {FRAMES} published, 0 waiting, dropped none"
    assert result.stdout.splitlines()[-1] == f"gate: done, h264 160x90, 0.0 fps in, {told}"


@pytest.mark.parametrize("many", [False, True], ids=["in one process", "in several"])
def test_a_file_waits_until_somebody_reads_it(hub: str, clip: Path, many: bool) -> None:
    names = [f"late-{many}-{number}" for number in range(9 if many else 1)]
    command = [*COMMAND, "capture", *[str(clip)] * len(names), "--to", hub, "--json"]
    command += [word for name in names for word in ("--camera", name)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as capture, open_bus(hub) as bus:
        waiting = next(of for of in _lines(capture, names[0]) if of["state"] == "waiting")
        assert waiting["reason"] == f"for a reader of raw_{names[0]}"
        assert (waiting["counts"]["received"], waiting["sent"]["published"]) == (1, 0)
        readers = [bus.subscribe(f"raw_{name}", capacity=ROOM, overflow=Overflow.BLOCK) for name in names]
        for reader in readers:
            *packets, end = [reader.poll(1, 20)[0] for _ in range(FRAMES + 1)]
            assert [packet_of(message).index for message in packets] == list(range(FRAMES))
            assert is_end(end)
        assert capture.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_a_reader(hub: str, clip: Path, number: signal.Signals) -> None:
    command = [*COMMAND, "capture", str(clip), "--camera", f"unread{number}", "--to", hub, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as capture:
        assert any(of["state"] == "waiting" for of in _lines(capture, f"unread{number}"))
        began_s = time.monotonic()
        capture.send_signal(number)
        _, err = capture.communicate(timeout=20)
        took_s = time.monotonic() - began_s
    assert (capture.returncode, err) == (0, "")
    assert took_s < 2.0


def _lines(capture: subprocess.Popen[str], camera_id: str) -> Iterator[Any]:
    """What it tells of a camera, line by line."""
    assert capture.stdout is not None
    for line in capture.stdout:
        yield json.loads(line)["cameras"][camera_id]


def test_programs_get_lines_of_json(invoke: Invoke, hub: str, clip: Path) -> None:
    kept = hub + "?history=1MiB"  # nobody reads, and nothing is lost: it does not wait
    command = ["capture", clip, clip.with_name("none.mp4"), "--topic", "kept.:camera_id", "--to", kept]
    result = invoke(*command, "--json")
    assert result.exit_code == 1  # one cannot be read
    last = json.loads(result.stdout.splitlines()[-1])["cameras"]
    assert list(last) == ["street-1", "none-2"]
    assert last["street-1"]["state"] == "done"
    assert last["street-1"]["sent"] == {"published": FRAMES, "failed": 0, "dropped": {}, "waiting": 0}
    assert last["none-2"]["state"] == "disabled"
    assert "no such file" in last["none-2"]["reason"].lower()


def test_each_camera_has_its_own_login(invoke: Invoke, hub: str) -> None:
    served = {
        "a": FakeCamera(url=STREET, username="viewer", password="Tulip@1:/#%"),
        "b": FakeCamera(url=STREET, username="guest", password="Daisy-2"),
    }
    with FakeCameras(served) as server:
        logins = ["--username", "viewer", "--username", "guest", "--password-env", "A", "--password-env", "B"]
        urls = [server.url(name) for name in served]
        command = ["capture", *urls, *logins, "--to", hub, "--seconds", 3, "--json"]
        result = invoke(*command, env={"A": "Tulip@1:/#%", "B": "Daisy-2"})
    assert result.exit_code == 0, result.output
    *_, live, _ = (json.loads(line)["cameras"] for line in result.stdout.splitlines())
    assert [camera["state"] for camera in live.values()] == ["live", "live"]
    assert "Tulip" not in result.output
    assert "Daisy" not in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "expected cameras' URLs, or --site with a site file"),
        (["a.mp4"], 2, "expected a bus such as hub://127.0.0.1:4820"),
        (["a.mp4", "--to", "memory://"], 1, "expected a bus that reaches other processes"),
        (["a.mp4", "--to", "kafak://h"], 1, "expected the URL of a bus that begins with hub://"),
        (["a.mp4", "b.mp4", "--camera", "a", "--to", NOBODY], 2, "expected a name for each of 2 URLs"),
        (["a.mp4", "b.mp4", "--camera", "a", "--camera", "a", "--to", NOBODY], 2, "each once, got a, a"),
        (["a.mp4", "--camera", "a b", "--to", NOBODY], 1, "a b"),
        (["a.mp4", "--topic", "raw", "--to", NOBODY], 1, "expected a topic with :camera_id in it once"),
        (["rtps://h/1", "--to", NOBODY], 1, "got the scheme rtps://"),
        (["rtsp://h/1", "--password-env", "NO_SUCH", "--to", NOBODY], 2, "the variable NO_SUCH is not set"),
        (
            ["rtsp://h/1", "b.mp4", "c.mp4", "--username", "a", "--username", "b", "--to", NOBODY],
            2,
            "expected one for all or one for each of 3 URLs, got 2",
        ),
        (["--site", "none.yaml"], 1, "none.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_captured_is_refused(
    invoke: Invoke, arguments: list[str], code: int, told: str
) -> None:
    result = invoke("capture", *arguments)
    assert result.exit_code == code, result.output
    assert told in result.output


def test_cameras_of_a_site_are_picked_by_name(invoke: Invoke, hub: str, clip: Path) -> None:
    site = clip.with_name("site.yaml")
    cameras = {name: {"url": str(clip)} for name in ("gate", "yard")}
    workers = {"w": {"model": {"kind": "hog"}}}
    kept = hub + "?history=1MiB"
    site.write_text(json.dumps({"bus": kept, "cameras": cameras, "workers": workers}))
    result = invoke("capture", "--site", site, "--camera", "yard", "--json")
    assert result.exit_code == 0, result.output
    assert list(json.loads(result.stdout.splitlines()[-1])["cameras"]) == ["yard"]
    wrong = invoke("capture", "--site", site, "--camera", "yart")
    assert "there is no camera 'yart' that is enabled; did you mean \"yard\"?" in wrong.stderr


def test_a_worker_needs_a_bus_that_reaches_others(invoke: Invoke, clip: Path) -> None:
    site = clip.with_name("site.yaml")
    site.write_text("cameras: {a: {url: a.mp4}}\nworkers: {w: {model: {kind: motion}}}\n")
    result = invoke("worker", site)
    assert result.exit_code == 1
    assert "expected a site whose bus reaches other processes" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("away", [False, True], ids=["hub", "no hub any more"])
def test_a_signal_ends_it_within_a_moment_and_the_counts_add_up(
    free_port: Callable[[], int], wait_for: WaitFor, number: signal.Signals, away: bool
) -> None:
    with StreamServer(port=free_port()) as server, open_bus(server.url) as bus:
        reader = bus.subscribe("raw_a", capacity=ROOM, overflow=Overflow.DROP_OLDEST)
        assert reader.ready(5)
        command = [*COMMAND, "capture", STREET, "--camera", "a", "--to", server.url, "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as capture:
            assert reader.poll(1, 20)
            if away:
                os.kill(server.pid or 0, signal.SIGKILL)
                time.sleep(0.5)
            began_s = time.monotonic()
            capture.send_signal(number)
            out, err = capture.communicate(timeout=20)
            took_s = time.monotonic() - began_s
    assert capture.returncode == 0, err
    assert took_s < 2.0  # a second, and what the interpreter needs to go on a busy machine
    last = json.loads(out.splitlines()[-1])["cameras"]["a"]
    sent = last["sent"]
    dropped = sum(sent["dropped"].values())
    assert last["counts"]["received"] == sent["published"] + sent["failed"] + sent["waiting"] + dropped
    assert "Traceback" not in err
