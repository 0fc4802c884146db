"""The image of Sightline's own workers in a fleet: its Dockerfile. What it runs: tests/fleet/runtime."""

import re
import subprocess
import sys

from tools.services.docker import ROOT

FOLDER = ROOT / "deploy" / "fleet-worker"
LINES = (FOLDER / "Dockerfile").read_text("utf-8").splitlines()


def test_its_program_is_an_instance_that_is_stopped_by_an_interrupt() -> None:
    assert "STOPSIGNAL SIGINT" in LINES
    assert 'ENTRYPOINT ["/opt/sightline/bin/python", "-P", "-m", "sightline.fleet.instance"]' in LINES
    asked = [sys.executable, "-P", "-m", "sightline.fleet.instance", "--help"]
    assert "site" in subprocess.run(asked, capture_output=True, check=True, text=True).stdout


def test_it_has_what_a_site_file_may_ask_for() -> None:
    """Whoever names a sink of Parquet learns on a machine far away that it is not there."""
    (installed,) = re.findall(r"'\.\[(.*)\]'", "\n".join(LINES))
    below = ("bus", "capture", "codec", "detect", "hub", "sink", "site")
    sources = [
        path.read_text("utf-8") for name in below for path in (ROOT / "src/sightline" / name).rglob("*.py")
    ]
    asked = {extra for text in sources for extra in re.findall(r"sightline\[(\w+)\]", text)}
    assert asked >= {"kafka", "onnx", "parquet", "webhook"}, "nothing is found any more"
    assert asked <= set(installed.split(","))


def test_it_is_built_as_its_readme_says_of_what_is_not_ignored() -> None:
    named = next(line for line in LINES if "docker build" in line).removeprefix("#").strip()
    assert named in (FOLDER / "README.md").read_text("utf-8")
    copied = {
        word for line in LINES if line.startswith("COPY") for word in line.split()[1:-1] if "/" not in word
    }
    ignoring = (FOLDER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in ignoring if line.startswith("!")} == {
        place for place in copied if not place.startswith("--")
    }
