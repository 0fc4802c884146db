"""What Docker is asked for, and what is read out of what it answers: no engine is needed."""

from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import Unsupported
from sightline.fleet.messages.parts import Limits
from sightline.fleet.runtime.docker.containers import (
    SHAPE,
    DockerSettings,
    asked_shape,
    container_name,
    drift_of,
    host_settings,
    labels_of,
    mounts_of,
    own_labels,
    user_of,
)
from sightline.fleet.runtime.docker.engine import Engine
from sightline.fleet.runtime.docker.inspecting import Watched, cameras_of, found
from sightline.fleet.runtime.docker.log_reading import life_since, moment
from sightline.fleet.runtime.docker.making import Making
from sightline.fleet.runtime.docker.runtime import DockerRuntime
from sightline.fleet.runtime.promise import RunSpec

IMAGE = {"Id": "sha256:1", "Config": {"Env": ["PATH=/bin", "A=image"], "Cmd": None, "User": ""}}
SETTINGS = DockerSettings(node="n1", prefix="fleet", image="x", network="host")


def spec(**more: Any) -> RunSpec:
    return RunSpec(name="West Wing", digest="d1", command=("-c", "x"), **more)


def described(asked: RunSpec, settings: DockerSettings = SETTINGS, **state: Any) -> dict[str, Any]:
    """As Docker describes a container that is as it was asked for."""
    host = host_settings(asked, settings)
    environment = {"PATH": "/bin", "A": "image", **asked.environment}
    shape = asked_shape(asked, settings, IMAGE, user_of(asked, settings))
    return {
        "Id": "c" * 64,
        "Image": IMAGE["Id"],
        "Config": {
            "Cmd": list(asked.command),
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "User": user_of(asked, settings) or "",
            "Labels": labels_of(asked, settings, shape),
        },
        "HostConfig": {
            "NetworkMode": host["network_mode"],
            "RestartPolicy": {"Name": host["restart_policy"]["Name"], "MaximumRetryCount": 0},
            "NanoCpus": host["nano_cpus"] or 0,
            "Memory": host["mem_limit"] or 0,
            "Privileged": False,
            "CapAdd": settings.capabilities or None,
        },
        "Mounts": [
            {"Type": "bind", "Source": place, "RW": not read_only}
            for place, read_only in reversed(mounts_of(asked, settings))
        ],
        "NetworkSettings": {"Networks": {host["network_mode"]: {}}},
        "State": {"Status": "running", "Running": True, "StartedAt": "2026-11-22T06:00:00.5Z", **state},
    }


ASKED = [
    spec(),
    spec(limits=Limits(cpus=0.5, memory_mib=64), exclusive=True, environment={"A": "ours", "B": ""}),
    spec(network="yard", may_end=True, folder=Path("/usr"), work=Path("/tmp"), writes=[Path("/var")]),
]


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_as_it_was_asked_for_has_not_drifted(asked: RunSpec) -> None:
    settings = DockerSettings(node="n1", shares=[Path("/opt")], capabilities=["SYS_NICE"])
    for each in (SETTINGS, settings):
        assert found(described(asked, each)).drift == ""


CHANGES: list[tuple[str, Any]] = [
    ("image", lambda c: c.update(Image="sha256:2")),
    ("command", lambda c: c["Config"].update(Cmd=["sh"])),
    ("environment", lambda c: c["Config"]["Env"].append("LD_PRELOAD=/x.so")),
    ("user", lambda c: c["Config"].update(User="0")),
    ("mounts", lambda c: c["Mounts"].append({"Type": "bind", "Source": "/", "RW": True})),
    ("mounts", lambda c: c["Mounts"][0].update(RW=not c["Mounts"][0]["RW"])),
    ("network", lambda c: c["NetworkSettings"]["Networks"].update(other={})),
    ("network", lambda c: c["HostConfig"].update(NetworkMode="host")),
    ("restart policy", lambda c: c["HostConfig"]["RestartPolicy"].update(Name="no")),
    ("cpu limit", lambda c: c["HostConfig"].update(NanoCpus=1)),
    ("memory limit", lambda c: c["HostConfig"].update(Memory=1)),
    ("rights", lambda c: c["HostConfig"].update(Privileged=True)),
    ("rights", lambda c: c["HostConfig"].update(CapAdd=["CAP_SYS_ADMIN"])),
    ("paused", lambda c: c["State"].update(Paused=True)),
    ("labels", lambda c: c["Config"]["Labels"].pop(SHAPE)),
    ("labels", lambda c: c["Config"]["Labels"].update({SHAPE: "7"})),
]


@pytest.mark.parametrize(("drift", "change"), CHANGES)
def test_each_part_that_was_changed_is_named(drift: str, change: Any) -> None:
    container = described(ASKED[2])
    change(container)
    assert found(container).drift == drift


def test_no_label_or_environment_has_a_secret_by_itself() -> None:
    labels = labels_of(spec(cameras=["gate"], labels={"site": "a"}), SETTINGS, {})
    assert labels["site"] == "a"
    assert labels["org.sightline.instance"] == "West Wing"
    assert cameras_of(labels) == ("gate",)


def test_no_label_of_a_users_takes_the_place_of_ours() -> None:
    forged = {"org.sightline.node": "another", "org.sightline.exclusive": "no"}
    labels = labels_of(spec(labels=forged, exclusive=True), SETTINGS, {})
    assert labels["org.sightline.node"] == "n1"
    assert labels["org.sightline.exclusive"] == "yes"
    assert {f"{name}={labels[name]}" for name in labels} >= set(own_labels(SETTINGS))


