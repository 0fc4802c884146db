"""What the document of comux shows a user typing works here, with the import line changed.

Each test calls what it names, as it stands in the document. Packets are those of a producer that knows
nothing of Sightline: an access unit a message, and no headers.
"""

import logging
import os
import secrets
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import WaitFor
from tests.proof.muxing import mark, scene

from sightline import Frame
from sightline.bus import Log, Message, open_log
from sightline.errors import ConfigError, SightlineError
from sightline.hub import StreamServer
from sightline.mux import CameraConsumer, Comux, Control, headers_of

ROOT = Path(__file__).resolve().parents[2]
FILM_FRAMES = 50
BETWEEN_S = 0.02

LISTING = """
open("pid", "w").write(str(os.getpid()))
cameras = Comux(cam_ids, consume_schema, produce_schema, "ERROR")
cameras.setup_consumers(consumer_bootstrap_servers, overwrite=True, end=True,
                        max_offset_diff=20, strict_on_fail=True, over_write=False, **{})
cameras.setup_controller(config_topic, control_bootstrap_servers, acts)
cameras.setup_decoders(rate=10, W=1920, H=1080,
                        de_codec="h264", pix_fmt="yuv420p")
cameras.setup_producer(
  producer_bootstrap_servers, strict_on_fail=True, over_write=False, **{})
cameras.start()
while True:
  batch: List[Tuple[str, int | np.ndarray]] = cameras.get_batch(timeout=10)
  for cam_id, index, array in batch:
    model = choose_mode_based_on(cam_id)
    if array is None:
      continue
    results = model.predict(array)
    headers: dict = prepare(resulst)
    cameras.send(cam_id, index, headers)
"""


class Enough(Exception):
    """Ends the listing, which would go on for ever."""


class Reader:
    """What the listing leaves to its user: a model, and headers of what it saw. It is all it needs to know.

    Attributes:
        seen: what each picture showed, by camera.
    """

    def __init__(self, most: int) -> None:
        self.seen: dict[str, list[str]] = {}
        self._most = most
        self._of = ""

    def choose(self, cam_id: str) -> "Reader":
        if sum(map(len, self.seen.values())) == self._most:
            raise Enough
        self._of = cam_id
        return self

    def predict(self, array: np.ndarray) -> str:
        assert array.shape == (1080, 1920, 3)
        assert array.dtype == np.uint8
        self.seen.setdefault(self._of, []).append(mark(array))
        return self.seen[self._of][-1]

    def prepare(self, _results: object) -> dict[str, str]:
        return {"seen": self.seen[self._of][-1]}

    def names(self, cam_ids: list[str], servers: list[str], config_topic: str) -> dict[str, Any]:
        """All that the listing takes for granted, its one slip of the pen among it."""
        given = {"os": os, "np": np, "List": list, "Tuple": tuple, "Comux": Comux, "cam_ids": cam_ids}
        given |= {"consume_schema": "raw_:cam_id", "produce_schema": "stream_:cam_id"}
        given |= {f"{who}_bootstrap_servers": servers for who in ("consumer", "control", "producer")}
        given |= {"config_topic": config_topic, "acts": {}}
        return given | {"choose_mode_based_on": self.choose, "prepare": self.prepare, "resulst": None}


def units(camera: int) -> tuple[bytes, ...]:
    return scene(camera, frames=FILM_FRAMES, gop=10).units


def shown(camera: int, offset: int) -> str:
    """What the picture of a message shows, as `mark` reads it."""
    return scene(camera, frames=FILM_FRAMES, gop=10).pictures[offset % FILM_FRAMES]


@contextmanager
def filming(log: Log, *topics: str) -> Iterator[dict[str, list[bytes]]]:
    """Cameras that run, one a topic, over and over; gives what was written."""
    written: dict[str, list[bytes]] = {topic: [] for topic in topics}
    ending = threading.Event()

    def run() -> None:
        for number in count():
            for camera, (topic, values) in enumerate(written.items()):
                values.append(units(camera)[number % FILM_FRAMES])
                log.publish(topic, values[-1], key=b"plain")
            if ending.wait(BETWEEN_S):
                return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield written
    finally:
        ending.set()
        thread.join()


def film(log: Log, topic: str, *, camera: int = 0) -> None:
    """The whole film at once."""
    for value in units(camera):
        log.publish(topic, value)


