"""Messages as bytes between flows of one pipe.

Data is pickled where it is put, so that whoever changes it afterwards changes nothing that was sent; by
protocol 5, with arrays and bytes of a certain size aside (`Packed.aside`), in shared memory where there is a
slot. What cannot be pickled by name, as the flow has none of it (classes and functions of a script or a
notebook), goes by value: functions each time, classes once for each connection, and by a number afterwards.

Pickle runs whatever it is given: it is for sockets that a parent gave its own children, and nothing else.
"""

from __future__ import annotations

import io
import pickle
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import cloudpickle

from sightline.arrays import Buffer
from sightline.pipe.message import Message
from sightline.pipe.transmitters import BasicTransmitter, DataTransmitter, as_it_is
from sightline.pipe.wires.frames import MOST_GRANTED, FrameSpace, Lent

MOST_CLASSES: Final = 1024
"""That have numbers; more, and the others go with each message."""

BY_VALUE: Final = 16
"""Messages that go by value, which is slow, after one that had to."""
VAIN: Final = 64
"""Messages that are looked at for large bytes after one that had some; or not, after a large one without."""

Aside: TypeAlias = Lent | bytes
_NOT_BY_NAME: Final = (pickle.PicklingError, AttributeError, TypeError)


_new: Final = tuple.__new__
"""Makes a named tuple of a tuple, in half the time."""


class Packed(NamedTuple):
    """A message, ready to be sent to any flow.

    Attributes:
        pickled: of its data.
        aside: what `pickled` stands without, in order.
        whole: how many of these, the first, are bytes and bytearrays; None: it is a plain pickle.
        classes: numbers of classes that its reader has to know.
        version: of the wire that it was packed for.
    """

    number: int
    made_ns: int
    pickled: bytes
    aside: Sequence[Aside]
    whole: int | None = None
    classes: tuple[int, ...] = ()
    version: int = 0


class Classes:
    """The numbers of classes that this process sends by value. For all threads."""

    def __init__(self) -> None:
        self._numbers: dict[type, int] = {}
        self._pickled: list[bytes] = []
        self._lock = threading.Lock()

    def known(self, found: type) -> int | None:
        return self._numbers.get(found)

    def pickled(self, number: int) -> bytes:
        return self._pickled[number]

    def add(self, found: type) -> int | None:
        """Its number. None: there are too many."""
        pickled = cloudpickle.dumps(found)  # not with the lock: it may run whatever there is
        with self._lock:
            if found not in self._numbers and len(self._pickled) < MOST_CLASSES:
                self._numbers[found] = len(self._pickled)
                self._pickled.append(pickled)
            return self._numbers.get(found)


class Packer:
    """Packs the messages of one edge, for one thread at a time."""

    def __init__(
        self, codec: Codec, transmitter: DataTransmitter | None, version: int = 0, *, wait: bool
    ) -> None:
        transmitter = transmitter or BasicTransmitter()
        self.version = version
        self._frames, self._classes = codec.frames, codec.classes
        self._change = transmitter.transmit()
        self._plain = self._change is as_it_is
        changed_dropped = type(transmitter).dropped is not DataTransmitter.dropped
        self._drop = transmitter.dropped if changed_dropped else None
        self._from_bytes = transmitter.shared_from_bytes
        self._kind: object = (self._from_bytes, version) if self._plain else self
        self._wait = wait
        self._views: list[memoryview] = []
        self._is_small = partial(_is_small, self._from_bytes, self._views)
        # How often it is done so before it is tried otherwise; 0: it is not done.
        self._by_value = self._looks = self._vain = 0

    def pack(self, message: Message) -> Packed:
        """Raises whatever the transmitter, or what pickles the data, raises."""
        known: tuple[object, Packed, Any] | None = message.packed
        while known is not None:  # it was packed before it could go, or goes to several flows
            kind, packed, known = known
            if kind == self._kind:
                return packed if packed.number == message.number else packed._replace(number=message.number)
        packed = self._packed(message, message.data if self._plain else self._change(message.data))
        message.packed = self._kind, packed, message.packed
        return packed

    def dropped(self, some: Iterable[Packed]) -> None:
        """Tell the transmitter that these are not sent."""
        if self._drop is None:
            return
        for packed in some:
            with suppress(Exception):  # whatever it raises, they are
                if packed.version == self.version:
                    self._drop(pickle.loads(packed.pickled))  # noqa: S301 - our own

    def _packed(self, message: Message, data: Any) -> Packed:
        self._views.clear()
        if self._by_value or (self._looks and self._sees_large(data)):
            return self._packed_by_value(message, data)
        try:
            pickled = pickle.dumps(data, 5, buffer_callback=self._is_small)
        except _NOT_BY_NAME:
            packed = self._packed_by_value(message, data)
            self._by_value = BY_VALUE  # and not where it cannot be sent at all: that is slower
            return packed
        if len(pickled) >= self._from_bytes:
            if not self._vain:  # there may be bytes in it
                return self._packed_by_value(message, data)
            self._vain -= 1
        aside = self._aside() if self._views else ()
        return _new(Packed, (message.number, message.made_ns, pickled, aside, None, (), self.version))

    def _sees_large(self, data: Any) -> bool:
        """Whether there are large bytes, at a glance: else they would be copied once in vain."""
        found = _has_large_bytes(data, self._from_bytes)
        self._looks = VAIN if found else self._looks - 1
        return found

    def _packed_by_value(self, message: Message, data: Any) -> Packed:
        self._views.clear()
        file = io.BytesIO()
        pickler = _ByValue(file, self._is_small, self._classes, self._from_bytes)
        pickler.dump(data)
        self._views[:0] = pickler.whole
        whole, numbers = len(pickler.whole), tuple(pickler.numbers)
        self._by_value = BY_VALUE if numbers else max(0, self._by_value - 1)
        aside, pickled = self._aside(), file.getvalue()
        if whole:
            self._looks, self._vain = VAIN, 0
        elif len(pickled) >= self._from_bytes:
            self._vain = VAIN
        return Packed(message.number, message.made_ns, pickled, aside, whole, numbers, self.version)

    def _aside(self) -> Sequence[Aside]:
        views = list(self._views)
        self._views.clear()  # what is sent is let go as soon as it can be
        return [self._lent(view) if at < MOST_GRANTED else bytes(view) for at, view in enumerate(views)]

    def _lent(self, view: memoryview) -> Aside:
        lent = None if self._frames is None else self._frames.lend(view, wait=self._wait)
        return bytes(view) if lent is None else lent


