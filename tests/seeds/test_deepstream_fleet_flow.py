"""The work flow of the DeepStream fleet's document, step by step, over a real Kafka and with a real Docker.

Somebody listens to all six topics from the begin, as a user of the document could. Each test is a sentence
or an arrow of its diagrams, in their order; they share one machine.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import WaitFor, require
from tests.fleet.proof.comparing import by_instance, container_of, files_of
from tests.fleet.proof.machines import Machines
from tests.fleet.proof.wishes import camera, change, deepstream
from tools.services import Docker
from tools.services.light_images import STANDIN, add_light_images

from sightline.deepstream import DsInstance, NodeInfo
from sightline.fleet import (
    AgentCommand,
    AgentConfig,
    AgentInfo,
    AgentResponse,
    FleetClient,
    FleetInstanceStatus,
    NodeConfig,
    Post,
)
from sightline.fleet.messages.topics import MESSAGES, Message
from sightline.fleet.post.reading import Reader

pytestmark = [
    pytest.mark.needs("docker", "kafka"),
    pytest.mark.alone,
    pytest.mark.timeout(300),
]

BOX = "box"
YARD = "ds-01"
CAMERA = "cam-01"
STEP_S = 90.0


class Listener:
    """All that was said on the six topics, in the order in which it came here."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.heard: list[Message] = []

    def all(self, kind: type[Message]) -> list[Any]:
        self.heard += [one.message for one in self._reader.poll(1000, 0.2)]
        return [one for one in self.heard if isinstance(one, kind)]

    def commands(self, name: str) -> list[AgentCommand]:
        return [one for one in self.all(AgentCommand) if one.command == name]

    def configured(self) -> list[list[NodeConfig]]:
        """Configurations with an instance in them."""
        lists = [one.agent_info_list for one in self.all(AgentConfig)]
        return [nodes for nodes in lists if any(node.node_config_list for node in nodes)]

    def states(self, name: str) -> list[str]:
        """Of an instance, as responses have them."""
        found: list[FleetInstanceStatus] = [
            each for one in self.all(AgentResponse) for each in one.status if each.instance_name == name
        ]
        return [one.state for one in found]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    require("docker")
    with Docker(tmp_path_factory.mktemp("docker")) as docker:
        add_light_images(docker)  # "Make sure the image is already been build in each computer"
        yield docker


