"""Settings of an agent: from three places, each with a word for what is wrong; and its folder."""

from pathlib import Path
from uuid import UUID

import pytest

from sightline.errors import ConfigError
from sightline.fleet.agent.about import about, own_address, runtimes
from sightline.fleet.agent.settings import AgentSettings, state_home
from sightline.fleet.agent.state_folder import StateFolder
from sightline.log import redact
from sightline.testing import ManualClock


def read(tmp_path: Path, text: str = "", **environ: str) -> AgentSettings:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    return AgentSettings.read({"bus": "memory://"}, file=path, environ=environ)


def test_keys_are_read_in_capitals_or_not(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'IMAGE_NAME = "registry.example/ds:8"\nnetwork = "none"\nLabels = { room = "a" }\n'
        'SHARES = ["/models"]\n',
    )
    assert (found.image_name, found.network, found.labels) == ("registry.example/ds:8", "none", {"room": "a"})
    assert found.shares == (Path("/models"),)


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    found = read(tmp_path, "", SIGHTLINE_AGENT_TOKEN="", SIGHTLINE_AGENT_CAPACITY="")
    assert (found.token, found.capacity) == (None, None)


def test_options_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('IMAGE_NAME = "file"\nNAME = "file"\nDESCRIPTION = "file"\n')
    environ = {"SIGHTLINE_AGENT_IMAGE_NAME": "environ", "SIGHTLINE_AGENT_NAME": "environ", "OTHER": "x"}
    options = {"bus": "memory://", "image_name": "option", "name": None}
    found = AgentSettings.read(options, file=path, environ=environ)
    assert (found.image_name, found.name, found.description) == ("option", "environ", "file")


def test_the_environment_has_lists_and_mappings(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        SIGHTLINE_AGENT_LABELS="room=a, rack=2",
        SIGHTLINE_AGENT_RUNTIMES="docker,process",
        SIGHTLINE_AGENT_GPULIST="A2, L4",
        SIGHTLINE_AGENT_CAPACITY="12",
        SIGHTLINE_AGENT_PULL="true",
    )
    assert found.labels == {"room": "a", "rack": "2"}
    assert (found.runtimes, found.gpulist) == (("docker", "process"), ("A2", "L4"))
    assert (found.capacity, found.pull) == (12, True)


@pytest.mark.parametrize(
    ("text", "environ", "told"),
    [
        ('IMAG_NAME = "x"', {}, r"settings.toml: unknown setting IMAG_NAME; did you mean .image_name."),
        (
            "",
            {"SIGHTLINE_AGENT_BUZ": "x"},
            "unknown setting SIGHTLINE_AGENT_BUZ; did you mean .SIGHTLINE_AGENT_BUS",
        ),
        ('name = "a"\nNAME = "b"', {}, "expected NAME once"),
        ("capacity = -1", {}, "capacity: .*greater than or equal to 0"),
        ('runtimes = ["podman"]', {}, "runtimes.0"),
        ("runtimes = []", {}, "runtimes: .*at least 1"),
        ("", {"SIGHTLINE_AGENT_LABELS": "room"}, "labels: .*expected name=value pairs"),
        ("= 1", {}, "settings.toml: expected TOML"),
        ('container_prefix = "a b"', {}, "container_prefix"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, environ: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read(tmp_path, text, **environ)


def test_no_value_is_shown_and_the_token_is_hidden(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, 'TOKEN = ["slt1-geheim"]')
    assert "geheim" not in str(caught.value)
    found = read(tmp_path, 'TOKEN = "slt1-geheim"')
    assert "geheim" not in repr(found)
    assert "geheim" not in redact("it is slt1-geheim")


def test_the_token_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    token = tmp_path / "token"
    text = f'TOKEN_FILE = "{token}"'
    assert read(tmp_path, text).token is None
    token.write_text("slt1-gehe1m\n")
    with pytest.raises(ConfigError, match="its owner's alone") as refused:
        read(tmp_path, text)
    token.chmod(0o600)
    found = read(tmp_path, text).token
    assert found is not None
    assert found.get_secret_value() == "slt1-gehe1m"
    assert "gehe1m" not in str(refused.value) + redact("it is slt1-gehe1m")
    with pytest.raises(ConfigError, match="got both"):
        read(tmp_path, text, SIGHTLINE_AGENT_TOKEN="slt1-x")


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        AgentSettings.read({"bus": "memory://"}, file=tmp_path / "none.toml", environ={})
    monkeypatch.chdir(tmp_path)
    assert AgentSettings.read({"bus": "memory://"}, environ={}).image_name is None
    (tmp_path / "settings.toml").write_text('IMAGE_NAME = "x"')
    assert AgentSettings.read({"bus": "memory://"}, environ={}).image_name == "x"
    with pytest.raises(ConfigError, match="cannot be read"):
        AgentSettings.read({"bus": "memory://"}, file=tmp_path, environ={})


def test_the_machine_says_what_the_settings_do_not(tmp_path: Path) -> None:
    found = about(read(tmp_path, 'gpulist = ["A2"]\nname = "left"'))
    assert (found["hostname"], found["gpulist"]) == ("left", ["A2"])
    assert "process" in found["runtimes"]
    assert own_address("kafka://127.0.0.1:9092,other:9092") == "127.0.0.1"
    assert own_address("memory://") == "127.0.0.1"
    assert runtimes(read(tmp_path, 'runtimes = ["docker"]')) == ("docker",)
    assert state_home({"XDG_STATE_HOME": "/srv"}) == Path("/srv/sightline/agent")


# Its folder


def test_a_folder_says_who_its_agent_is_for_ever(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state") as first:
        node_id, key = first.node_id, first.identity.public
        assert node_id.version == 4
        with pytest.raises(ConfigError, match="expected no other agent"):
            StateFolder(tmp_path / "state")
    with StateFolder(tmp_path / "state") as again:
        assert (again.node_id, again.identity.public) == (node_id, key)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_begin_has_a_higher_number_than_all_before_also_where_the_clock_goes_back(tmp_path: Path) -> None:
    clock = ManualClock()
    with StateFolder(tmp_path) as folder:
        first = folder.next_boot(clock)
        assert folder.next_boot(clock) == first + 1
        (tmp_path / "boot").write_text(str(first + 10**9))
        assert folder.next_boot(clock) == first + 10**9 + 1
        (tmp_path / "boot").write_text("?")
        assert folder.next_boot(clock) == first


@pytest.mark.parametrize("text", ["", "x", str(UUID(int=7))])
def test_a_broken_number_of_a_node_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "node_id").write_text(text)
    (tmp_path / "node_id").chmod(0o600)
    with pytest.raises(ConfigError, match="random UUID .version 4.; to have a new one, remove it"):
        StateFolder(tmp_path)
    (tmp_path / "node_id").unlink()
    StateFolder(tmp_path).close()  # the lock was given back


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot use the folder"):
        StateFolder(tmp_path / "file" / "state")