def messages(log: Log, topic: str) -> list[Message]:
    """All that a topic has."""
    end = log.ends(topic)[topic].next
    found: list[Message] = []
    reader = log.consume(topic, start="earliest")
    while len(found) < end:
        found += reader.poll(1000, 20) or pytest.fail(f"{topic}: {len(found)} messages of {end}")
    reader.close()
    return found


@pytest.fixture(autouse=True)
def _level_of_the_log() -> Iterator[None]:
    before = logging.getLogger("sightline").level
    yield
    logging.getLogger("sightline").setLevel(before)


@pytest.fixture
def url() -> str:
    return f"memory://{secrets.token_hex(4)}?history=64MiB"


@pytest.fixture
def log(url: str) -> Iterator[Log]:
    with open_log(url) as log:
        yield log


@pytest.fixture
def comux(no_leaks: None, log: Log) -> Iterator[Callable[..., Any]]:
    """Makes a `Comux` that is closed in the end. The log is there before it, and after it."""
    made: list[Comux] = []

    def make(*args: Any, **options: Any) -> Comux:
        made.append(Comux(*args, **options))
        return made[-1]

    yield make
    for mux in made:
        mux.close()


# The listing


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("bus", ["memory", pytest.param("kafka", marks=pytest.mark.needs("kafka"))])
def test_the_usage_listing_runs_as_written(
    bus: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    wait_for: WaitFor,
) -> None:
    monkeypatch.chdir(tmp_path)
    servers = request.getfixturevalue({"memory": "url", "kafka": "kafka"}[bus])
    cam_ids = [f"{name}-{secrets.token_hex(4)}" for name in ("gate", "yard")]
    reader = Reader(most=12)
    names = reader.names(cam_ids, [servers], f"control-{secrets.token_hex(4)}")
    with open_log(servers if "://" in servers else f"kafka://{servers}") as log:
        with filming(log, *(f"raw_{cam_id}" for cam_id in cam_ids)) as written, pytest.raises(Enough):
            exec(LISTING, names)
        mux = names["cameras"]
        for consumer in mux.consumers.values():
            wait_for(partial(_is_read, consumer), 20, "all to be read")
        mux.close()
        for camera, cam_id in enumerate(cam_ids):
            _check(messages(log, f"stream_{cam_id}"), written[f"raw_{cam_id}"], camera, reader.seen[cam_id])
    assert (tmp_path / "pid").read_text() == str(os.getpid())


def _is_read(consumer: CameraConsumer) -> bool:
    return consumer.offset == consumer.topic_last_offset


def _check(sent: list[Message], written: list[bytes], camera: int, seen: list[str]) -> None:
    """Every message since the mux began went on, in order; each result is on what its picture was in."""
    assert [message.value for message in sent] == written[-len(sent) :]
    assert {message.key for message in sent} == {b"plain"}
    began = len(written) - len(sent)
    found = {began + message.offset: headers_of(message).get("seen") for message in sent}
    with_result = {offset: result for offset, result in found.items() if result is not None}
    assert with_result == {offset: shown(camera, offset) for offset in with_result}
    assert Counter(with_result.values()) == Counter(seen)


@pytest.fixture
def running(no_leaks: None, tmp_path: Path, wait_for: WaitFor) -> Iterator[subprocess.Popen[str]]:
    """A process of its own in which the listing runs, off a hub; its folder is the test's."""
    script = tmp_path / "cameras.py"
    with (
        StreamServer("127.0.0.1", 0) as server,
        open_log(f"hub://127.0.0.1:{server.port}?history=8MiB") as log,
    ):
        script.write_text(
            "from tests.seeds.test_comux import LISTING, Reader\n"
            "class Telling(Reader):\n"
            "    def prepare(self, results):\n"
            "        print('running', flush=True)\n"
            "        return super().prepare(results)\n"
            f"servers = ['hub://127.0.0.1:{server.port}?history=8MiB']\n"
            "exec(LISTING, Telling(most=-1).names(['gate'], servers, 'control'))\n"
        )
        command = [sys.executable, str(script)]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        with (
            filming(log, "raw_gate"),
            subprocess.Popen(
                command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
            ) as process,
        ):
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            yield process
            process.kill()


