"""The section `frame_queue` of a site file: where pictures and their keys are, how they are made and taken.

`sightline.site.frame_queue_sampling` puts pictures in, `frame_queue_working` gives them to the site's models
and sinks. Nothing here opens a store or a queue.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import AfterValidator, Field, ValidationInfo

from sightline.errors import ConfigError
from sightline.framequeue.key import NAMESPACE, checked_namespace
from sightline.kinds import nearest
from sightline.log import hide_secret
from sightline.site.mistakes import listed, quoted
from sightline.site.section import ChosenCameras, Hwaccel, Name, PictureSize, Section, beside_site, complete

STORE_SCHEMES: Final = ("memory", "folder", "redis", "rediss", "unix")
QUEUE_SCHEMES: Final = ("memory", "sqlite", "hub", "amqp", "amqps", "celery+amqp", "celery+amqps")
_FILES: Final = ("folder", "sqlite")
_SECRETS: Final = ("password", "token", "ssl_password")


def _place(text: str, schemes: tuple[str, ...], info: ValidationInfo) -> str:
    """A URL of one of `schemes`; a path in it is meant from the folder of the site file."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in schemes:
        shown = scheme[:20] if colon else ""
        raise complete(
            f"expected a URL that begins with {listed(schemes)}, got {quoted(shown)}{nearest(shown, schemes)}"
        )
    _hide(text)
    path, question, query = rest.partition("?")
    if scheme not in _FILES or (path.startswith("//") and not path.startswith("///")):
        return text
    try:
        place = beside_site(Path(unquote(path)).expanduser(), info)
    except RuntimeError:
        raise complete("expected ~ or the ~name of a user of this machine, got another's") from None
    return f"{scheme}:{quote(str(place))}{question}{query}"


def _hide(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise complete("expected a URL; its port or its brackets are wrong") from None
    for secret in (parts.password, *(value for name, value in parse_qsl(parts.query) if name in _SECRETS)):
        hide_secret(unquote(secret or ""))


def _store_url(text: str, info: ValidationInfo) -> str:
    return _place(text, STORE_SCHEMES, info)


def _queue_url(text: str, info: ValidationInfo) -> str:
    return _place(text, QUEUE_SCHEMES, info)


def _namespace(text: str) -> str:
    try:
        return checked_namespace(text)
    except ConfigError as error:
        raise complete(error.message) from None


class FrameQueue(Section):
    """A picture a second of each camera, or at another rate, each for one worker of as many as there are."""

    store: Annotated[str, AfterValidator(_store_url)] = Field(
        "folder:frames",
        validate_default=True,
        description="Where pictures lie: folder:PATH, from the site file's folder, redis://host:6379/0, "
        "rediss:// for TLS, or memory:NAME within one process.",
    )
    queue: Annotated[str, AfterValidator(_queue_url)] = Field(
        "sqlite:frames/keys.db",
        validate_default=True,
        description="What their keys go over: sqlite:PATH, from the site file's folder, amqp://host/vhost "
        "of a RabbitMQ, celery+amqp:// for Celery's workers, hub://host:4820?queue=NAME, or memory:NAME "
        "within one process.",
    )
    namespace: Annotated[str, AfterValidator(_namespace)] = Field(
        NAMESPACE, description="What keys begin with, so that several sites can share a store."
    )
    cameras: ChosenCameras = Field(None, description='Names of the cameras to sample; "all" when left out.')
    rate: float = Field(
        1.0, gt=0, le=1000, description="Pictures a second and camera, at the clock's own seconds."
    )
    size: PictureSize | None = Field(
        None, description="WIDTHxHEIGHT that pictures are scaled to; their own when left out."
    )
    format: Literal["jpeg", "png", "webp", "raw"] = Field(
        "jpeg", description="What pictures are stored as; png and raw lose nothing."
    )
    quality: int = Field(90, ge=1, le=100, description="Of jpeg and webp.")
    keyframes: Literal["auto", "only", "never"] = Field(
        "auto",
        description="Whether keyframes do: where they suffice (auto), nothing else ever (only), or always a "
        "second's first picture (never).",
    )
    hwaccel: Hwaccel = Field("none", description="What decodes, as of a worker.")
    budget_mb: int | None = Field(
        None,
        ge=1,
        le=1 << 24,
        description="MiB of pictures in the store, at most; the camera that has most gives up its oldest. "
        "What the store has of itself when left out.",
    )
    ttl_s: float = Field(
        3600.0, gt=0, le=31_536_000, description="Seconds after which a picture is of no use any more."
    )
    when_full: Literal["wait", "drop_oldest", "drop_newest"] = Field(
        "wait", description="What happens to a picture while store or queue take no more."
    )
    groups: dict[Name, tuple[Name, ...]] = Field(
        {}, description="Names of cameras whose keys go over a queue of their own, by the name of the group."
    )
    concurrency: int = Field(1, ge=1, le=256, description="Pictures that a worker has in hand at a time.")
    lease_s: float = Field(
        30.0,
        gt=0,
        le=86_400,
        description="Seconds after which the picture of a worker that died is another's.",
    )
    time_limit_s: float | None = Field(
        None, gt=0, le=86_400, description="Seconds that a model may take for a picture; any when left out."
    )
    max_attempts: int = Field(
        3, ge=1, le=1000, description="How often a picture is tried before its key is a dead letter."
    )
