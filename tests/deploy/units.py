"""A unit of systemd as it stands there, and what it begins, as systemd would."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from tools.services.docker import ROOT

FOLDER = ROOT / "deploy" / "fleet" / "systemd"
VARIABLE = re.compile(r"\$\{(\w+)\}")

Unit = dict[str, list[tuple[str, str]]]


def unit(name: str) -> Unit:
    """By section, what is assigned, in order. Raises ValueError for a line that is none."""
    found: Unit = {}
    section = None
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), [])
            continue
        key, equals, value = line.partition("=")
        if not equals or section is None:
            raise ValueError(line)
        section.append((key, value))
    return found


def said(one: Unit, key: str) -> list[str]:
    """All that `key` of its service is set to."""
    return [value for name, value in one["Service"] if name == key]


def seconds(one: Unit, key: str) -> float:
    (value,) = said(one, key)
    return float(value)


def environment(one: Unit, folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """What the service finds: of the unit, of its file beside it, and what systemd adds."""
    own = dict(pair.split("=", 1) for pair in said(one, "Environment"))
    (named,) = said(one, "EnvironmentFile")
    values = dotenv_values(FOLDER / Path(named).name, interpolate=False)
    given = {name: value or "" for name, value in values.items()}
    places = {"STATE_DIRECTORY": str(folder / "state"), "CREDENTIALS_DIRECTORY": str(folder / "credentials")}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **own, **given, **places, **more}


def command(one: Unit, environ: Mapping[str, str], programs: Path) -> list[str]:
    """`ExecStart`, each word with its variables, the program one of `programs`."""
    (line,) = said(one, "ExecStart")
    program, *words = shlex.split(line)
    put = [VARIABLE.sub(lambda match: environ[match[1]], word) for word in words]
    return [str(programs / Path(program).name), *put]
