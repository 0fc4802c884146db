"""Live pictures from a camera to those who look, over HTTP."""

import io
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError

import av
import numpy as np
import pytest
from tests.fleet.viewing.rig import CAMERA, STREET, Shown, Worker, numbered

from sightline.bus import open_bus
from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_topics import KafkaTopics
from sightline.fakecam import FakeCameras
from sightline.fleet.api.client import Refused
from sightline.fleet.people.principal import Role
from sightline.fleet.viewing import line, viewing
from sightline.fleet.viewing.framing import Kind, jpeg_of
from sightline.hub.address import HubAddress
from sightline.scene import read_mark
from sightline.scene.url import parse_url
from sightline.sink.viewed import About, header_of, where_of
from sightline.site.own_hub import OwnHub

WaitFor = Callable[[Callable[[], object], float, str], object]


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    with Shown(tmp_path) as rig:
        yield rig


def notes(frames: list[bytes]) -> list[str]:
    return [json.loads(data)["state"] for data in frames]


@pytest.mark.parametrize("street", [STREET, f"{STREET}&b_frames=2"])
def test_boxes_stand_on_the_very_picture_that_they_were_seen_in(shown: Shown, street: str) -> None:
    with Worker(shown.bus, street), shown.looking() as viewer:
        viewer.until(lambda: len(viewer.of(Kind.BOXES)) >= 25)
        told = notes(viewer.of(Kind.NOTE))
        assert set(told[: told.index("live")]) <= {"waiting", "gone"}, (
            "it has no machine, which is known soon"
        )
    with av.open(io.BytesIO(b"".join(viewer.of(Kind.INIT, Kind.MEDIA))), "r") as container:
        frames = list(container.decode(video=0))
    numbers = {
        round(float(frame.time or 0), 3): read_mark(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
        for frame in frames
    }
    scene, checked = parse_url(STREET).scene, 0
    for seen in map(json.loads, viewer.of(Kind.BOXES)):
        mark = numbers.get(round(seen["media_s"], 3))
        if mark is not None:
            checked += 1
            seen_in = (*scene.truth(mark.frame), numbered(mark.frame))
            truth = [(one.label, one.x1, one.y2) for one in seen_in]
            assert [(box["label"], box["x1"], box["y2"]) for box in seen["boxes"]] == truth
    assert checked >= 20


def test_the_camera_is_passed_on_once_however_many_look_and_no_longer(
    shown: Shown, wait_for: WaitFor
) -> None:
    with Worker(shown.bus) as worker:
        with shown.looking() as first, shown.looking() as second:
            first.until(lambda: first.of(Kind.MEDIA))
            second.until(lambda: second.of(Kind.MEDIA))
            counts = shown.server.viewing.counts()
            assert (counts.viewers, counts.cameras) == (2, 1)
            sent = worker.view.published
            assert counts.packets <= sent
            with shown.looking() as late:  # begins at the last keyframe, which came already
                begun_s = time.monotonic()
                late.until(lambda: late.of(Kind.MEDIA))
                assert time.monotonic() - begun_s < 0.9
        wait_for(lambda: shown.server.viewing.counts().viewers == 0, 10, "everybody to be gone")
        wait_for(lambda: shown.server.viewing.counts().cameras == 0, 15, "nobody to be waited for")

        since = (worker.captured, worker.view.published)

        def is_quiet() -> bool:
            nonlocal since
            if worker.view.published != since[1]:
                since = (worker.captured, worker.view.published)
            return worker.captured >= since[0] + 10

        wait_for(is_quiet, 10, "the camera to go on for ten pictures of which none is passed on")


def test_a_worker_that_is_begun_anew_goes_on_in_the_same_stream(shown: Shown) -> None:
    with shown.looking() as viewer:
        with Worker(shown.bus):
            viewer.until(lambda: len(viewer.of(Kind.MEDIA)) > 2)
        viewer.until(lambda: notes(viewer.of(Kind.NOTE))[-1] == "gone")
        told = json.loads(viewer.of(Kind.NOTE)[-1])["why"]
        assert told.startswith("no picture since ")
        assert "eyes" in told  # and why: its instance is on no machine
        with Worker(shown.bus, term=2):  # elsewhere
            viewer.until(lambda: len(viewer.of(Kind.HEAD)) == 2)
            viewer.until(lambda: notes(viewer.of(Kind.NOTE))[-1] == "live")
        first, second = (json.loads(data) for data in viewer.of(Kind.HEAD))
        assert second["offset_s"] > first["offset_s"] + 0.3


def test_a_camera_that_cannot_be_shown_says_why(shown: Shown) -> None:
    with shown.looking() as viewer, open_bus(where_of(shown.bus)) as bus:
        viewer.until(lambda: viewer.of(Kind.NOTE))

        def told() -> bool:
            bus.publish("view", b"", headers=(header_of(About(CAMERA, "trouble", 0, "too large")),))
            bus.publish("view", b"rubbish", headers=(("sightline.view", b"{"),))
            return notes(viewer.of(Kind.NOTE))[-1] == "no_video"

        viewer.until(told)
        assert json.loads(viewer.of(Kind.NOTE)[-1])["why"] == "too large"


def test_a_camera_that_is_switched_off_or_not_there_is_told(shown: Shown) -> None:
    with pytest.raises(Refused, match="no camera"):
        shown.client.get("/api/v1/cameras/nobody/live")
    shown.client.ask("PATCH", f"/api/v1/cameras/{CAMERA}", json={"enabled": False})
    shown.client.post("/api/v1/update-config")
    with shown.looking() as viewer:
        viewer.until(lambda: notes(viewer.of(Kind.NOTE))[-1:] == ["no_video"])
        assert "switched off" in json.loads(viewer.of(Kind.NOTE)[-1])["why"]


@pytest.mark.parametrize("codec", ["hevc", "mjpeg"])
def test_stills_are_decoded_for_those_who_ask(shown: Shown, codec: str) -> None:
    with Worker(shown.bus, f"{STREET}&codec={codec}"), shown.looking("?as=jpeg") as viewer:
        viewer.until(lambda: len(viewer.of(Kind.JPEG)) >= 3 and viewer.of(Kind.BOXES))
        assert not viewer.of(Kind.MEDIA)
    times = [jpeg_of(data)[0] for data in viewer.of(Kind.JPEG)]
    assert times == sorted(set(times))
    assert len(times) <= 2 * (times[-1] - times[0]) + 2
    assert jpeg_of(viewer.of(Kind.JPEG)[0])[1].startswith(b"\xff\xd8\xff")


def test_who_reads_nothing_holds_up_nobody(shown: Shown) -> None:
    with Worker(shown.bus), shown.looking() as asleep, shown.looking() as awake:
        awake.until(lambda: len(awake.of(Kind.MEDIA)) >= 12)
        asleep.until(lambda: asleep.of(Kind.MEDIA))
        assert asleep.of(Kind.MEDIA)[0] in awake.of(Kind.MEDIA)


def test_how_often_viewers_were_too_slow_is_counted_and_not_forgotten(
    shown: Shown, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    def counts() -> dict[str, int]:
        of_all: dict[str, int] = shown.client.get("/api/v1/status")["counts"]
        return of_all

    with Worker(shown.bus), shown.looking() as one:
        one.until(lambda: one.of(Kind.MEDIA))
        assert (now := counts())["live_packets"] > 0
        assert now["live_skips"] == 0
        monkeypatch.setattr(line, "MOST_ITEMS", 1)  # everybody is too slow
        wait_for(lambda: counts()["live_skips"] and counts()["live_dropped"], 10, "them to be counted")
        now = counts()
    wait_for(lambda: counts()["live_viewers"] == 0, 10, "them to be gone")
    assert counts()["live_skips"] >= now["live_skips"]


def test_no_user_has_the_places_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    monkeypatch.setattr(viewing, "MOST_VIEWERS", 4)
    monkeypatch.setattr(viewing, "MOST_OF_ONE", 2)
    with Shown(tmp_path) as shown, ExitStack() as opened:
        ada, bob = (_token(shown, name) for name in ("ada", "bob"))
        mine = [opened.enter_context(ExitStack()) for _ in range(2)]
        for one in mine:
            one.enter_context(shown.looking(token=ada))
        assert _refused(shown, ada) == "ada has 2 of the 4 that look at cameras: close a page, or wait"
        for token in (bob, ""):
            opened.enter_context(shown.looking(token=token))
        assert _refused(shown, bob) == "4 look at cameras already: expected fewer at a time"
        mine[0].close()
        wait_for(lambda: shown.server.viewing.counts().viewers == 3, 10, "one to be gone")
        opened.enter_context(shown.looking())
        counts = shown.client.get("/api/v1/status")["counts"]
        assert (counts["live_viewers"], counts["live_refused"]) == (4, 2)


def _token(shown: Shown, name: str) -> str:
    shown.server.entrance.users.add(name, Role.VIEWER)
    return shown.server.entrance.tokens.make(name).text


def _refused(shown: Shown, token: str) -> str:
    with pytest.raises(HTTPError) as refused, shown.looking(token=token):
        pass
    with refused.value as answer:
        assert (answer.status, answer.headers["retry-after"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "1")
        return str(json.loads(answer.read())["detail"])


def test_a_stream_ends_with_its_server_at_once_and_says_so(tmp_path: Path) -> None:
    with Shown(tmp_path) as shown, Worker(shown.bus), shown.looking() as viewer:
        viewer.until(lambda: viewer.of(Kind.MEDIA))
        begun_s = time.monotonic()
        ending = threading.Thread(target=shown.server.close)
        ending.start()
        viewer.until(lambda: viewer.over)
        ending.join()
        assert time.monotonic() - begun_s < 4
    assert json.loads(viewer.of(Kind.NOTE)[-1])["why"] == "the coordinator is ending"


@pytest.mark.needs("kafka")
def test_kafka_passes_pictures_on_and_keeps_them_for_a_minute(tmp_path: Path, kafka: str) -> None:
    prefix, bus = f"v{secrets.token_hex(3)}.", f"kafka://{kafka}"
    with (
        Shown(tmp_path, bus=bus, prefix=prefix) as shown,
        Worker(bus, prefix=prefix),
        shown.looking() as viewer,
    ):
        viewer.until(lambda: len(viewer.of(Kind.BOXES)) > 5, 40)
    topics = KafkaTopics(KafkaAddress.of(bus)).describe([f"{prefix}view", f"{prefix}view_wanted"])
    assert [topic.retention_s for topic in topics] == [60, 60]


def test_the_hub_may_end_and_begin_anew(tmp_path: Path, free_port: Callable[[], int]) -> None:
    address = HubAddress.of(f"hub://127.0.0.1:{free_port()}")
    bus = address.shown
    hub = OwnHub(address)
    hub.start()
    try:
        with Shown(tmp_path, bus=bus) as shown, Worker(bus), shown.looking() as viewer:
            viewer.until(lambda: viewer.of(Kind.MEDIA))
            hub.stop()
            viewer.until(lambda: notes(viewer.of(Kind.NOTE))[-1] == "gone")
            hub = OwnHub(address)
            hub.start()
            count = len(viewer.of(Kind.MEDIA))
            viewer.until(lambda: len(viewer.of(Kind.MEDIA)) > count + 3, 40)
    finally:
        hub.stop()


def test_of_a_deepstream_instance_the_camera_is_read_here_once(tmp_path: Path, wait_for: WaitFor) -> None:
    with (
        FakeCameras({"gate": STREET}) as cameras,
        Shown(tmp_path, kind="deepstream", address=cameras.url("gate")) as shown,
    ):
        with shown.looking() as one, shown.looking() as other:
            one.until(lambda: one.of(Kind.MEDIA))
            other.until(lambda: other.of(Kind.MEDIA))
            assert cameras.status("gate").viewers == 1
        wait_for(lambda: cameras.status("gate").viewers == 0, 15, "nobody to read the camera")
