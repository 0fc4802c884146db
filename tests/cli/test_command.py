import subprocess
import sys

import pytest
from tests.cli.conftest import Invoke, Run

import sightline


def test_alone_it_shows_what_there_is(invoke: Invoke) -> None:
    result = invoke()

    assert "Usage: sightline" in result.output
    for command in ("demo", "probe", "check", "up", "capture", "worker", "doctor", "fakecam", "model"):
        assert f" {command} " in result.output


def test_it_tells_its_version(sightline_command: Run) -> None:
    done = sightline_command("--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"sightline {sightline.__version__}\n", "")


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "probe",
        "check",
        "up",
        "capture",
        "worker",
        "doctor",
        "fakecam",
        "model describe",
        "model bench",
    ],
)
def test_each_command_shows_examples_of_itself(invoke: Invoke, command: str) -> None:
    result = invoke(*command.split(), "--help")

    assert result.exit_code == 0
    _, _, examples = result.output.partition("Examples:")
    assert examples.count(f"sightline {command}") >= 2


def test_wrong_usage_ends_with_2_and_the_nearest_word(sightline_command: Run) -> None:
    done = sightline_command("chek", "site.yaml")

    assert done.returncode == 2
    assert "No such command 'chek'. Did you mean 'check'?" in done.stderr
    assert done.stdout == ""


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from sightline.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'asyncio', 'av', 'cv2', 'pydantic', 'ruamel.yaml', 'starlette', 'uvicorn'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.returncode == 0
