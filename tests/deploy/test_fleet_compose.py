"""What compose.yaml and config.env of deploy/fleet say: allowed by the schema, bounded, no secret."""

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.deploy.files import VARIABLE, compose, settings
from tools.services import SERVICES
from tools.services.docker import ROOT

FOLDER = ROOT / "deploy" / "fleet"
COMPOSE, SETTINGS = compose(FOLDER), settings(FOLDER)
SERVED = COMPOSE["services"]
TEXT = (FOLDER / "compose.yaml").read_text("utf-8")
DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8").splitlines()


def test_it_is_what_the_compose_specification_allows() -> None:
    schema = Draft202012Validator(
        json.loads(Path(__file__).with_name("compose-spec.json").read_text("utf-8"))
    )
    assert [error.message for error in schema.iter_errors(COMPOSE)] == []
    assert not schema.is_valid(COMPOSE | {"secrets": {"ca": {"fille": "ca.pem"}}})


def test_the_settings_are_those_that_are_used() -> None:
    used = {match["name"] for match in VARIABLE.finditer(TEXT)}
    assert used | {"COMPOSE_PROJECT_NAME"} == set(SETTINGS)
    assert all(SETTINGS.values())


def test_each_container_is_limited_and_may_do_little() -> None:
    assert SERVED.keys() == {"kafka", "coordinator", "agent"}
    for name, service in SERVED.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "devices", "network_mode", "pid"} & set(service), name
        assert {"mem_limit", "cpus", "pids_limit", "logging", "stop_grace_period"} <= set(service), name
        assert service["mem_limit"] == service["memswap_limit"], name
        assert service["restart"] == "unless-stopped", name
        assert service["user"] == "${OWNER}:0", name
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"]), name
        assert not any("docker.sock" in volume for volume in service["volumes"]), name
    for name in ("coordinator", "agent"):
        assert SERVED[name]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert {volume.split(":")[0] for service in SERVED.values() for volume in service["volumes"]} == {
        *COMPOSE["volumes"],
        "${SHARES}",
    }


def test_secrets_are_files_and_stand_nowhere_else() -> None:
    assert all(re.fullmatch(r"\$\{SECRETS\}/[\w.]+", one["file"]) for one in COMPOSE["secrets"].values())
    asked = {name for service in SERVED.values() for name in service["secrets"]}
    assert asked == set(COMPOSE["secrets"])
    assert {name for name, one in SERVED.items() if "root_token" in one["secrets"]} == {"coordinator"}
    for service in SERVED.values():
        named = {name for name in service["environment"] if re.search("PASS|SECRET|TOKEN", name)}
        assert named <= {"SIGHTLINE_FLEET_TOKEN_FILE"}
    assert not [name for name in SETTINGS if re.search("PASS|TOKEN|KEY", name)]
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert "/deploy/fleet/secrets/" in ignored


def test_ports_are_this_machines_unless_somebody_says_otherwise() -> None:
    ports = [port for service in SERVED.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("${BIND_ADDRESS}:") for port in ports)
    assert SETTINGS["BIND_ADDRESS"] == "127.0.0.1"


def test_images_are_one_version_each_and_built_of_what_is_not_ignored() -> None:
    for name in ("KAFKA_IMAGE", "PYTHON_IMAGE"):
        assert re.fullmatch(r"[\w/]+:\d+\.\d+\.\d+[\w.-]*", SETTINGS[name]), name
    assert f"ARG PYTHON_IMAGE={SETTINGS['PYTHON_IMAGE']}" in DOCKERFILE
    copies = [line.split()[1:-1] for line in DOCKERFILE if line.startswith("COPY ") and "--from" not in line]
    ignoring = (FOLDER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignoring
    assert {name for names in copies for name in names} == {
        line[1:] for line in ignoring if line.startswith("!")
    }
    named = next(line for line in DOCKERFILE if "docker build" in line).removeprefix("#").strip()
    assert named in (FOLDER / "README.md").read_text("utf-8")


def test_its_image_runs_what_an_agent_is_asked_for() -> None:
    """Workers are processes of the agent, in its image: it has what theirs has."""
    (installed,) = re.findall(r"'\.\[(.*)\]'", "\n".join(DOCKERFILE))
    workers = (ROOT / "deploy/fleet-worker/Dockerfile").read_text("utf-8")
    (needed,) = re.findall(r"'\.\[(.*)\]'", workers)
    assert {*needed.split(","), "fleet"} <= {*installed.split(",")}


@pytest.mark.needs("openssl")
def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    def made(*names: str) -> dict[str, bytes]:
        command = ["sh", str(FOLDER / "make-secrets.sh"), *names]
        environment = {"PATH": "/usr/bin:/bin", "SECRETS": str(tmp_path / "secrets")}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}

    first = made()
    wanted = {one["file"].rpartition("/")[2] for one in COMPOSE["secrets"].values()}
    assert first.keys() == {*wanted, "ca.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()} == {0o600}
    assert made() == first
    again = made("10.0.0.9", "fd00::9", "fleet.example")
    assert {name for name in first if again[name] != first[name]} == {"kafka.pem"}
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectAltName"],
        input=again["kafka.pem"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in ("DNS:kafka", "IP Address:10.0.0.9", "IP Address:FD00:0:0:0:0:0:0:9", "DNS:fleet.example"):
        assert name in shown


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("page", ["docs/laptop-to-three-machines.md", "deploy/fleet/README.md"])
def test_what_a_page_says_is_all_that_has_to_be_done_before_up(tmp_path: Path, page: str) -> None:
    """As it stands there; in the place of Docker is what keeps how things are when it is asked."""
    shutil.copytree(FOLDER, tmp_path / "deploy" / "fleet", ignore=shutil.ignore_patterns("secrets"))
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/bin/sh\ncase "$*" in *" up -d") cp config.env up.env; cp -r secrets up.secrets ;; esac\n'
    )
    docker.chmod(0o755)
    blocks = re.findall(r"^```\w*\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    told = next(block for block in blocks if "up -d" in block)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["sh", "-euc", told], env=environment, cwd=tmp_path, check=True, capture_output=True)
    here = tmp_path / "deploy" / "fleet"
    assert f"\nOWNER={os.getuid()}\n" in (here / "up.env").read_text("utf-8")
    wanted = {one["file"].rpartition("/")[2] for one in COMPOSE["secrets"].values()}
    made = {path.name: path.stat().st_size for path in (here / "up.secrets").iterdir()}
    assert {name for name in wanted if not made[name]} == {"enrolment_token"}


@pytest.mark.needs("compose")
def test_compose_itself_takes_it(tmp_path: Path) -> None:
    command = [str(SERVICES["compose"].find()), "--env-file", str(FOLDER / "config.env"), "config"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "kafka://sightline@kafka:9092?sasl=PLAIN&tls_ca=/run/secrets/ca&password_file=" in done.stdout
    assert "published: 0.0.0.0" not in done.stdout
