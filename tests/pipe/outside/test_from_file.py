"""What is wrong with a file that is to have a pipe is told in a line, with its place and without secrets."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.pipe.flow.flow_child import FILE_MODULE
from sightline.pipe.outside.from_file import pipe_of

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
FUNCTION = "def at_night():\n    return of('night')\n"


@pytest.fixture(autouse=True)
def _as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own; what the file is run with is this process's no more afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setitem(sys.modules, FILE_MODULE, sys.modules[__name__])


@pytest.mark.parametrize(
    ("rest", "of", "flow"),
    [
        ("pipe = of('variable')\nother = of('other')\n", "", "variable"),
        (MADE + "other = of('other')\n", "", "made"),
        (MADE + "other = of('other')\n", ":other", "other"),
        ("at_day = lambda: of('day')\n", ":at_day", "day"),
        ("only_one = of('only')\n", "", "only"),
        ("from sightline import pipe\nmine = also = of('mine')\n", "", "mine"),
    ],
    ids=["variable", "function", "named", "made by name", "only one", "a module"],
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
        ("", "", "or yard.py:NAME; what stands below .* is not run"),
        ("a, b = of('a'), of('b')\n", "", "or yard.py:NAME; it has a, b"),
        (MADE, ":at_nigt", "yard.py has no 'at_nigt'"),
        ("at_night = of('a')\n", ":at_nigt", "yard.py has no 'at_nigt'; did you mean \"at_night\""),
        (FUNCTION, ":at_nigt", "yard.py has no 'at_nigt'; did you mean \"at_night\""),
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


def test_a_file_that_ends_itself_ends_us_with_its_code() -> None:
    Path("yard.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(SystemExit) as ended:
        pipe_of("yard.py")
    assert ended.value.code == 3


def test_a_file_is_read_as_python_reads_it() -> None:
    """Without the `__future__` of whoever reads it, in which annotations are texts."""
    Path("yard.py").write_text(FILE + "pipe = of('pipe')\nnumber: int = 3\n")
    pipe_of("yard.py")
    assert sys.modules[FILE_MODULE].__annotations__ == {"number": int}


SETS_UP = "logging.basicConfig(filename='log', level='INFO', format='mine: %(message)s')\n"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root of all logs, which a test may set up."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield root
    for handler in {*root.handlers} - {*before}:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)


def test_a_file_may_set_up_logging(root: logging.Logger) -> None:
    Path("yard.py").write_text(FILE + MADE + f"import logging\n{SETS_UP}logging.info('hello')\n")
    pipe_of("yard.py")
    root.info("and so on")
    assert Path("log").read_text() == "mine: hello\nmine: and so on\n"


def test_where_a_file_does_not_set_up_logging_it_is_as_it_was(root: logging.Logger) -> None:
    before = root.handlers[:]
    Path("yard.py").write_text(FILE + MADE)
    pipe_of("yard.py")
    assert root.handlers == before
