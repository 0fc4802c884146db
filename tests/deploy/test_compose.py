"""What compose.yaml and config.env say: allowed by the schema, bounded, nothing open and nothing left out.

compose-spec.json is the schema of the Compose Specification as compose-go 2.16.2 has it, under the licence
beside it.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.deploy.files import FOLDER, PASSWORDS, VARIABLE, compose, filled_in, settings, write
from tools.services import SERVICES

OURS = {"sampler", "worker"}
EMPTY = {*PASSWORDS, "CAMERA_HOST", "CAMERA_USER", "CAMERA_PASSWORD"}
COMPOSE, SETTINGS = compose(), settings()
SERVED = COMPOSE["services"]
TEXT = (FOLDER / "compose.yaml").read_text("utf-8")
USED = list(VARIABLE.finditer(TEXT))
DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8").splitlines()


def test_it_is_what_the_compose_specification_allows() -> None:
    schema = Draft202012Validator(
        json.loads(Path(__file__).with_name("compose-spec.json").read_text("utf-8"))
    )
    assert [error.message for error in schema.iter_errors(COMPOSE)] == []
    assert not schema.is_valid(COMPOSE | {"services": SERVED | {"redis": {"immage": "redis"}}})


def test_the_settings_are_those_that_are_used() -> None:
    assert {match["name"] for match in USED} | {"COMPOSE_PROJECT_NAME"} == set(SETTINGS)


def test_no_password_is_there_and_none_may_be_left_out() -> None:
    assert {name for name, value in SETTINGS.items() if not value} == EMPTY
    needed = [match for match in USED if match["name"] in PASSWORDS]
    assert len(needed) == 4
    assert all(match["rest"].startswith(f":?{match['name']} ") for match in needed)


def test_what_differs_from_place_to_place_stands_in_the_settings() -> None:
    for line in TEXT.splitlines():
        name, _, value = line.strip().partition(": ")
        if name in {"image", "mem_limit", "cpus", "pids_limit"}:
            assert VARIABLE.fullmatch(value), line
    assert re.findall(r"(?:://|\}@)(?!\$\{).*", TEXT) == []
    assert TEXT.count("://") == 2


def test_each_container_is_limited_and_may_do_little() -> None:
    for name, service in SERVED.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "devices", "network_mode", "pid"} & set(service), name
        assert {"mem_limit", "cpus", "pids_limit", "logging", "stop_grace_period"} <= set(service), name
        assert service["restart"] == "unless-stopped", name
        assert service["user"].split(":")[0] not in {"", "0", "root"}, name


def test_each_container_says_how_it_is_and_ours_wait_for_servers() -> None:
    for name, service in SERVED.items():
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"]), name
    for name in OURS:
        waits = {other: how["condition"] for other, how in SERVED[name]["depends_on"].items()}
        assert waits == dict.fromkeys(SERVED.keys() - OURS, "service_healthy")


def test_what_must_last_is_in_volumes() -> None:
    servers = SERVED.keys() - OURS
    assert {volume.split(":")[0] for name in servers for volume in SERVED[name]["volumes"]} == set(
        COMPOSE["volumes"]
    )


def test_ports_are_this_machines_unless_somebody_says_otherwise() -> None:
    ports = [port for service in SERVED.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("${BIND_ADDRESS}:") for port in ports)
    assert SETTINGS["BIND_ADDRESS"] == "127.0.0.1"


def test_images_are_one_version_each() -> None:
    for name in ("REDIS_IMAGE", "RABBITMQ_IMAGE", "PYTHON_IMAGE"):
        assert re.fullmatch(r"\w+:\d+\.\d+\.\d+-[\w-]+", SETTINGS[name]), name
    assert f"ARG PYTHON_IMAGE={SETTINGS['PYTHON_IMAGE']}" in DOCKERFILE


def test_memory_is_enough_for_what_is_to_be_held() -> None:
    held, redis, container = (
        int(SETTINGS[name]) for name in ("FRAMES_BYTES", "REDIS_MAXMEMORY", "REDIS_MEMORY")
    )
    assert held * 1.5 <= redis  # as `check` of the store advises
    assert redis * 2 <= container  # a snapshot's child may have all of it a second time


def test_a_build_sees_what_it_copies_and_nothing_else() -> None:
    copies = [line.split()[1:-1] for line in DOCKERFILE if line.startswith("COPY ") and "--from" not in line]
    copied = {name for names in copies for name in names}
    ignoring = (FOLDER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignoring
    assert copied == {line[1:] for line in ignoring if line.startswith("!")}
    assert all((FOLDER.parents[1] / name).exists() for name in copied)


@pytest.mark.needs("compose")
def test_compose_itself_takes_it_once_the_passwords_are_set(tmp_path: Path) -> None:
    done = configured(write(tmp_path / "config.env", filled_in()))
    assert done.returncode == 0, done.stderr
    assert f"redis://frames:{PASSWORDS['REDIS_PASSWORD']}@redis:6379/0?limit_bytes=" in done.stdout
    assert "127.0.0.1" in done.stdout
    assert "0.0.0.0" not in done.stdout


@pytest.mark.needs("compose")
@pytest.mark.parametrize("name", PASSWORDS)
def test_compose_itself_begins_nothing_before(name: str, tmp_path: Path) -> None:
    done = configured(write(tmp_path / "config.env", filled_in(**{name: ""})))
    assert done.returncode != 0
    assert f"{name} is to be set in config.env" in done.stderr


def configured(named: Path) -> subprocess.CompletedProcess[str]:
    command = [str(SERVICES["compose"].find()), "--env-file", str(named), "config"]
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