def terminate(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sightline.mux.terminate", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)


def test_a_process_is_ended_by_the_pid_that_it_wrote(running: subprocess.Popen[str], tmp_path: Path) -> None:
    done = terminate(tmp_path)
    assert (done.returncode, done.stdout) == (0, f"process {running.pid} ended by SIGTERM\n")
    assert running.wait(10) == -15
    again = terminate(tmp_path, "pid")
    assert (again.returncode, again.stdout) == (0, f"process {running.pid} is gone already\n")


def test_a_process_that_only_got_the_number_of_one_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "mine.pid"
    with subprocess.Popen(["sleep", "60"]) as another:
        file.write_text(str(another.pid))
        os.utime(file, (0, 0))
        done = terminate(tmp_path, "mine.pid")
        assert (done.returncode, another.poll()) == (1, None)
        assert "it is another one" in done.stderr
        another.kill()
    assert terminate(tmp_path).returncode == 1  # there is no file named pid


# How one is made, and what it is made of


def test_cameras_and_patterns_of_topics_are_the_first_form(comux: Callable[..., Any]) -> None:
    mux = comux(["gate", "yard"], "raw_:cam_id", "stream_:cam_id", "ERROR")
    assert mux.cam_ids == ["gate", "yard"]
    assert mux.get_topic_from_cam_id("gate") == "raw_gate"
    assert mux.get_cam_id_from_topic("raw_yard") == "yard"
    assert mux.get_cam_id_from_topic("stream_yard") is None
    assert logging.getLogger("sightline").level == logging.ERROR


NAMES = (
    "bootstrap_servers",
    "control_topic",
    "control_bootstrap_servers",
    "acts",
    "end",
    "max_offset_diff",
    "strict_on_fail",
    "over_write",
)


@pytest.mark.parametrize("by_name", [True, False])
def test_servers_and_control_are_the_second_form(by_name: bool, comux: Callable[..., Any], url: str) -> None:
    values = ([url], "control", [url], {"zoom": lambda _mux, value: value}, False, 30, False, True)
    mux = comux(["gate"], **dict(zip(NAMES, values, strict=True))) if by_name else comux(["gate"], *values)
    assert isinstance(mux.control, Control)
    assert mux.control.comux is mux
    assert mux.control.topic == "control"
    assert mux.control.act("zoom", 2) == 2
    assert (mux.cam_ids, mux.bootstrap_servers) == (["gate"], url)
    assert (mux.end, mux.max_offset_diff, mux.strict_on_fail, mux.over_write) == (False, 30, False, True)
    assert mux.consumer_options == {}


def test_left_out_parameters_are_as_the_document_says(comux: Callable[..., Any], url: str) -> None:
    mux = comux(cam_ids=["gate"], bootstrap_servers=[url])
    assert (mux.end, mux.max_offset_diff, mux.strict_on_fail, mux.over_write) == (True, 20, True, False)


# Connecting and reading


def test_a_camera_is_connected_then_listened_to_and_killed(
    comux: Callable[..., Any], url: str, log: Log, wait_for: WaitFor
) -> None:
    mux = comux(["gate", "yard"], bootstrap_servers=[url])
    consumer = mux.connect("gate", False)
    assert dict(mux.consumers) == {"gate": consumer}
    assert dict(mux.threads) == {}
    thread = mux.listen(consumer)
    assert dict(mux.threads) == {"gate": thread}
    assert thread.is_alive()
    film(log, "raw_gate")
    wait_for(lambda: consumer.offset == consumer.topic_last_offset == FILM_FRAMES - 1, 20, "all to be read")
    mux.kill("gate")
    assert (dict(mux.consumers), dict(mux.threads)) == ({}, {})
    assert not thread.is_alive()


def test_all_cameras_are_connected_and_started_at_once(comux: Callable[..., Any], url: str) -> None:
    mux = comux(["gate", "yard"], bootstrap_servers=[url])
    mux.connect_all()
    assert (sorted(mux.consumers), sorted(mux.threads)) == (["gate", "yard"], [])
    mux.start()
    assert sorted(mux.threads) == ["gate", "yard"]


def test_one_that_is_connected_is_replaced_where_that_is_said(comux: Callable[..., Any], url: str) -> None:
    mux = comux(["gate"], bootstrap_servers=[url])
    first = mux.connect("gate", overwrite=False)
    assert mux.connect("gate", overwrite=False) is first
    assert mux.connect("gate", overwrite=True) is not first
    mux.setup_consumers([url], overwrite=True, over_write=True)
    assert mux.over_write
    assert sorted(mux.consumers) == ["gate"]


def test_failures_are_raised_or_tried_again(
    comux: Callable[..., Any], free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.bus.hub_thread.CONNECT_S", 0.2)
    nowhere = [f"hub://127.0.0.1:{free_port()}?history=1MiB"]
    with pytest.raises(SightlineError):
        comux(["gate"]).setup_consumers(nowhere, strict_on_fail=True)
    mux = comux(["gate"])
    mux.setup_consumers(nowhere, strict_on_fail=False)
    mux.start()
    assert mux.get_batch(timeout=0.2) is None


def test_options_of_another_client_are_refused_by_name(comux: Callable[..., Any], url: str) -> None:
    with pytest.raises(ConfigError, match="fetch_max_wait_ms"):
        comux(["gate"]).setup_consumers([url], fetch_max_wait_ms=10)
    with pytest.raises(ConfigError, match="linger_ms"):
        comux(["gate"]).setup_producer([url], linger_ms=10)


# Pictures


def test_a_batch_has_one_picture_of_each_camera_in_order(
    comux: Callable[..., Any], url: str, log: Log
) -> None:
    mux = comux(["gate", "yard"], bootstrap_servers=[url], end=False, max_offset_diff=None, max_wait_s=0.1)
    for camera, cam_id in enumerate(mux.cam_ids):
        film(log, f"raw_{cam_id}", camera=camera)
    mux.setup_decoders()
    mux.start()
    seen: dict[str, dict[int, str]] = {"gate": {}, "yard": {}}
    while not all(len(of) == FILM_FRAMES for of in seen.values()):
        batch = mux.get_batch(timeout=10)
        assert batch is not None
        assert len({cam_id for cam_id, _, _ in batch}) == len(batch)
        for cam_id, index, array in batch:
            seen[cam_id][index] = mark(array)
    for camera, of in enumerate(seen.values()):
        assert of == {offset: shown(camera, offset) for offset in range(FILM_FRAMES)}


def test_a_picture_of_one_camera_is_had_alone(comux: Callable[..., Any], url: str, log: Log) -> None:
    mux = comux(["gate", "yard"], bootstrap_servers=[url])
    mux.start()
    with filming(log, "raw_gate", "raw_yard"):
        item = mux.get("yard")
    assert item is not None
    cam_id, index, array = item
    assert (cam_id, mark(array)) == ("yard", shown(1, index))


def test_a_batch_has_frames_where_that_is_said(comux: Callable[..., Any], url: str, log: Log) -> None:
    mux = comux(["gate"], bootstrap_servers=[url])
    mux.start()
    with filming(log, "raw_gate"):
        ((cam_id, index, frame),) = mux.get_batch(frame=True, timeout=None)
    assert isinstance(frame, Frame)
    assert (frame.camera_id, frame.index, mark(frame.image)) == (cam_id, index, shown(0, index))


def test_when_the_time_is_over_there_is_no_batch(comux: Callable[..., Any], url: str) -> None:
    mux = comux(["gate"], bootstrap_servers=[url])
    mux.start()
    assert mux.get_batch(timeout=0.05) is None


def test_what_cannot_be_decoded_has_none_in_the_place_of_its_array(
    comux: Callable[..., Any], url: str, log: Log
) -> None:
    film(log, "raw_gate")
    log.publish("raw_gate", b"\0\0\1\x41damaged")
    film(log, "raw_gate")
    mux = comux(["gate"], bootstrap_servers=[url], end=False, max_offset_diff=None, max_wait_s=0.1)
    mux.start()
    arrays: dict[int, Any] = {}
    while len(arrays) < 2 * FILM_FRAMES + 1:
        arrays |= {index: array for _, index, array in mux.get_batch(timeout=10) or pytest.fail("no more")}
    assert [index for index, array in arrays.items() if array is None] == [FILM_FRAMES]


def test_pictures_have_the_rate_and_size_that_were_said(
    comux: Callable[..., Any], url: str, log: Log
) -> None:
    mux = comux(["gate"], bootstrap_servers=[url])
    mux.setup_decoders(rate=5, W=160, H=90, de_codec="h264", pix_fmt="yuv420p")
    mux.start()
    with filming(log, "raw_gate"):
        frames = [mux.get("gate", timeout=10, frame=True) or pytest.fail("no picture") for _ in range(5)]
    assert {frame.image.shape for _, _, frame in frames} == {(90, 160, 3)}
    assert [mark(frame.image) for _, _, frame in frames] == [shown(0, index) for _, index, _ in frames]
    first, *_, last = (frame.captured_at_ns for _, _, frame in frames)
    assert last - first > 400_000_000  # four steps of 0.2 s; of B-frames a message or two come early


@pytest.mark.parametrize(("most", "first"), [(20, FILM_FRAMES - 10), (None, 0)])
def test_who_is_too_far_behind_jumps(
    most: int | None, first: int, comux: Callable[..., Any], url: str, log: Log
) -> None:
    film(log, "raw_gate")
    mux = comux(["gate"])
    mux.setup_consumers([url], end=False, max_offset_diff=most)
    mux.start()
    item = mux.get("gate", timeout=10)
    assert item is not None
    assert item.index >= first
    assert (item.index < 10) == (most is None)


# The control


@pytest.fixture
def steering(url: str, no_leaks: None, log: Log) -> Iterator[tuple[Control, list[Any]]]:
    """A control of something of the user's own, with one act; and what the act was called with."""
    called: list[Any] = []
    mine = object()
    control = Control("config", [url], {"zoom": lambda comux, value: called.append((comux, value))}, mine)
    assert (control.topic, control.comux, "zoom" in control.acts) == ("config", mine, True)
    yield control, called
    control.kill()


def test_an_action_is_called_with_the_mux_and_the_value(steering: tuple[Control, list[Any]]) -> None:
    control, called = steering
    control.act("zoom", 2)
    assert called == [(control.comux, 2)]


def test_an_action_that_is_not_there_is_told_in_the_known_words(steering: tuple[Control, list[Any]]) -> None:
    control, called = steering
    assert control.act("explode", None) == "✘ No action 'explode' defined!"
    assert called == []


def test_the_key_of_a_message_is_the_action(
    steering: tuple[Control, list[Any]], log: Log, wait_for: WaitFor
) -> None:
    control, called = steering
    assert (control.offset, control.topic_last_offset) == (None, None)
    log.publish("config", b"3", key=b"zoom")
    log.publish("config", b"", key=b"explode")
    wait_for(lambda: control.offset == control.topic_last_offset == 1, 10, "both to be read")
    wait_for(lambda: called == [(control.comux, 3)], 10, "the action")


def test_a_control_that_was_killed_hears_nothing_until_it_runs_again(
    steering: tuple[Control, list[Any]], url: str, log: Log, wait_for: WaitFor
) -> None:
    control, called = steering
    control.kill()
    log.publish("config", b"1", key=b"zoom")
    control.connect([url])
    control.sub()
    control.run()
    log.publish("config", b"2", key=b"zoom")
    wait_for(lambda: control.offset == 1, 10, "the second message")
    assert [value for _, value in called] == [2]


def test_messages_create_update_and_delete_cameras_of_a_mux_that_runs(
    comux: Callable[..., Any], url: str, log: Log, wait_for: WaitFor
) -> None:
    mux = comux(["gate"], bootstrap_servers=[url])
    mux.setup_controller("config", [url], {"count": lambda mux, _value: len(mux.cam_ids)})
    mux.start()
    assert mux.control is not None
    assert mux.control.act("count", None) == 1
    log.publish("config", b'{"camera_id": "yard"}', key=b"create")
    wait_for(lambda: sorted(mux.threads) == ["gate", "yard"], 10, "a camera more")
    log.publish("config", b'{"camera_id": "yard", "topic": "other"}', key=b"update")
    wait_for(lambda: mux.get_topic_from_cam_id("yard") == "other", 10, "its other topic")
    with filming(log, "other"):
        item = mux.get("yard", timeout=10)
    assert item is not None
    assert mark(item.array) == shown(0, item.index)
    log.publish("config", b'{"camera_id": "gate"}', key=b"delete")
    wait_for(lambda: mux.cam_ids == list(mux.consumers) == ["yard"], 10, "a camera less")