@given(st.text(min_size=1, max_size=200))
def test_any_name_makes_a_name_that_docker_takes(name: str) -> None:
    made = container_name(SETTINGS, name)
    assert made.startswith("fleet-")
    assert made.isascii()
    assert made.replace("-", "").isalnum()


def test_cards_are_asked_for_where_an_instance_needs_some() -> None:
    client = APIClient(base_url="http://127.0.0.1:9", version="1.41")
    making = Making(Engine("tcp://127.0.0.1:9"), SETTINGS)
    try:
        asked = client.create_host_config(**making.host(spec(limits=Limits(gpus=2))))
        assert asked["DeviceRequests"] == [
            {"Driver": "", "Count": 2, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}
        ]
        assert "DeviceRequests" not in client.create_host_config(**making.host(spec()))
    finally:
        client.close()


def test_cards_are_refused_where_there_are_none() -> None:
    with (
        DockerRuntime(DockerSettings(node="n", address="unix:///nowhere.sock")) as runtime,
        pytest.raises(Unsupported, match="'gpus'"),
    ):
        runtime.begin(spec(limits=Limits(gpus=1)))


def test_files_are_read_by_the_user_who_owns_them() -> None:
    assert user_of(spec(folder=Path("/usr")), SETTINGS) == "0:0"
    assert user_of(spec(folder=Path("/usr")), DockerSettings(node="n", user="7:8")) == "7:8"
    assert user_of(spec(folder=Path("/usr")), DockerSettings(node="n", user="image")) is None


READY = Watched(ready=True)
STATES: list[tuple[dict[str, Any], Watched, str, str]] = [
    ({}, Watched(), "starting", "it has not said yet that it runs"),
    ({}, READY, "running", ""),
    ({}, Watched(ready=True, trouble="silent"), "unhealthy", "silent"),
    ({"Health": {"Status": "starting"}}, READY, "starting", "it has not said yet that it runs"),
    ({"Health": {"Status": "healthy"}}, READY, "running", ""),
    (
        {"Health": {"Status": "unhealthy", "Log": [{"Output": "no route\n"}]}},
        READY,
        "unhealthy",
        "its image's health check failed: no route",
    ),
    ({"Status": "created", "Running": False}, Watched(), "failed", "it was made and never begun"),
    ({"Status": "exited", "ExitCode": 0}, Watched(), "failed", "exit code 0, though it is not to end"),
    ({"Status": "exited", "ExitCode": 255}, Watched(last_words="no"), "failed", "exit code 255: no"),
    ({"Status": "exited", "ExitCode": 137}, Watched(), "failed", "exit code 137, as of signal 9"),
    (
        {"Status": "exited", "ExitCode": 137, "OOMKilled": True},
        Watched(),
        "failed",
        "out of memory (exit code 137)",
    ),
    ({"Status": "restarting", "ExitCode": 3}, Watched(), "waiting", "exit code 3; Docker begins it again"),
    ({"Status": "paused"}, READY, "unhealthy", "somebody paused it"),
    ({"Status": "removing"}, READY, "removing", "it is being removed"),
    ({"Status": "dead", "ExitCode": 1}, Watched(), "failed", "exit code 1"),
]


@pytest.mark.parametrize(("state", "watched", "expected", "reason"), STATES)
def test_each_state_of_docker_is_one_of_ours(
    state: dict[str, Any], watched: Watched, expected: str, reason: str
) -> None:
    one = found(described(spec(), **state), watched)
    assert (one.state, one.reason) == (expected, reason)


def test_what_may_end_has_ended_well_with_code_0() -> None:
    one = found(described(spec(may_end=True), Status="exited", ExitCode=0))
    assert (one.state, one.code) == ("exited", 0)


def test_what_is_being_begun_here_is_being_made() -> None:
    created = described(spec(), Status="created", Running=False)
    assert found(created, begun_here=True).state == "creating"


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=30), max_size=4))
def test_no_label_breaks_the_reading(labels: dict[str, str]) -> None:
    container = described(spec())
    container["Config"]["Labels"] = labels
    assert found(container).drift == "labels"
    assert drift_of({SHAPE: "["}, container) == "labels"
    assert cameras_of(labels) == ()


def test_moments_of_docker_are_read() -> None:
    assert moment("1970-01-01T00:00:10.123456789Z") == pytest.approx(10.123456)
    assert moment("1970-01-01T00:00:10Z") == 10.0
    assert moment("nonsense") == 0.0


def test_lines_of_a_life_may_come_before_docker_notes_its_begin_but_not_before_the_last_end() -> None:
    began_s = moment("2026-11-22T06:00:10Z")

    def since_s(finished: str, **state: bool) -> float:
        return life_since({"StartedAt": "2026-11-22T06:00:10Z", "FinishedAt": finished, **state})

    assert since_s("0001-01-01T00:00:00Z", Running=True) < began_s - 1
    assert since_s("2026-11-22T06:00:09.5Z", Running=True) == began_s - 0.5
    assert since_s("2026-11-22T06:00:20Z", Running=False) < began_s - 1
    for over in ({"Running": False}, {"Running": True, "Restarting": True}):  # before its begin was noted
        assert since_s("2026-11-22T06:00:09.5Z", **over) < began_s - 1
    assert life_since({}) <= 0
