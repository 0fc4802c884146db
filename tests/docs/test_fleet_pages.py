"""The pages of the fleet name all that its messages, times and names have, and nothing that they have not."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from tests.docs.snippets import ROOT
from tests.docs.test_reference import names, rows

import sightline.fleet
from sightline.fleet import CoordinatorServer, NodeConfig, RunOptions, Timing
from sightline.fleet.api.problems import _STATUS
from sightline.fleet.messages.parts import FleetInstanceStatus, InstanceState, Passing
from sightline.fleet.messages.topics import MESSAGES, AgentCommand, Message
from sightline.fleet.post.envelope import _NAMES

PAGE = "fleet-messages.md"


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.topic)
def test_every_field_of_a_message_is_explained(message: type[Message]) -> None:
    heading = "UpdateConfig and Refresh" if message.topic in {"UpdateConfig", "Refresh"} else message.topic
    assert names(PAGE, f"## {heading}") == {*message.model_fields} - {"schema_version"}


@pytest.mark.parametrize(
    ("part", "kind"), [("agent_info_list", NodeConfig), ("run", RunOptions), ("status", FleetInstanceStatus)]
)
def test_every_field_within_a_message_is_explained(part: str, kind: type[Passing]) -> None:
    text = (ROOT / "docs" / PAGE).read_text()
    table = re.search(rf"^\| field of `{part}` .*?\n\n", text, re.MULTILINE | re.DOTALL)
    assert table
    told = {
        name for line in table[0].splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split(" | ")[0])
    }
    assert told == {*kind.model_fields}


def test_every_topic_has_its_number_name_and_header() -> None:
    table = re.findall(r"^\| `(TOPIC\d+)` \| `(\w+)` \|", (ROOT / "docs" / PAGE).read_text(), re.MULTILINE)
    assert [(name, getattr(sightline.fleet, name).topic) for name, _ in table] == table
    assert [topic for _, topic in table] == [message.topic for message in MESSAGES]
    assert names(PAGE, "## Who sent it") == {*_NAMES}


def test_every_state_and_command_is_explained() -> None:
    text = (ROOT / "docs" / PAGE).read_text()
    table = text.partition("\n| state | what it means |\n")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [*get_args(InstanceState)]
    commands = get_args(AgentCommand.model_fields["command"].annotation)
    assert set(re.findall(r"`(\w+)`", rows(PAGE, "## AgentCommand")["command"])) == {*commands}


def test_every_time_is_told_with_its_seconds() -> None:
    assert rows("fleet-operations.md", "## Times") == {
        name: str(seconds) for name, seconds in msgspec.structs.asdict(Timing()).items()
    }


def test_every_status_that_the_api_answers_is_explained() -> None:
    text = (ROOT / "docs/fleet-api.md").read_text()
    told = {int(status) for status in re.findall(r"^\| (\d{3}) \|", text, re.MULTILINE)}
    assert {status for status, _ in _STATUS.values()} <= told


def test_every_file_of_a_coordinator_is_its_users_alone_and_told_of(tmp_path: Path) -> None:
    with CoordinatorServer(bus="memory://files", database=tmp_path / "coordinator" / "fleet.db"):
        files = [*(tmp_path / "coordinator").iterdir()]
        assert {path.stat().st_mode & 0o077 for path in (*files, tmp_path / "coordinator")} == {0}
    names = {path.name for path in files} - {"fleet.db-wal", "fleet.db-shm", "fleet.db.lock"}
    assert names == set(re.findall(r"`(fleet\.db[\w.]*)`", (ROOT / "docs/security.md").read_text()))
