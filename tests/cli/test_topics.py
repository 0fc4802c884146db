"""`sightline topics` on a real Kafka."""

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from sightline.bus import open_log
from sightline.cli import app
from sightline.fleet.messages.topics import MESSAGES

pytest.importorskip("confluent_kafka")
Topics = Callable[..., Any]


@pytest.fixture
def topics(kafka: str, invoke: Any) -> Topics:
    """`topics("create", "raw_gate")` runs the command against the broker."""
    return lambda command, *arguments: invoke("topics", command, *arguments, "--bus", f"kafka://{kafka}")


@pytest.fixture
def camera(topics: Topics) -> Iterator[str]:
    """A camera that nobody has; its topics are deleted after the test."""
    camera = f"gate-{secrets.token_hex(4)}"
    yield camera
    topics("delete", "--for-cameras", camera, "--yes")


@pytest.mark.needs("kafka")
def test_a_camera_gets_its_two_topics_once(topics: Topics, camera: str) -> None:
    raw, stream = f"raw_{camera}", f"stream_{camera}"
    assert topics("create", "--for-cameras", camera).stdout == f"{raw}: made\n{stream}: made\n"
    again = topics("create", raw, "--for-cameras", camera, "--json")
    assert json.loads(again.stdout) == {"made": [], "there": [raw, stream]}
    assert again.exit_code == 0


@pytest.mark.needs("kafka")
def test_what_is_asked_for_is_shown(topics: Topics, camera: str) -> None:
    name = f"raw_{camera}"
    topics("create", name, "--hours", "0.5", "--gib", "0", "--message-mib", "2")
    shown = json.loads(topics("show", name, "--json").stdout)
    assert shown == [
        {
            "name": name,
            "replicas": 1,
            "retention_s": 1800.0,
            "retention_bytes": None,
            "compacted": False,
            "max_message_bytes": 2097152,
            "offsets": [[0, 0]],
            "messages": 0,
        }
    ]
    (line,) = (line for line in topics("list").stdout.splitlines() if name in line)
    assert "0.5 h" in line
    assert "2.00 MiB" in line
    assert all(not topic["name"].startswith("__") for topic in json.loads(topics("list", "--json").stdout))


@pytest.mark.needs("kafka")
def test_a_topic_that_is_not_there_is_an_error(topics: Topics, camera: str) -> None:
    ended = topics("show", f"raw_{camera}")
    assert ended.exit_code == 1
    assert f"not there: raw_{camera}" in ended.stderr


@pytest.mark.needs("kafka")
def test_nothing_is_deleted_without_a_yes(topics: Topics, camera: str, kafka: str) -> None:
    name = f"raw_{camera}"
    topics("create", name)
    command = ["topics", "delete", name, "--bus", f"kafka://{kafka}"]
    refused = CliRunner().invoke(app, command, input="n\n")
    assert f"Delete {name} (0 messages)?" in refused.stderr
    assert refused.exit_code == 1
    assert topics("show", name).exit_code == 0
    assert CliRunner().invoke(app, command, input="y\n").stdout.endswith(f"{name}: deleted\n")
    assert json.loads(topics("delete", name, "--yes", "--json").stdout) == {"deleted": [], "missing": [name]}


@pytest.mark.needs("kafka")
def test_a_fleet_gets_its_six_topics_and_its_configurations_stay(topics: Topics, kafka: str) -> None:
    prefix = f"north-{secrets.token_hex(4)}."
    of_fleet = ("--fleet", "--prefix", prefix)
    try:
        made = json.loads(topics("create", *of_fleet, "--json").stdout)["made"]
        assert made == [f"{prefix}{kind.topic}" for kind in MESSAGES]
        assert json.loads(topics("create", *of_fleet, "--json").stdout) == {"made": [], "there": made}
        shown = {topic["name"]: topic for topic in json.loads(topics("show", *of_fleet, "--json").stdout)}
        assert [name for name in made if shown[name]["compacted"]] == [f"{prefix}AgentConfig"]
        assert {shown[name]["retention_s"] for name in made if not shown[name]["compacted"]} == {3600.0}
        lines = topics("list").stdout.splitlines()
        kept = {name: line for line in lines for name in made if f" {name} " in line}
        assert {name for name, line in kept.items() if "last of each key" in line} == {f"{prefix}AgentConfig"}
        with open_log(f"kafka://{kafka}") as log:
            log.compact(f"{prefix}AgentConfig")
    finally:
        gone = json.loads(topics("delete", *of_fleet, "--yes", "--json").stdout)["deleted"]
    assert gone == made


@pytest.mark.needs("kafka")
def test_a_topic_that_deletes_is_not_taken_for_a_compacted_one(topics: Topics, camera: str) -> None:
    name = f"raw_{camera}"
    topics("create", name)
    refused = topics("create", name, "--compacted")
    assert refused.exit_code == 1
    assert "cleanup.policy=delete" in refused.stderr
    topics("delete", name, "--yes")


def test_wrong_use_is_told(invoke: Any, free_port: Callable[[], int]) -> None:
    assert "expected topics, --for-cameras or" in invoke("topics", "create", "--bus", "kafka://h").stderr
    alone = invoke("topics", "create", "t", "--prefix", "north.", "--bus", "kafka://h")
    assert "expected --fleet with --prefix" in alone.stderr
    assert "kafka://" in invoke("topics", "list", "--bus", "memory://").stderr
    nobody = invoke("topics", "list", "--bus", f"kafka://127.0.0.1:{free_port()}")
    assert nobody.exit_code == 1
    assert "no Kafka answers at 127.0.0.1" in nobody.stderr
