"""The files of the deployment, as they are, as somebody has filled them in, and what they have run."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from ruamel.yaml import YAML
from tools.services.process import Process, answers_at

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "framequeue"
PASSWORDS = {"REDIS_PASSWORD": "pictures-4f1", "RABBITMQ_PASSWORD": "keys-9c2"}
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
"""With the commands of the environment that the tests run in, as an image has them."""
FIGURES = "127.0.0.1:9100"  # within a container
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


def compose(folder: Path = FOLDER) -> dict[str, Any]:
    """compose.yaml, its anchors put in and its variables not."""
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(folder / "compose.yaml")
    return loaded


def settings(folder: Path = FOLDER) -> dict[str, str]:
    """config.env as it comes."""
    return {name: value or "" for name, value in dotenv_values(folder / "config.env").items()}


def filled_in(**others: str) -> dict[str, str]:
    """config.env with passwords, and what is to be otherwise."""
    return {**settings(), **PASSWORDS, **others}


def write(path: Path, named: Mapping[str, str]) -> Path:
    """A file like config.env."""
    path.write_text("".join(f"{name}={value}\n" for name, value in named.items()))
    return path


def put_in(text: str, named: Mapping[str, str]) -> str:
    """`text` with its variables, as compose puts them in."""
    return VARIABLE.sub(lambda match: named[match["name"]], text).replace("$$", "$")


def environment_of(service: str, named: Mapping[str, str]) -> dict[str, str]:
    """What compose.yaml has it find in its environment."""
    said: dict[str, str] = compose()["services"][service]["environment"]
    return {name: put_in(value, named) for name, value in said.items()}


def redis_process(environment: Mapping[str, str], folder: Path) -> Process:
    """Redis by the command of compose.yaml, its folders one of ours."""
    *shell, script = compose()["services"]["redis"]["command"]
    script = put_in(script, {}).replace("/run/redis", str(folder)).replace("dir /data", f"dir {folder}")
    ready = answers_at(int(environment["REDIS_PORT"]))
    return Process("redis", [*shell, script], folder, ready=ready, environment=environment)


def check(service: str, environment: Mapping[str, str], address: str = FIGURES) -> int:
    """Runs a health check, which asks at `address` for figures. Gives its exit code: 0 where all is well."""
    said: list[str] = compose()["services"][service]["healthcheck"]["test"]
    kind, *command = (put_in(word, {}).replace(FIGURES, address) for word in said)
    done = subprocess.run(
        ["sh", "-c", *command] if kind == "CMD-SHELL" else command,
        env={**os.environ, "PATH": PATH, **environment},
        capture_output=True,
        check=False,
    )
    return done.returncode
