"""The files of the deployment, as they are and as somebody has filled them in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from ruamel.yaml import YAML

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "framequeue"
PASSWORDS = {"REDIS_PASSWORD": "pictures-4f1", "RABBITMQ_PASSWORD": "keys-9c2"}
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


def compose() -> dict[str, Any]:
    """compose.yaml, its anchors put in and its variables not."""
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(FOLDER / "compose.yaml")
    return loaded


def settings() -> dict[str, str]:
    """config.env as it comes."""
    return {name: value or "" for name, value in dotenv_values(FOLDER / "config.env").items()}


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
