"""The half of a `Comux` that gives pictures and takes results."""

from __future__ import annotations

import operator
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final, Literal, overload

from sightline.errors import Closed, ConfigError
from sightline.frame import Frame, Image
from sightline.mux.attempts import Attempts
from sightline.mux.connections import Connections
from sightline.mux.course import Picture
from sightline.mux.delivery import Batch, Item
from sightline.mux.engine import Engine
from sightline.mux.fleet import Fleet
from sightline.mux.forward import Answer
from sightline.mux.values import Results

_LOOK_S: Final = 0.5
_SOON_S: Final = 0.05


class Exchange:
    """See the module. Any thread may use it."""

    _fleet: Fleet
    _attempts: Attempts
    _connections: Connections

    @overload
    def get(
        self, cam_id: str, timeout: float | None = None, frame: Literal[False] = False
    ) -> Item[Image] | None: ...
    @overload
    def get(self, cam_id: str, timeout: float | None, frame: Literal[True]) -> Item[Frame] | None: ...
    @overload
    def get(
        self, cam_id: str, timeout: float | None = None, *, frame: Literal[True]
    ) -> Item[Frame] | None: ...
    def get(self, cam_id: str, timeout: float | None = None, frame: bool = False) -> Item[Any] | None:
        """The next picture of one camera; None when none came in `timeout` seconds, or the camera was ended.

        Raises:
            ConfigError: there is no such camera.
            Closed, BusError: as `get_batch`.
        """
        self._fleet.check(cam_id)
        ended = self._fleet.ended
        picture = self._connections.waited(
            partial(_take_one, cam_id),
            timeout,
            lambda: cam_id not in self._fleet.consumers and self._fleet.ended != ended,
        )
        return None if picture is None else Item(picture, whole=frame)

    @overload
    def get_batch(
        self, frame: Literal[False] = False, timeout: float | None = None
    ) -> Batch[Image] | None: ...
    @overload
    def get_batch(self, frame: Literal[True], timeout: float | None = None) -> Batch[Frame] | None: ...
    def get_batch(self, frame: bool = False, timeout: float | None = None) -> Batch[Any] | None:
        """A batch: at most one picture of every camera.

        Args:
            frame: have a `Frame` in the place of each array, which knows its times as well.
            timeout: s; None: wait until something comes.

        Returns:
            Items that unpack into `cam_id, index, array`; `array` is `(height, width, 3)` uint8 BGR, or None
            where a packet could not be decoded. None when the time was over and nothing came, or the last
            camera was ended meanwhile.

        Raises:
            ConfigError: not started yet.
            Closed: the mux was closed, before or meanwhile.
            BusError: something could not be read or sent on, with `strict_on_fail`; the next call goes on.
        """
        ended = self._fleet.ended
        pictures = self._connections.waited(
            Engine.take, timeout, lambda: not self._fleet.consumers and self._fleet.ended != ended
        )
        return None if pictures is None else [Item(picture, whole=frame) for picture in pictures]

    def __iter__(self) -> Iterator[Batch[Image]]:
        """Batches, until the mux is closed, or all cameras were files and are over."""
        while True:
            try:
                batch = self.get_batch(timeout=_LOOK_S)
            except Closed:
                return
            if batch is not None:
                yield batch
            elif self.ended:
                return

    @property
    def ended(self) -> bool:
        """Whether all cameras were files that are over, and all their pictures were given out."""
        engine = self._connections.engine
        return engine is not None and engine.ended

    def send(self, cam_id: str, index: int, headers: Results = None) -> bool:
        """Sends the packet of a picture that was given out, with its results as headers.

        Args:
            cam_id: of the camera.
            index: as it stood in the batch. It knows its epoch; of a plain number the newest one is meant.
            headers: results by name, a `Result`, or None for none.

        Returns:
            Whether they go with the packet: not where a newer picture of the camera was given out meanwhile,
            `max_wait_s` are over, they were sent already, there was no such picture, or the camera was
            ended. That is counted.

        Raises:
            WireError: they cannot be written; the message names the header.
            ConfigError: no `setup_producer` yet; with `strict_on_fail`, there never was such a camera.
            Closed: the mux was closed.
        """
        self._connections.check_open()
        if self._connections.out_servers is None:
            raise ConfigError("expected setup_producer(bootstrap_servers) before send, or out_bus=")
        if self._attempts.strict and not self._fleet.ended:
            self._fleet.check(cam_id)
        engine, number = self._connections.engine, operator.index(index)
        if engine is None:
            return False
        return engine.answer(cam_id, getattr(index, "epoch", None), number, headers) is Answer.TAKEN

    def send_batch(self, results: Iterable[tuple[str, int, Results]]) -> list[bool]:
        """`send` of each `(cam_id, index, headers)`."""
        return [self.send(cam_id, index, headers) for cam_id, index, headers in results]


def _take_one(cam_id: str, engine: Engine, wait_s: float) -> Picture | None:
    try:
        return engine.take_one(cam_id, wait_s)
    except ConfigError:  # it is not connected now; it may be soon
        time.sleep(min(wait_s, _SOON_S))
        return None
