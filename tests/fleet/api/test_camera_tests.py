"""Cameras that are tested by the machine that is to use them: real agents, a real RTSP server."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from tests.conftest import StartRtspServer, WaitFor
from tests.fleet.agent.desk import agent_settings
from tests.fleet.api.rig import QUICK, bus_url, camera, coordinator, worker
from tools.services.rtsp import Mount

from sightline import Size
from sightline.fleet.agent.service import AgentService
from sightline.fleet.api.client import FleetClient, Refused
from sightline.fleet.keys.tokens import Token
from sightline.fleet.messages.topics import AgentCommand, AgentResponse
from sightline.fleet.post.post import Post
from sightline.fleet.probing.looking import look
from sightline.fleet.probing.words import MOST_JPEG_BYTES, Wish
from sightline.scene import Scene, write_clip

PLANTED = "pl4nted-geheim"
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("looked-at") / "street.mp4"
    write_clip(Scene(size=Size(640, 360), fps=10), path, 30, gop=10)
    return path


class Fleet(NamedTuple):
    client: FleetClient
    bus: str
    messages: list[bytes]

    def test(self, key: str | None, body: Any = None, **query: str) -> Any:
        path = "/api/v1/camera-test" if key is None else f"/api/v1/cameras/{key}/test"
        return self.client.ask("POST", path, json=body, query=query)


@pytest.fixture
def fleet(no_leaks: None, tmp_path: Path, wait_for: WaitFor) -> Iterator[Fleet]:
    """A coordinator and the agent `one`, real both; and all that goes over the bus."""
    with ExitStack() as opened:
        bus, over, messages = bus_url(), threading.Event(), list[bytes]()
        _, client = opened.enter_context(coordinator(tmp_path, bus))
        post = opened.enter_context(Post(bus, identity=None, by="a listener"))
        reader = post.reader(AgentCommand, AgentResponse)

        def read() -> None:
            while not over.is_set():
                messages.extend(one.message.to_json() for one in reader.poll(100, 0.05))

        listening = threading.Thread(target=read)
        listening.start()
        opened.callback(listening.join)
        opened.callback(over.set)
        token = Token.parse(client.post("/api/v1/enrolment-tokens")["token"])
        settings = agent_settings(bus, tmp_path / "one", token)
        opened.enter_context(AgentService(settings, timing=QUICK))
        wait_for(lambda: client.get("/api/v1/agents", state="connected")["total"], LIMIT_S, "it is in")
        yield Fleet(client, bus, messages)


@pytest.mark.needs("rtsp")
def test_a_camera_that_is_not_saved_is_looked_at_by_a_machine_and_its_login_stays_sealed(
    fleet: Fleet, clip: Path, rtsp_server: StartRtspServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = rtsp_server({"gate": Mount(clip, user="viewer", password=PLANTED)}).url("gate")
    new = {"address": url, "username": "viewer", "password": PLANTED}
    told = fleet.test(None, new, agent="one")
    assert (told["ok"], told["on"], told["fault"]) == (True, "one", "")
    report = told["report"]
    assert (report["codec"], report["width"], report["height"], report["decodable"]) == (
        "h264",
        640,
        360,
        True,
    )
    jpeg = base64.b64decode(told["jpeg"])
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert (picture.shape[:2], len(jpeg) <= MOST_JPEG_BYTES) == ((270, 480), True)
    assert fleet.client.get("/api/v1/cameras")["total"] == 0
    sealed = [base64.b64decode(one) for one in (json.loads(m)["sealed"] for m in fleet.messages) if one]
    assert len(sealed) == 2, "asked and answered over the bus"
    everything = b"".join([*sealed, *fleet.messages, json.dumps(told).encode(), caplog.text.encode()])
    assert PLANTED.encode() not in everything
    assert not any(part in one for one in sealed for part in (b"127.0.0.1", b"h264", b"JFIF"))
    assert fleet.client.get("/api/v1/audit")["items"][0]["act"] == "test_new_camera"


@pytest.mark.needs("rtsp")
def test_a_saved_camera_is_looked_at_where_it_is_or_by_the_coordinator_and_lends_its_password(
    fleet: Fleet, clip: Path, rtsp_server: StartRtspServer, wait_for: WaitFor
) -> None:
    client = fleet.client
    url = rtsp_server({"gate": Mount(clip, user="viewer", password=PLANTED)}).url("gate")
    saved = camera("gate", username="viewer", password=PLANTED, instance_name="look")
    client.post("/api/v1/instances", worker("look"))
    client.post("/api/v1/cameras", {**saved, "address": url})
    told = fleet.test("gate")
    assert (told["ok"], told["on"]) == (True, "coordinator"), "it is on no machine yet"
    client.post("/api/v1/update-config")
    wait_for(lambda: client.get("/api/v1/cameras/gate")["placed_node"], LIMIT_S, "it has a place")
    assert fleet.test("gate")["on"] == "one"
    form = {"camera_id": "gate", "address": url, "username": "viewer"}
    assert fleet.test(None, form, agent="coordinator")["ok"]
    with pytest.raises(Refused) as refused:
        fleet.test(None, {**form, "address": "rtsp://127.0.0.1:9/gate"})
    assert (refused.value.status, "password" in str(refused.value)) == (422, True)
    denied = fleet.test(None, {**form, "password": "another"}, agent="coordinator")
    assert (denied["ok"], denied["report"], denied["jpeg"]) == (False, {}, "")
    assert "wrong user or password" in denied["fault"]
    assert PLANTED not in json.dumps(denied)


def test_a_file_is_looked_at_by_the_machine_that_has_it_alone(fleet: Fleet, clip: Path) -> None:
    assert fleet.test(None, {"address": str(clip)}, agent="one")["report"]["packets"] == 30
    with pytest.raises(Refused) as refused:
        fleet.test(None, {"address": str(clip)})
    assert "a file, a device or a tls_ca_file is one machine's" in str(refused.value)
    with pytest.raises(Refused) as refused:
        fleet.test(None, {"address": str(clip)}, agent="nobody")
    assert refused.value.kind == "not-found"


def test_what_is_wrong_is_told_in_words(fleet: Fleet, free_port: Callable[[], int]) -> None:
    told = fleet.test(None, {"address": f"rtsp://127.0.0.1:{free_port()}/x"}, agent="one")
    assert (told["ok"], told["jpeg"]) == (False, "")
    assert "refused" in told["fault"]
    with pytest.raises(Refused) as refused:
        fleet.test(None, {"address": "gopher://h/x"})
    assert refused.value.status == 422


def test_so_many_are_looked_at_at_a_time_and_the_next_is_told_so(fleet: Fleet) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    body = {"address": f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"}
    with ThreadPoolExecutor(5) as pool:
        try:
            asked = [pool.submit(fleet.test, None, body) for _ in range(2)]
            held = [silent.accept()[0] for _ in asked]
            with pytest.raises(Refused) as refused:
                fleet.test(None, body)
            assert (refused.value.status, refused.value.kind) == (503, "busy")
            there = [pool.submit(fleet.test, None, body, agent="one") for _ in range(3)]
            held += [silent.accept()[0] for _ in there]
            assert "3 cameras are being tested here already" in fleet.test(None, body, agent="one")["fault"]
        finally:
            silent.close()
            for one in held:
                one.close()
        assert {one.result()["ok"] for one in [*asked, *there]} == {False}


def test_a_look_whose_process_is_killed_is_told_and_nothing_else_happens() -> None:
    told = look(Wish(camera_id="gate", address="synthetic://"), lambda process: process.kill())
    assert told.fault == "the look at it broke: exit code -9"


def test_debug_of_a_camera_is_seen_in_the_log_of_its_instance(fleet: Fleet, wait_for: WaitFor) -> None:
    client = fleet.client
    site = {"workers": {"look": {"model": {"kind": "motion"}}}}
    client.post("/api/v1/instances", worker("look", config=site, run={"settle_s": 0.1}))
    for name in ("gate", "yard"):
        address = "synthetic://?fps=5&size=160x120"
        client.post("/api/v1/cameras", camera(name, address=address, instance_name="look"))
    client.post("/api/v1/update-config")

    def log() -> str:
        return str(client.get("/api/v1/instances/look/logs")["log"])

    def runs() -> bool:
        row = client.get("/api/v1/instances/look")
        return bool(row["status"] == "running" and row["observed_generation"] == row["generation"])

    wait_for(runs, LIMIT_S, "it runs")
    assert log() == ""
    assert client.post("/api/v1/cameras/gate/debug")["changed"]
    wait_for(lambda: "camera live" in log(), LIMIT_S, "the log says so")
    assert "gate" in log()
    assert "yard" not in log()
