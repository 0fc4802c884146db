"""A served pipe in a script: how long the script goes on, and how it ends."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.conftest import WaitFor
from tests.pipe.outside.served import Curl
from tests.pipe.script import begin_script

pytestmark = pytest.mark.needs("curl")
WAIT_S = 60.0
SCRIPT = """
import itertools
from pathlib import Path
from sightline.pipe import APIWrapper, DestinationRoutine, Pipe, SourceRoutine

FOLDER = Path(__file__).parent

class Numbers(SourceRoutine):
    def __init__(self, name, most):
        super().__init__(name)
        self.numbers = iter(range(most)) if most else itertools.count()

    def main_logic(self):
        return next(self.numbers)

    def cleanup(self):
        (FOLDER / "cleanup").touch()

class Nothing(DestinationRoutine):
    def main_logic(self, number): ...

pipe = Pipe()
pipe.create_flow("flow", True, Numbers("numbers", {most}), Nothing("nothing"))
api = APIWrapper("127.0.0.1", 0, pipe)
api.run()
pipe.build()
(FOLDER / "pids").write_text(" ".join(map(str, pipe.pids.values())))
pipe.notify_event("start")
(FOLDER / "url.new").write_text(api.url)
(FOLDER / "url.new").rename(FOLDER / "url")
"""


class Script:
    """One that has nothing more to do once it said where its pipe is served."""

    def __init__(self, folder: Path, most: int, rest: str = "") -> None:
        self.folder = folder
        self.process = begin_script(folder, SCRIPT.replace("{most}", str(most)) + rest)

    @property
    def url(self) -> str:
        there = self.folder / "url"
        return there.read_text() if there.exists() else ""

    def ended(self) -> tuple[int, str]:
        """Its exit code, and what it printed."""
        printed, _ = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, printed

    def nobody_left(self) -> bool:
        return not any(map(psutil.pid_exists, map(int, (self.folder / "pids").read_text().split())))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


Begin = Callable[..., Script]


@pytest.fixture
def begin(no_leaks: None, tmp_path: Path) -> Iterator[Begin]:
    scripts: list[Script] = []

    def begin(most: int, rest: str = "") -> Script:
        scripts.append(Script(tmp_path, most, rest))
        return scripts[-1]

    yield begin
    for script in scripts:
        script.close()


def asking(script: Script, found_at: Callable[[str], str], wait_for: WaitFor) -> Curl:
    return Curl(found_at("curl"), wait_for(lambda: script.url, WAIT_S, "it to be served"))


def test_a_script_at_its_end_goes_on_until_its_pipe_is_killed(
    begin: Begin, found_at: Callable[[str], str], wait_for: WaitFor
) -> None:
    script = begin(most=0)
    curl = asking(script, found_at, wait_for)
    for _ in range(3):
        assert curl("/pipe/stats").json["state"] == "running"
    assert curl("/kill").status == 200
    assert script.ended() == (0, "")
    assert script.nobody_left()
    assert (script.folder / "cleanup").exists()


def test_a_script_at_its_end_goes_on_until_its_pipe_is_over(begin: Begin) -> None:
    script = begin(most=3)
    assert script.ended() == (0, "")
    assert script.nobody_left()


def test_a_script_that_waits_goes_on_after_a_kill(
    begin: Begin, found_at: Callable[[str], str], wait_for: WaitFor
) -> None:
    script = begin(most=0, rest="pipe.join()\napi.wait()\nprint('and so on')\n")
    assert asking(script, found_at, wait_for)("/kill").status == 200
    assert script.ended() == (0, "and so on\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_script_that_only_serves_with_its_cleanup(
    begin: Begin, found_at: Callable[[str], str], wait_for: WaitFor, number: int
) -> None:
    script = begin(most=0)
    asking(script, found_at, wait_for)
    os.kill(script.process.pid, number)
    script.ended()
    assert script.nobody_left()
    assert (script.folder / "cleanup").exists()