class Codec:
    """What all edges of a flow pack with."""

    def __init__(self, frames: FrameSpace | None = None) -> None:
        self.frames = frames
        self.classes = Classes()

    def packer(
        self, transmitter: DataTransmitter | None = None, version: int = 0, *, wait: bool = False
    ) -> Packer:
        """For one edge; `wait`: rather than to copy a picture, wait a little for a slot."""
        return Packer(self, transmitter, version, wait=wait)


class Unpacker:
    """Makes messages of what came by one connection. For one thread."""

    def __init__(self) -> None:
        self._classes: dict[int, type] = {}

    def learn(self, number: int, pickled: bytes) -> None:
        self._classes[number] = cloudpickle.loads(pickled)

    def data(self, pickled: Buffer, aside: Sequence[memoryview], whole: int | None) -> Any:
        """Raises whatever the data raises: a module that is not there, say."""
        if whole is None:
            return pickle.loads(pickled, buffers=aside)  # noqa: S301 - of this pipe's own
        return _OfValue(pickled, aside, whole, self._classes).load()


def _is_small(from_bytes: int, views: list[memoryview], buffer: pickle.PickleBuffer) -> bool:
    view = buffer.raw()
    if view.nbytes < from_bytes:
        return True
    views.append(view)
    return False


def _has_large_bytes(data: Any, from_bytes: int) -> bool:
    """Whether pickle would copy bytes into its own that are worth to go aside; at the first glance."""
    values: Iterable[Any]
    if type(data) is dict:
        values = data.values()
    elif type(data) in _BYTES:
        values = (data,)
    else:
        values = getattr(data, "__dict__", _EMPTY).values()
    if _BYTES.isdisjoint(map(type, values)):  # nearly always, and in C
        return False
    return any(len(value) >= from_bytes for value in values if type(value) in _BYTES)


class _ByValue(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
    """Puts bytes aside as well, and classes that have no name elsewhere by their numbers."""

    def __init__(
        self,
        file: io.BytesIO,
        is_small: Callable[[pickle.PickleBuffer], bool],
        classes: Classes,
        from_bytes: int,
    ) -> None:
        super().__init__(file, 5, buffer_callback=is_small)
        self._classes, self._from_bytes = classes, from_bytes
        self.whole: list[memoryview] = []
        self._places: dict[int, int] = {}
        self.numbers: dict[int, None] = {}

    def persistent_id(self, obj: Any) -> tuple[int, bool] | None:
        if type(obj) not in _BYTES or len(obj) < self._from_bytes:
            return None
        place = self._places.setdefault(id(obj), len(self.whole))
        if place == len(self.whole):
            self.whole.append(memoryview(obj))
        return place, type(obj) is bytes

    def reducer_override(self, obj: Any) -> Any:
        number = self._classes.known(obj) if isinstance(obj, type) else None
        if number is None:
            reduced = super().reducer_override(obj)
            if reduced is NotImplemented or not isinstance(obj, type):
                return reduced
            number = self._classes.add(obj)
            if number is None:
                return reduced
        self.numbers[number] = None
        return class_of, (number,)


class _OfValue(pickle.Unpickler):
    """What `_ByValue` wrote."""

    def __init__(
        self, pickled: Buffer, aside: Sequence[memoryview], whole: int, classes: dict[int, type]
    ) -> None:
        super().__init__(io.BytesIO(pickled), buffers=aside[whole:])
        self._aside, self._classes = aside, classes

    def persistent_load(self, pid: tuple[int, bool]) -> bytes | bytearray:
        at, is_bytes = pid
        return bytes(self._aside[at]) if is_bytes else bytearray(self._aside[at])

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == _CLASS_OF:
            return self._classes.__getitem__
        return super().find_class(module, name)


def class_of(number: int) -> type:
    """Stands in a pickle for a class that its reader was told of."""
    raise pickle.UnpicklingError(f"expected to be read by a connection of its pipe, got class {number} alone")


_BYTES: Final[frozenset[type]] = frozenset({bytes, bytearray})
_EMPTY: Final[dict[str, Any]] = {}
_CLASS_OF: Final = (class_of.__module__, class_of.__name__)
