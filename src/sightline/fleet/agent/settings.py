"""What an agent is told: by options of its command, the environment, and `settings.toml`; the first of these
that says something holds.

    IMAGE_NAME = "registry.example/deepstream:8.0"    # keys in capitals, or not
    labels = { room = "a" }

In the environment a name begins with SIGHTLINE_AGENT_; a list is `a,b`, a mapping `room=a,rack=2`. What is
not known is refused with the nearest right name, also in the environment, which pydantic-settings would pass
over; no message shows a value, which may be a secret.

Deliberately not here: what is found out by looking at the machine (`about`), and what is to run on it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from sightline.errors import ConfigError
from sightline.fleet.keys.private_file import read_private
from sightline.fleet.messages.parts import MOST_LABELS, Label, Line, wrong_in
from sightline.kinds import nearest
from sightline.log import hide_secret

ENVIRONMENT: Final = "SIGHTLINE_AGENT_"
FILE: Final = "settings.toml"
_MOST_FILE_BYTES: Final = 1 << 20
_MOST_TOKEN_BYTES: Final = 4096


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _mapped(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("expected name=value pairs such as room=a,rack=2")
    return {name.strip(): text.strip() for name, _, text in pairs}


Texts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Paths: TypeAlias = Annotated[tuple[Path, ...], BeforeValidator(_listed)]
Runtimes: TypeAlias = Annotated[
    tuple[Literal["docker", "process"], ...], BeforeValidator(_listed), Field(min_length=1)
]
Labels: TypeAlias = Annotated[dict[Label, Label], BeforeValidator(_mapped), Field(max_length=MOST_LABELS)]
Cards: TypeAlias = Annotated[tuple[Label, ...], BeforeValidator(_listed), Field(max_length=MOST_LABELS)]


def forget_token(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take the enrolment token out of the environment: what the agent begins has that too."""
    for name in list(environ):
        if name.startswith(ENVIRONMENT) and name.removeprefix(ENVIRONMENT).lower() == "token":
            del environ[name]


def state_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Of this user's agent: within $XDG_STATE_HOME, else ~/.local/state."""
    said = Path(environ.get("XDG_STATE_HOME", ""))
    return (said if said.is_absolute() else Path.home() / ".local" / "state") / "sightline" / "agent"


class AgentSettings(BaseModel):
    """See the module; it is made by `read`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    bus: str = Field(description="Where the coordinator is met: kafka://, hub:// or memory://.")
    token: SecretStr | None = Field(None, description="The enrolment token, for the first time.")
    token_file: Path | None = Field(None, description="The file that has it; nothing where there is none.")
    prefix: str = Field("", description="Before the names of the topics: several fleets share a broker.")
    state: Path = Field(default_factory=state_home, description="The folder of all that it keeps.")
    name: str | None = Field(None, min_length=1, max_length=200, description="Of it, for people; the host's.")
    ip_address: str | None = Field(None, description="Of the machine; found out where it is left out.")
    description: Line | None = Field(None, description="For people.")
    capacity: int | None = Field(None, ge=0, description="Cameras that it takes; no limit when left out.")
    labels: Labels = Field(default_factory=dict, description="What instances may ask for.")
    gpulist: Cards | None = Field(None, description="Graphics cards; found out where they are left out.")
    runtimes: Runtimes | None = Field(None, description="docker, process; those that are here, if left out.")
    parallel: int = Field(4, ge=1, le=64, description="Instances that are begun or ended at a time.")
    image_name: str | None = Field(None, min_length=1, description="Image of instances that have none.")
    network: str = Field("host", min_length=1, description='Of containers: "host", "none", or a name.')
    container_prefix: str = Field(
        "sightline", pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$", description="Before the names of containers."
    )
    docker: str | None = Field(None, description="Address of Docker; its usual one when left out.")
    pull: bool = Field(False, description="Whether an image that is not there may be fetched.")
    shares: Paths = Field((), description="Folders that every container may read: models, clips.")
    user: str | None = Field(None, description='Whom containers run as; "image": as their image says.')
    capabilities: Texts = Field((), description="What containers are given of root's rights.")
    shm_mib: int = Field(256, ge=1, description="Of /dev/shm in a container.")
    log_mib: int = Field(20, ge=1, description="Kept of what a container writes.")
    deepstream: Texts = Field(("deepstream-app",), min_length=1, description="DeepStream as a process.")
    deepstream_image: Texts = Field((), description="What DeepStream's image is given before its options.")
    worker_image: Texts = Field((), description="What a worker's image is given before its options.")

    @classmethod
    def read(
        cls,
        options: Mapping[str, Any] | None = None,
        *,
        file: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """Of all three places.

        Args:
            options: of the command; those that are None are left out.
            file: the settings; None: `settings.toml` of this folder, where there is one.
            environ: the environment.

        Raises:
            ConfigError: all that is wrong in one of them.
        """
        given = {name: value for name, value in (options or {}).items() if value is not None}
        said = {**_of_file(cls, file), **_of_environment(cls, environ), **given}
        try:
            made = cls(**said)
        except ValidationError as error:
            raise ConfigError(f"settings of the agent: {wrong_in(error)}") from None
        if made.token_file is not None:
            made = made.model_copy(update={"token": _token_in(made)})
        if made.token is not None:
            hide_secret(made.token.get_secret_value())
        return made


def _token_in(settings: AgentSettings) -> SecretStr | None:
    """That of its file; who is in a fleet already needs none, so nothing may stand there."""
    if settings.token is not None:
        raise ConfigError("settings of the agent: expected token or token_file, got both")
    data = read_private(settings.token_file or Path(), _MOST_TOKEN_BYTES)
    text = (data or b"").decode("ascii", "replace").strip()
    return SecretStr(text) if text else None


def _of_file(model: type[BaseModel], file: Path | None) -> dict[str, Any]:
    path = file or Path(FILE)
    try:
        with path.open("rb") as opened:
            text = opened.read(_MOST_FILE_BYTES).decode()
        said = tomllib.loads(text)
    except FileNotFoundError:
        if file is None:
            return {}
        raise ConfigError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # of TOML and of UTF-8; it shows a place, and no value
        raise ConfigError(f"{path}: expected TOML: {error}") from None
    return _known(model, said, str(path), lambda name: name)


def _of_environment(model: type[BaseModel], environ: Mapping[str, str]) -> dict[str, Any]:
    # Compose and systemd give what is not set as an empty one.
    said = {
        name.removeprefix(ENVIRONMENT): text
        for name, text in environ.items()
        if name.startswith(ENVIRONMENT) and text
    }
    return _known(model, said, "the environment", lambda name: f"{ENVIRONMENT}{name.upper()}")


def _known(
    model: type[BaseModel], said: Mapping[str, Any], where: str, spelled: Callable[[str], str]
) -> dict[str, Any]:
    """By the names of fields. Raises ConfigError for one that is none, or is there twice."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        field = name.lower()
        if field not in model.model_fields:
            known = [spelled(each) for each in model.model_fields]
            raise ConfigError(f"{where}: unknown setting {spelled(name)}{nearest(spelled(field), known)}")
        if field in found:
            raise ConfigError(f"{where}: expected {spelled(name)} once, in capitals or not")
        found[field] = value
    return found
