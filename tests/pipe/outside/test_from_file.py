"""What is wrong with a file that is to have a pipe is told in a line, with its place and without secrets."""

import sys
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.pipe.outside.from_file import MODULE, pipe_of

FILE = """
from pathlib import Path
from sightline.pipe import Pipe, Routine

FOLDER = Path(__file__).parent

class Own(Routine):
    def main_logic(self, data=None): ...

def of(name):
    pipe = Pipe()
    pipe.create_flow(name, True, Own("first"), Own("second"))
    return pipe
"""
MADE = "def make_pipe():\n    return of('made')\n"


@pytest.fixture(autouse=True)
def _as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own; what the file is run with is this process's no more afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setitem(sys.modules, MODULE, sys.modules[__name__])


@pytest.mark.parametrize(
    ("rest", "of", "flow"),
    [
        ("pipe = of('variable')\nother = of('other')\n", "", "variable"),
        (MADE + "other = of('other')\n", "", "made"),
        (MADE + "other = of('other')\n", ":other", "other"),
        ("at_day = lambda: of('day')\n", ":at_day", "day"),
        ("from sightline import pipe\nmine = also = of('mine')\n", "", "mine"),
    ],
    ids=["variable", "function", "named", "made by name", "a module"],
)
def test_a_pipe_is_found_by_its_name(rest: str, of: str, flow: str) -> None:
    Path("yard.py").write_text(FILE + rest)
    assert pipe_of(f"yard.py{of}").draw().startswith(f"flow {flow}\n")
    assert (sys.argv, sys.path[0]) == (["yard.py"], str(Path.cwd()))


@pytest.mark.parametrize(
    ("rest", "of", "says"),
    [
        ("def broken(\n", "", r"yard.py is no Python: .*\(yard.py, line \d+\)"),
        (
            "\nraise ValueError('rtsp://me:hunter2@gate/')\n",
            "",
            r"yard.py:\d+: ValueError: rtsp://\*\*\*@gate/",
        ),
        ("raise SystemExit(3)\n", "", r"yard.py:\d+: SystemExit: 3"),
        ("", "", "expected pipe or make_pipe in yard.py, or yard.py:NAME"),
        ("a, b = of('a'), of('b')\n", "", "or yard.py:NAME; it has a, b"),
        (MADE, ":at_nigt", "yard.py has no 'at_nigt'"),
        ("at_night = of('a')\n", ":at_nigt", "yard.py has no 'at_nigt'; did you mean \"at_night\""),
        (MADE, ":FOLDER", "yard.py: expected a Pipe, got PosixPath"),
        ("make_pipe = lambda: None\n", "", "yard.py: expected a Pipe, got NoneType"),
        ("def make_pipe():\n    return 1 / 0\n", "", r"yard.py:\d+: ZeroDivisionError"),
    ],
)
def test_it_is_a_line(rest: str, of: str, says: str) -> None:
    Path("yard.py").write_text(FILE + rest)
    with pytest.raises(ConfigError, match=says) as wrong:
        pipe_of(f"yard.py{of}")
    assert "\n" not in str(wrong.value)
    assert "hunter2" not in str(wrong.value)
