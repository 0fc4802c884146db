"""What compose.yaml and config.env say: allowed by the schema, bounded, nothing open and nothing left out.

compose-spec.json is the schema of the Compose Specification as compose-go 2.16.2 has it, under the licence
beside it.
"""

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft202012Validator
from tests.deploy.files import FOLDER, PASSWORDS, VARIABLE, compose, filled_in, put_in, settings, write
from tools.services import SERVICES

from sightline.framequeue.tasks.settings import Settings, table

SERVERS = {"redis", "rabbitmq"}
PROFILES = {
    "workers": {"sampler", "worker"},
    "celery": {"celery-sampler", "celery-worker", "celery-beat"},
}
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
    composes_own = {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}
    assert {match["name"] for match in USED} | composes_own == set(SETTINGS)


def test_no_password_is_there_and_none_may_be_left_out() -> None:
    assert {name for name, value in SETTINGS.items() if not value} == EMPTY
    needed = [match for match in USED if match["name"] in PASSWORDS]
    assert len(needed) == 7
    assert all(match["rest"].startswith(f":?{match['name']} ") for match in needed)


def test_what_differs_from_place_to_place_stands_in_the_settings() -> None:
    for line in TEXT.splitlines():
        name, _, value = line.strip().partition(": ")
        if name in {"image", "mem_limit", "memswap_limit", "cpus", "pids_limit"}:
            assert VARIABLE.fullmatch(value), line
    assert set(re.findall(r"://(?!\$\{)([^/]*)", TEXT)) == {"127.0.0.1:9100"}  # within a container
    assert re.findall(r"\}@(?!\$\{).*", TEXT) == []


def test_each_container_is_limited_and_may_do_little() -> None:
    for name, service in SERVED.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "devices", "network_mode", "pid"} & set(service), name
        assert {"mem_limit", "cpus", "pids_limit", "logging", "stop_grace_period"} <= set(service), name
        assert service["mem_limit"] == service["memswap_limit"], name  # else as much again is swapped
        assert service["restart"] == "unless-stopped", name
        assert service["user"].split(":")[0] not in {"", "0", "root"}, name


def test_each_container_says_how_it_is_and_ours_wait_for_servers() -> None:
    for name, service in SERVED.items():
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"]), name
    for name in SERVED.keys() - SERVERS:
        waits = {other: how["condition"] for other, how in SERVED[name]["depends_on"].items()}
        assert waits == dict.fromkeys(SERVERS, "service_healthy")


def test_one_setting_says_who_works() -> None:
    assert SETTINGS["COMPOSE_PROFILES"] == "workers"
    assert all("profiles" not in SERVED[name] for name in SERVERS)
    for profile, names in PROFILES.items():
        assert {name for name in SERVED if SERVED[name].get("profiles") == [profile]} == names
    assert set().union(SERVERS, *PROFILES.values()) == SERVED.keys()


def test_whoever_works_does_so_by_the_same_settings() -> None:
    ours, celerys = SERVED["worker"], SERVED["celery-worker"]
    for same in ("volumes", "mem_limit", "cpus", "stop_grace_period"):
        assert ours[same] == celerys[same]
    assert {"--handler=${HANDLER}", "--concurrency=${WORKER_CONCURRENCY}"} < set(ours["command"])
    assert {"--handler=${HANDLER}", "--concurrency=${WORKER_CONCURRENCY}"} < set(celerys["command"])
    for limit in ("TIME_LIMIT_S", "HARD_LIMIT_S"):
        assert f"--{limit.lower().replace('_', '-')}=${{{limit}}}" in ours["command"]
        assert celerys["environment"][f"SIGHTLINE_FRAMEQUEUE_{limit}"] == f"${{{limit}}}"


def test_what_is_told_to_celery_it_knows() -> None:
    named = filled_in()
    environment = {
        name: put_in(value, named) for name, value in SERVED["celery-worker"]["environment"].items()
    }
    told = Settings.of(environment)
    known = {name for name, _, _ in table()} | {"SIGHTLINE_FRAMEQUEUE_QUEUE", "PYTHONPATH"}
    assert environment.keys() <= known
    sends = urlsplit(environment["SIGHTLINE_FRAMEQUEUE_QUEUE"])
    assert dict(parse_qsl(sends.query)) == {"queue": told.queue_name, "max_keys": str(told.max_keys)}
    assert sends._replace(query="").geturl() == f"celery+{told.broker}"
    for service in ("celery-sampler", "celery-beat"):
        assert SERVED["celery-worker"]["environment"].items() - SERVED[service]["environment"].items() <= {
            ("PYTHONPATH", "/handlers")
        }


def test_what_must_last_is_in_volumes() -> None:
    kept = {volume.split(":")[0] for name in SERVERS for volume in SERVED[name]["volumes"]}
    assert kept == set(COMPOSE["volumes"])
    assert SERVED["rabbitmq"]["hostname"] == "rabbitmq"  # under which it finds what it kept


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
