"""Which queues Celery's workers take keys from, and which key goes where. Pure.

A camera belongs to the first group whose pattern fits its id, and each group has a queue of its own; those
that fit none have the queue that is named first. So the machines with a GPU may take from `gates` alone.

A queue is a quorum queue unless somebody says "classic". For those Celery asks the broker to bring no more
than one key a process (`basic.qos` of a consumer), and has it hold keys until they are due; for classic ones
it would ask for a bound of the channel, which RabbitMQ is about to give up, and holds the keys itself.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final, NamedTuple, Self

import msgspec

from sightline.errors import ConfigError, WireError
from sightline.framequeue.key import FrameKey
from sightline.log import redact

QUEUE: Final = "celery-frames"
"""Not `frames`: keys that lie there for our own workers are no tasks, and the other way round."""
EXCHANGE: Final = "sightline.framequeue"
"""Of type topic, as Celery's delays want it."""
KINDS: Final = ("quorum", "classic")

# No dot: delays bind each queue as `#.NAME`, and by that a queue `b` would be given what is for `a.b`.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)


class Route(NamedTuple):
    """Cameras whose id fits `pattern` (`*`, `?`, `[abc]`; upper and lower case differ) go to `queue`."""

    pattern: str
    queue: str


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The queues.

    Attributes:
        queue: of the cameras that have no other.
        kind: "quorum" or "classic".
        routes: the groups; the first that fits counts.
    """

    queue: str = QUEUE
    kind: str = KINDS[0]
    routes: tuple[Route, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"expected a type of queue of {', '.join(KINDS)}, got {self.kind[:50]!r}")
        for name in self.queues:
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    f"expected the name of a queue, of 100 letters, digits or _ -, got {redact(name)[:50]!r}"
                )
        if self.sweeping in self.queues:
            raise ConfigError(f"expected another name for a queue, {self.sweeping!r} is that of what sweeps")

    @property
    def queues(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((self.queue, *(route.queue for route in self.routes))))

    @property
    def sweeping(self) -> str:
        """The queue of the task that sweeps."""
        return f"{self.queue}-sweep"

    def queue_for(self, text: str) -> str:
        """Where a key goes; what is no key goes where its worker says so."""
        try:
            camera_id = FrameKey.parse(text).camera_id
        except WireError:
            return self.queue
        fits = (route.queue for route in self.routes if fnmatchcase(camera_id, route.pattern))
        return next(fits, self.queue)

    @classmethod
    def of(cls, queue: str = QUEUE, kind: str = KINDS[0], routes: str = "") -> Self:
        """As settings and URLs have it; `routes` is "gate-*=gates, yard-*=yard".

        Raises:
            ConfigError: it is none.
        """
        return cls(queue=queue, kind=kind, routes=tuple(map(_route, _listed(routes))))

    @property
    def options(self) -> dict[str, str]:
        """As a URL has it."""
        routes = ",".join(f"{route.pattern}={route.queue}" for route in self.routes)
        return {"queue": self.queue, "type": self.kind} | ({"routes": routes} if routes else {})


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _route(text: str) -> Route:
    pattern, equals, queue = text.rpartition("=")
    if not equals or not pattern.strip():
        raise ConfigError(f"expected a route as PATTERN=QUEUE, such as gate-*=gates, got {text[:100]!r}")
    return Route(pattern.strip(), queue.strip())