@pytest.fixture(scope="module")
def machines(engine: Docker, kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Machines:
    """`IMAGE_NAME` stands in `settings.toml` of the folder in which the agent is begun."""
    folder = tmp_path_factory.mktemp("flow")
    made = Machines(folder, engine, f"kafka://{kafka}", image=STANDIN, timing={}, names=(BOX,))
    create = [sys.executable, "-m", "sightline", "topics", "create", "--fleet", "--prefix", made.prefix]
    told = subprocess.run(
        [*create, "--bus", f"kafka://{kafka}", "--json"], capture_output=True, check=True, timeout=60
    )
    assert json.loads(told.stdout)["made"] == [made.prefix + kind.topic for kind in MESSAGES]
    return made


@pytest.fixture(scope="module")
def listener(machines: Machines, kafka: str, wait_for: WaitFor) -> Iterator[Listener]:
    with Post(f"kafka://{kafka}", identity=None, by="a listener", prefix=machines.prefix) as post:
        reader = post.reader(*MESSAGES)
        wait_for(lambda: reader.ready(0.5), STEP_S, "the topics can be read")
        yield Listener(reader)


@pytest.fixture(scope="module")
def user(machines: Machines, listener: Listener) -> Iterator[FleetClient]:
    """Coordinator and agent are begun when somebody listens; a user asks by the API alone."""
    with machines:
        yield machines.api


def is_running(user: FleetClient) -> bool:
    return bool(user.get(f"/api/v1/instances/{YARD}")["status"] == "running")


def container_id(machines: Machines) -> str:
    return by_instance(machines).get(YARD, "")


def test_an_agent_greets_is_stored_and_allowed_in_without_a_refresh(
    machines: Machines, user: FleetClient, listener: Listener, wait_for: WaitFor
) -> None:
    welcome = wait_for(lambda: listener.commands("welcome"), STEP_S, "201 lets it in")[0]
    info = wait_for(lambda: listener.all(AgentInfo), STEP_S, "200 says who it is")[-1]
    assert (welcome.node_id, welcome.boot) == (info.node_id, info.boot)
    row = user.get(f"/api/v1/agents/{BOX}")
    assert (row["node_id"], row["connected"]) == (str(info.node_id), True)
    assert (row["hostname"], row["ip_address"]) == (info.hostname, str(info.ip_address))
    assert "Refresh" not in {one.topic for one in listener.heard}


def test_a_user_makes_a_camera_and_an_instance_chooses_debug_and_asks_for_an_update(
    machines: Machines, user: FleetClient, listener: Listener, kafka: str, wait_for: WaitFor
) -> None:
    user.post("/api/v1/instances", deepstream(1, kafka.replace(":", ";")) | {"debug": True})
    user.post("/api/v1/cameras", camera(1))
    assert listener.configured() == []  # nothing is told before the update
    assert user.post("/api/v1/update-config", {"desc": "one camera"})["revision"] == 1
    sent = wait_for(listener.configured, STEP_S, "210")[-1]
    assert [str(one.node_id) for one in sent] == [machines.node_id(BOX)]
    of_the_document = {
        **sent[0].model_dump(mode="json", include={"hostname", "node_id"}),
        "node_config_list": [
            one.model_dump(mode="json", include={*DsInstance.model_fields})
            for one in sent[0].node_config_list
        ],
    }
    node = NodeInfo.model_validate(of_the_document)
    instance = node.node_config_list[0]
    assert (instance.name, sent[0].node_config_list[0].debug) == (YARD, True)
    assert [one.camera_id for one in instance.config.sourceconfig.sources] == [CAMERA]


def test_the_agent_creates_the_container_of_its_image_and_says_that_it_is_up(
    machines: Machines, user: FleetClient, listener: Listener, wait_for: WaitFor
) -> None:
    wait_for(lambda: "running" in listener.states(YARD), STEP_S, "220 says that it runs")
    container = container_of(machines, YARD)
    assert container is not None
    assert container["State"]["Running"]
    assert container["Image"] == machines.docker.inspect_image(STANDIN)["Id"]
    assert camera(1)["address"].removeprefix("rtsp://") in files_of(container)
    wait_for(lambda: is_running(user), STEP_S, "the user sees it")


def test_the_agent_tells_the_status_of_its_instances_again_and_again(
    user: FleetClient, listener: Listener, wait_for: WaitFor
) -> None:
    before = len(listener.all(AgentResponse))
    wait_for(
        lambda: len(listener.all(AgentResponse)) >= before + 2, STEP_S, "two more, where nothing changes"
    )


def test_a_changed_configuration_is_another_container(
    machines: Machines, user: FleetClient, wait_for: WaitFor
) -> None:
    before = container_id(machines)
    change(machines, "instances", YARD, mot_raw_meta_topic="AnotherTopic")
    user.post("/api/v1/update-config")
    wait_for(
        lambda: container_id(machines) not in {before, ""} and is_running(user), STEP_S, "it is replaced"
    )
    container = container_of(machines, YARD)
    assert container is not None
    assert "AnotherTopic" in files_of(container)


def test_an_instance_is_restarted_stopped_and_started(
    machines: Machines, user: FleetClient, wait_for: WaitFor
) -> None:
    before = container_id(machines)
    user.post(f"/api/v1/instances/{YARD}/restart")
    wait_for(lambda: container_id(machines) not in {before, ""} and is_running(user), STEP_S, "it is anew")
    change(machines, "instances", YARD, enabled=False)
    user.post("/api/v1/update-config")
    wait_for(lambda: not container_id(machines), STEP_S, "it is stopped")
    change(machines, "instances", YARD, enabled=True)
    user.post("/api/v1/update-config")
    wait_for(lambda: container_id(machines) and is_running(user), STEP_S, "it is started")


def test_an_instance_that_is_deleted_has_no_container(
    machines: Machines, user: FleetClient, listener: Listener, wait_for: WaitFor
) -> None:
    user.ask("DELETE", f"/api/v1/cameras/{CAMERA}")
    user.ask("DELETE", f"/api/v1/instances/{YARD}")
    user.post("/api/v1/update-config")
    wait_for(lambda: not container_id(machines), STEP_S, "its container is deleted")
    wait_for(
        lambda: not [one for one in listener.all(AgentResponse) if one.full][-1].status, STEP_S, "and told"
    )
    assert user.get("/api/v1/instances")["total"] == 0
