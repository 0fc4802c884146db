"""`sightline cameras`, as it is typed, with controls that listen on a real log."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.cli.conftest import Invoke, Run
from tests.mux.steered_cameras import Cameras

from sightline.frame import Size
from sightline.hub import StreamServer
from sightline.mux import Control

Listens = Callable[..., Cameras]


@pytest.fixture
def url() -> str:
    return f"memory://cameras-{uuid.uuid4().hex}?history=8MiB"


@pytest.fixture
def listens(no_leaks: None, url: str) -> Iterator[Listens]:
    """`listens("east")` gives cameras that are steered by messages for the instance of that name."""
    with ExitStack() as controls:

        def begin(name: str, topic: str = "control", at: str = url, acts: object = None) -> Cameras:
            cameras = Cameras()
            controls.enter_context(Control(topic, at, acts, cameras, name=name))  # type: ignore[arg-type]
            return cameras

        yield begin


def test_a_camera_is_added_changed_paused_and_removed(invoke: Invoke, listens: Listens, url: str) -> None:
    east = listens("east")
    added = invoke("cameras", "add", "gate", "rate=5", "size=640x360", "out_topic=seen", "--bus", url)
    assert (added.stdout, added.exit_code) == ("east: created gate\n", 0)
    assert east.settings == {"gate": {"rate": 5.0, "size": Size(640, 360), "out_topic": "seen"}}
    changed = invoke("cameras", "update", "gate", "rate=none", "max_offset_diff=none", "--bus", url)
    assert changed.stdout == "east: updated gate: rate, max_offset_diff\n"
    assert (east.settings["gate"]["rate"], east.settings["gate"]["max_offset_diff"]) == (None, None)
    invoke("cameras", "pause", "gate", "--bus", url)
    assert east.paused == {"gate"}
    invoke("cameras", "resume", "gate", "--bus", url)
    assert east.paused == set()
    assert invoke("cameras", "remove", "gate", "--bus", url).stdout == "east: deleted gate\n"
    assert east.settings == {}


def test_cameras_of_all_instances_are_listed(invoke: Invoke, listens: Listens, url: str) -> None:
    east, west = listens("east"), listens("west")
    east.create("gate", {"rate": 2.5})
    west.create("yard", {"topic": "cam.yard"})
    west.pause("yard")
    shown = invoke("cameras", "list", "--bus", url, "--wait-s", "0.5")
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.stdout.splitlines()]
    assert [row for row in cells if row] == [
        ["gate", "east", "running", "raw_gate", "2.5", "0", "0", "0", "?"],
        ["yard", "west", "paused", "cam.yard", "all", "0", "0", "0", "?"],
    ]
    facts = json.loads(invoke("cameras", "list", "--bus", url, "--wait-s", "0.5", "--json").stdout)
    assert {fact["by"]: list(fact["result"]) for fact in facts} == {"east": ["gate"], "west": ["yard"]}


def test_one_instance_may_be_meant(invoke: Invoke, listens: Listens, url: str) -> None:
    east, west = listens("east"), listens("west")
    assert invoke("cameras", "add", "gate", "--bus", url, "--to", "west").stdout == "west: created gate\n"
    assert (list(east.settings), list(west.settings)) == ([], ["gate"])
    listed = invoke("cameras", "list", "--bus", url, "--to", "west", "--json")
    assert [fact["by"] for fact in json.loads(listed.stdout)] == ["west"]


def test_what_one_instance_cannot_do_ends_it_with_1_and_says_why(
    invoke: Invoke, listens: Listens, url: str
) -> None:
    east, _ = listens("east"), listens("west")
    east.create("gate", {})
    removed = invoke("cameras", "remove", "gate", "--bus", url)
    assert removed.exit_code == 1
    assert removed.stdout == "east: deleted gate\n"
    assert removed.stderr.endswith("west: unknown camera gate\n")  # below the log of west itself
    again = invoke("cameras", "remove", "gate", "--bus", url, "--json")
    assert again.exit_code == 1
    assert [(fact["ok"], fact["error"]) for fact in json.loads(again.stdout)] == [
        (False, "unknown camera gate")
    ] * 2


def test_states_that_are_none_are_told_as_such(invoke: Invoke, listens: Listens, url: str) -> None:
    listens("east", acts={"status": lambda _comux, _value: "fine"})
    shown = invoke("cameras", "list", "--bus", url, "--wait-s", "0.3")
    assert shown.exit_code == 1
    assert "east: expected the states of its cameras" in shown.stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("rat=5", 'rat: unknown setting; did you mean "rate"?'),
        ("rate=fast", "rate: expected float"),
        ("rate", "expected SETTING=VALUE, such as rate=5, got 'rate'"),
        ("camera_id=yard", "camera_id: unknown setting"),
    ],
)
def test_a_wrong_setting_is_told_before_anybody_is_asked(invoke: Invoke, setting: str, said: str) -> None:
    refused = invoke("cameras", "add", "gate", setting, "--bus", "kafka://127.0.0.1:1")
    assert refused.exit_code == 2
    assert said in " ".join(refused.stderr.replace("│", " ").split())


def test_a_setting_twice_is_refused(invoke: Invoke, url: str) -> None:
    assert invoke("cameras", "add", "gate", "rate=1", "rate=2", "--bus", url).exit_code == 2


def test_where_nobody_listens_it_says_so(invoke: Invoke, listens: Listens, url: str) -> None:
    listens("east")
    for options, who in (([], "mux"), (["--to", "west"], "mux named west")):
        topic = [] if options else ["--control-topic", "elsewhere"]
        asked = invoke("cameras", "list", "--bus", url, "--wait-s", "0.2", *options, *topic)
        assert asked.exit_code == 1
        assert f"expected an answer within 0.2 s, got none: perhaps no {who} listens" in asked.stderr


def test_a_bus_that_keeps_nothing_is_refused_in_words(invoke: Invoke) -> None:
    asked = invoke("cameras", "list", "--bus", "memory://nothing-kept")
    assert asked.exit_code == 1
    assert "add ?history=64MiB" in asked.stderr


def works_from_another_process(command: Run, address: str, url: str) -> None:
    """A control at `address`, and the command with `url`, on topics of their own."""
    topic = f"control-{uuid.uuid4().hex}"
    cameras = Cameras()
    with Control(topic, address, None, cameras, name="east") as control:
        where = ("--bus", url, "--control-topic", topic, "--to", "east")
        added = command("cameras", "add", "gate", "rate=5", *where)
        assert (added.stdout, added.stderr) == ("east: created gate\n", "")
        listed = command("cameras", "list", "--json", *where)
        assert control.offset == control.topic_last_offset
    assert json.loads(listed.stdout)[0]["result"]["gate"]["rate"] == 5.0
    assert cameras.settings == {"gate": {"rate": 5.0}}


def test_it_speaks_over_a_hub(no_leaks: None, sightline_command: Run) -> None:
    with StreamServer(port=0) as server:
        url = f"hub://127.0.0.1:{server.port}?history=8MiB"
        works_from_another_process(sightline_command, url, url)


@pytest.mark.needs("kafka")
def test_it_speaks_over_kafka(kafka: str, no_leaks: None, sightline_command: Run) -> None:
    works_from_another_process(sightline_command, kafka, f"kafka://{kafka}")
