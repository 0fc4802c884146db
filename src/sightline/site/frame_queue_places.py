"""Where the pictures and keys of a frame queue are: its store, and a queue for each group of cameras.

Promises: each is opened once, and closed with the whole. A camera's keys go over its group's queue and no
other, also those that a worker of another group sends again; what is asked of all queues is asked here.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import PurePath
from typing import Any, Final, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from sightline.errors import ConfigError, WireError
from sightline.framequeue.key import FrameKey
from sightline.framequeue.opening import open_queue, open_store
from sightline.framequeue.queue import DeadKey, KeyQueue, QueueDepth, Sent
from sightline.framequeue.store import FrameStore
from sightline.framequeue.tasks.layout import QUEUE as CELERY_QUEUE
from sightline.kinds import nearest

EVERYBODY: Final = ""
"""The group of those that are in no other."""
_QUEUE: Final = "frames"  # where a URL names none


class Places:
    """A store and its queues, in a `with` block.

    Args:
        store, queue: their URLs; the queue's is that of cameras without a group.
        groups: names of cameras by group.
        only: groups whose queues are wanted; None: all.
        budget_bytes: of the store; None: as it is, or as its URL says.

    Raises:
        ConfigError: there is no such group, or a URL is wrong.
        MissingExtra: a library is not installed.
        BusError: a store or queue cannot be reached.
    """

    def __init__(
        self,
        store: str,
        queue: str,
        groups: Mapping[str, Collection[str]] | None = None,
        *,
        only: Collection[str] | None = None,
        budget_bytes: int | None = None,
    ) -> None:
        groups = groups or {}
        self._group_of = {camera: group for group, cameras in groups.items() for camera in cameras}
        wanted = [EVERYBODY, *groups] if only is None else _known(only, groups)
        self._queue_url = queue
        self._others: dict[str, KeyQueue] = {}
        self._lock = threading.Lock()
        with ExitStack() as opened:
            self.store: FrameStore = opened.enter_context(open_store(store_with(store, budget_bytes)))
            self.queues: dict[str, KeyQueue] = {
                group: opened.enter_context(open_queue(queue_of_group(queue, group))) for group in wanted
            }
            self._opened = opened.pop_all()

    def queue_of(self, camera_id: str) -> KeyQueue:
        """The queue of a camera's keys. Raises ConfigError: it is none of those that are wanted."""
        group = self._group(camera_id)
        if group not in self.queues:
            raise ConfigError(f"expected a camera of group {', '.join(self.queues)}, got {camera_id!r}")
        return self.queues[group]

    def send(self, texts: Sequence[str]) -> list[Sent]:
        """Each key to the queue of its camera, which is opened for that; what is no key to everybody's."""
        by_group: dict[str, list[str]] = {}
        for text in texts:
            by_group.setdefault(self._group_of_key(text), []).append(text)
        sent = {
            each.text: each for group, some in by_group.items() for each in self._sender(group).send(some)
        }
        return [sent[text] for text in texts]

    def depth(self) -> QueueDepth:
        """Of all queues together."""
        depths = [queue.depth() for queue in self.queues.values()]
        names = QueueDepth.__struct_fields__
        counts: dict[str, Any] = {name: _sum(getattr(one, name) for one in depths) for name in names}
        return QueueDepth(**counts)

    def dead_letters(self, limit: int) -> list[DeadKey]:
        """Of all queues, the oldest first."""
        dead = [letter for queue in self.queues.values() for letter in queue.dead_letters(limit)]
        return sorted(dead, key=lambda letter: letter.died_at_ns)[:limit]

    def dead_retry(self, texts: Iterable[str] | None) -> int:
        """Puts dead letters in line again, those of these texts or all; how many."""
        chosen = None if texts is None else list(texts)
        return sum(queue.dead_retry(chosen) for queue in self.queues.values())

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _group(self, camera_id: str) -> str:
        return self._group_of.get(camera_id, EVERYBODY)

    def _group_of_key(self, text: str) -> str:
        try:
            return self._group(FrameKey.parse(text).camera_id)
        except WireError:
            return EVERYBODY

    def _sender(self, group: str) -> KeyQueue:
        if group in self.queues:
            return self.queues[group]
        with self._lock:
            if group not in self._others:
                queue = open_queue(queue_of_group(self._queue_url, group))
                self._others[group] = self._opened.enter_context(queue)
            return self._others[group]


def store_with(url: str, budget_bytes: int | None) -> str:
    """The URL of a store with its budget; what stands in it counts more."""
    address, _, query = url.partition("?")
    if budget_bytes is None or "limit_bytes" in dict(parse_qsl(query, keep_blank_values=True)):
        return url
    return f"{address}?{query}{'&' if query else ''}limit_bytes={budget_bytes}"


def queue_of_group(url: str, group: str) -> str:
    """The URL of the queue of a group: what `url` names, and the group behind it."""
    if group == EVERYBODY:
        return url
    scheme, _, rest = url.partition(":")
    if scheme in {"sqlite", "memory"}:
        path, question, query = rest.partition("?")
        place = PurePath(path)
        named = (
            str(place.with_name(f"{place.stem}-{group}{place.suffix}"))
            if path.strip("/")
            else f"{path}{group}"
        )
        return f"{scheme}:{named}{question}{query}"
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    left_out = CELERY_QUEUE if scheme.startswith("celery") else _QUEUE
    asked["queue"] = f"{asked.get('queue', left_out)}-{group}"
    return urlunsplit(parts._replace(query=urlencode(asked, quote_via=quote)))


def _known(only: Collection[str], groups: Mapping[str, object]) -> list[str]:
    for group in only:
        if group != EVERYBODY and group not in groups:
            raise ConfigError(
                f"there is no group {group!r}{nearest(group, groups)} (known: {', '.join(groups) or 'none'})"
            )
    return list(dict.fromkeys(only))


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
