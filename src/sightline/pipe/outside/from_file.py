"""The pipe of a file: `FILE.py`, or `FILE.py:NAME`.

The file is run as a module `__pipe__`, so that what stands below `if __name__ == "__main__":` is left for
`python FILE.py`. Its routines go to their flows as those of a script do: by value, however the file is called
and whatever it does when it is run. It is the user's own program: nothing here keeps it from anything, and
where it ends by `sys.exit`, so do we.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

import cloudpickle

from sightline.errors import ConfigError
from sightline.kinds import nearest
from sightline.log import get_logger, redact
from sightline.pipe.flow.flow_child import FILE_MODULE
from sightline.pipe.pipe import Pipe

MAKES: Final = "make_pipe"
NAMES: Final = ("pipe", MAKES)
"""What is looked for where no name is given; then for the only pipe that there is."""
_NOT_RUN: Final = 'what stands below `if __name__ == "__main__":` is not run'


def pipe_of(place: str) -> Pipe:
    """The pipe that a file names: a variable, or a function without parameters that gives one.

    Args:
        place: a path; behind it `:` and a name, if it is none of `NAMES` and there are several pipes.

    Raises:
        ConfigError: there is no such file or name, or it fails; the message has the line.
    """
    path, name = _split(place)
    module = _run(path)
    found = _found(module, path, name)
    if callable(found):
        found = _made(found, path)
    if not isinstance(found, Pipe):
        raise ConfigError(f"{path}: expected a Pipe, got {type(found).__name__}")
    return found


def _split(place: str) -> tuple[Path, str]:
    path, colon, name = place.rpartition(":")
    return (Path(path), name) if colon and name.isidentifier() else (Path(place), "")


def _run(path: Path) -> ModuleType:
    """Run the file, with its folder and its arguments as Python itself has them for a script."""
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        raise ConfigError(redact(f"{path} is no Python: {error}")) from error
    module = ModuleType(FILE_MODULE)
    module.__file__ = str(path.absolute())
    sys.modules[FILE_MODULE] = module
    sys.path.insert(0, str(path.absolute().parent))
    sys.argv[:] = [str(path)]
    cloudpickle.register_pickle_by_value(module)
    try:
        with _logging_of_its_own():
            exec(code, vars(module))  # noqa: S102 - it is what was asked for
    except Exception as error:
        raise _failed(path, error) from error
    return module


def _found(module: ModuleType, path: Path, name: str) -> Any:
    """What the name stands for; where there is none, what is called as usual, or is the only pipe."""
    there = vars(module)
    if name:
        if name not in there:
            named = (one for one, value in there.items() if isinstance(value, Pipe | FunctionType))
            raise ConfigError(f"{path} has no {name!r}{nearest(name, named)}")
        return there[name]
    offered = _offered(there)
    usual = [offered[name] for name in NAMES if name in offered]
    found = usual[:1] or list({id(one): one for one in offered.values()}.values())
    if len(found) != 1:
        there_is = f"it has {', '.join(offered)}" if offered else _NOT_RUN
        raise ConfigError(f"expected {' or '.join(NAMES)} in {path}, or {path}:NAME; {there_is}")
    return found[0]


def _offered(there: Mapping[str, Any]) -> dict[str, Any]:
    """Pipes, and what makes one, by name: `pipe` may also be the module."""
    return {
        name: value
        for name, value in there.items()
        if isinstance(value, Pipe) or (name == MAKES and callable(value))
    }


def _made(make: Any, path: Path) -> Any:
    try:
        with _logging_of_its_own():
            return make()
    except Exception as error:
        raise _failed(path, error) from error


@contextmanager
def _logging_of_its_own() -> Iterator[None]:
    """The file sets up logging as a script does; where it does not, what there was stays."""
    root = logging.getLogger()
    before, root.handlers[:] = root.handlers[:], []
    try:
        yield
    finally:
        root.handlers[:] = root.handlers or before


def _failed(path: Path, error: Exception) -> ConfigError:
    """In a line; all of it is logged."""
    get_logger("sightline.pipe").info("the file of a pipe failed", exc_info=error)
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    where = f"{path}:{lines[-1]}" if lines else str(path)
    return ConfigError(redact(f"{where}: {type(error).__name__}: {error}"))
