"""What a worker of Celery's is told by its environment.

Every name begins with `SIGHTLINE_FRAMEQUEUE_`; one that is empty counts as not there. `table()` has them all,
as the documentation shows them. Addresses hold passwords: no message shows one. Who sends names the same
broker, queue, type, routes and limits in its URL: `celery+amqp://…`; a worker says where they differ.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, get_args, get_origin
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Meta

from sightline.errors import ConfigError
from sightline.framequeue.queues.limits import QueueLimits, WhenFull
from sightline.framequeue.store import checked_time
from sightline.framequeue.tasks.layout import QUEUE, Layout
from sightline.framequeue.work.timing import Limits
from sightline.framequeue.work.verdicts import Rules, Take
from sightline.framequeue.work.worker import DEAD_TTL_S

PREFIX: Final = "SIGHTLINE_FRAMEQUEUE_"
BROKER: Final = "amqp://guest:guest@localhost:5672/"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. Raises ConfigError where one makes no sense."""

    store: Annotated[str, Meta(description="the pictures: redis://HOST:6379/0 or folder:PATH; needed")] = ""
    broker: Annotated[str, Meta(description="RabbitMQ, amqp:// or amqps://")] = BROKER
    results: Annotated[str, Meta(description="Redis for Celery's results; none are kept where empty")] = ""
    results_ttl_s: Annotated[float, Meta(description="how long those are kept")] = 3600.0
    handler: Annotated[str, Meta(description="module:function, or the name of an entry point")] = ""
    queue_name: Annotated[str, Meta(description="the queue of cameras that have no other")] = QUEUE
    queue_type: Annotated[Literal["quorum", "classic"], Meta(description="of all queues")] = "quorum"
    routes: Annotated[str, Meta(description="camera groups: gate-*=gates, yard-*=yard")] = ""
    max_keys: Annotated[int, Meta(description="keys that may wait in a queue")] = 10_000
    max_bytes: Annotated[int, Meta(description="their bodies together, in bytes")] = 4 * 1024 * 1024
    when_full: Annotated[WhenFull, Meta(description="beyond that: reject or drop_oldest")] = WhenFull.REJECT
    key_ttl_s: Annotated[float | None, Meta(description="how long a key may wait; empty: for ever")] = None
    max_dead: Annotated[int, Meta(description="dead letters that are kept")] = 10_000
    lease_s: Annotated[float, Meta(description="how soon a dead worker's picture is another's")] = 30.0
    time_limit_s: Annotated[float | None, Meta(description="the handler is interrupted; empty: never")] = None
    hard_limit_s: Annotated[float | None, Meta(description="its process ends; empty: never")] = None
    max_attempts: Annotated[int, Meta(description="claims after which a key is a dead letter")] = 3
    retry_s: Annotated[float, Meta(description="until the second attempt; later ones wait longer")] = 1.0
    take: Annotated[Take, Meta(description="lease, or getdel: gone as it is taken")] = "lease"
    dead_ttl_s: Annotated[float, Meta(description="how long a dead letter's picture stays")] = DEAD_TTL_S
    sweep_s: Annotated[float, Meta(description="between two rounds of beat; 0: it has none")] = 20.0
    overdue_s: Annotated[float, Meta(description="unclaimed for so long, a key is sent again")] = 60.0
    orphan_s: Annotated[float | None, Meta(description="unclaimed for so long, a picture goes")] = None

    def __post_init__(self) -> None:
        _checked_broker(self.broker)
        if self.results and urlsplit(self.results).scheme not in {"redis", "rediss"}:
            raise ConfigError("expected redis:// or rediss:// for Celery's results, got another address")
        checked_time("a time to keep results", self.results_ttl_s)
        checked_time("a time to keep what is dead", self.dead_ttl_s)
        checked_time("an overdue_s", self.overdue_s)
        if self.sweep_s:
            checked_time("a sweep_s", self.sweep_s)
        if self.orphan_s is not None:
            checked_time("an orphan_s", self.orphan_s)
        _ = (
            self.layout,
            self.queue_limits,
            self.rules,
            self.limits,
        )  # so that what is wrong is told when a worker begins

    @classmethod
    def of(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Those of an environment; None: of this process."""
        found = os.environ if environment is None else environment
        given = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in found.items()
            if name.startswith(PREFIX) and value.strip()
        }
        told = {name: given[name] for name in cls.__struct_fields__ if name in given}
        try:
            return msgspec.convert(told, cls, strict=False)
        except msgspec.ValidationError as error:
            raise ConfigError(_named(error, told)) from None

    @property
    def layout(self) -> Layout:
        return Layout.of(self.queue_name, self.queue_type, self.routes)

    @property
    def queue_limits(self) -> QueueLimits:
        return QueueLimits(
            max_keys=self.max_keys,
            max_bytes=self.max_bytes,
            when_full=self.when_full,
            ttl_s=self.key_ttl_s,
            max_dead=self.max_dead,
        )

    @property
    def queue_url(self) -> str:
        """Of the broker with its queues, as who sends has it."""
        return f"{self.broker}{'&' if '?' in self.broker else '?'}{urlencode(self.layout.options)}"

    @property
    def rules(self) -> Rules:
        return Rules(take=self.take, max_attempts=self.max_attempts, retry_s=self.retry_s)

    @property
    def limits(self) -> Limits:
        return Limits(lease_s=self.lease_s, time_limit_s=self.time_limit_s, hard_limit_s=self.hard_limit_s)


def table() -> list[tuple[str, str, str]]:
    """Of each setting its name in the environment, what it is where nobody says, and what it means."""
    return [
        (f"{PREFIX}{field.name.upper()}", _shown(field.default), _meaning(field.type))
        for field in msgspec.structs.fields(Settings)
    ]


def _named(error: msgspec.ValidationError, told: Mapping[str, str]) -> str:
    """A mistake by its variable: what was expected, and what came; no address is of a type that fails."""
    name = str(error).rpartition("$.")[2].rstrip("`")
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    if name not in told:
        return f"{PREFIX}*: {error}"
    return f"{PREFIX}{name.upper()}: expected {_expected(kinds[name])}, got {told[name][:50]!r}"


def _expected(kind: Any) -> str:
    kind = get_args(kind)[0]
    if kind is WhenFull or get_origin(kind) is Literal:
        return " or ".join(kind if kind is WhenFull else get_args(kind))
    return "a whole number" if kind is int else "a number"


def _shown(default: Any) -> str:
    if default is None:
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)


def _meaning(kind: Any) -> str:
    [meta] = [each for each in kind.__metadata__ if isinstance(each, Meta)]
    return meta.description or ""


def _checked_broker(url: str) -> None:
    scheme = urlsplit(url).scheme
    if scheme in {"redis", "rediss", "sentinel"}:
        raise ConfigError(
            "expected amqp:// or amqps:// of a RabbitMQ as broker, got a Redis: there what a worker that was "
            "killed had in hand stays away for longer than its visibility_timeout, and nobody is told when a "
            "queue is full. Redis is for pictures and for results"
        )
    if scheme not in {"amqp", "amqps"}:
        raise ConfigError(f"expected amqp:// or amqps:// of a RabbitMQ as broker, got {scheme[:20]!r}")
