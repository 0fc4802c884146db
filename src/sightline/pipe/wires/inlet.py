"""What waits for one routine: a bounded line for each wire to it, so that no wire takes another's room.

Any thread may put and take; nobody waits here. A writer whose wire waits gets fewer messages taken than it
offered, and is told when there is room; a reader that found nothing is told when something came. Both are
told outside of the lock, by whatever thread made it so. Lines take turns; the order of one line is kept.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping, Sequence

from sightline.errors import ConfigError
from sightline.log import Repeated, get_logger
from sightline.overflow import BufferStats
from sightline.pipe.counts.accounts import END_WORDS
from sightline.pipe.counts.ledger import private
from sightline.pipe.message import UNREAD, Message
from sightline.pipe.settings import WireSettings
from sightline.pipe.wires.line import Line


def _nobody() -> None:
    """Told, and not interested."""


class Inlet:
    """The lines of one routine, each named after the routine that writes to it.

    Args:
        wires: that it has from the start, by the routine that writes to them.
        account: gives what the counts of the wire from a routine stand in.

    Attributes:
        on_items: called when a message came, or an end, after `take_many` gave nothing; the runner's.
        on_room: by source: called when its wire may have room again, for wires whose writers wait.
    """

    def __init__(
        self,
        wires: Mapping[str, WireSettings] | None = None,
        *,
        account: Callable[[str], memoryview] = lambda _source: private(END_WORDS),
    ) -> None:
        self.on_items: Callable[[], None] = _nobody
        self.on_room: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._hungry = True
        self._closed = False
        self._account = account
        self._lines = {
            source: Line(source, settings, account(source)) for source, settings in (wires or {}).items()
        }
        self._order = list(self._lines.values())
        self._unreadable = Repeated(get_logger("sightline.pipe"), "message cannot be read")

    def link(self, source: str, settings: WireSettings, edge: int = 0) -> None:
        """Have a wire from `source`, of this number, from now on; with new settings where there is one."""
        with self._lock:
            if source in self._lines:
                self._lines[source].link(settings)
            else:
                self._lines[source] = line = Line(source, settings, self._account(source))
                self._order = [*self._order, line]
            self._lines[source].edge = edge
            if self._closed:
                self._lines[source].close()
        self._tell_room(source)

    def unlink(self, source: str, edge: int = 0) -> None:
        """Have that wire from `source` no more; what waits in it is still taken. One in its place stays."""
        with self._lock:
            line = self._line(source)
            if line.edge == edge:
                line.gone = "unlinked"
        self._tell_room(source)
        self._feed()

    def put_many(self, messages: Sequence[Message], source: str, *, all_of_them: bool = False) -> int:
        """Offer messages of one wire, in order. How many it took; the others stay with the writer.

        A live wire takes all and drops by its rule; `all_of_them`: the others too, beyond their capacity.

        Raises:
            ConfigError: there never was a wire from `source`.
        """
        with self._lock:
            taken = self._line(source).offer(messages, all_of_them=all_of_them)
            hungry = self._hungry
            self._hungry = False
        if hungry:
            self.on_items()
        return taken

    def spoilt(self, source: str, count: int) -> None:
        """So many messages of `source` came of which nothing can be made."""
        with self._lock:
            self._line(source).spoilt(count)

    def words(self, source: str) -> memoryview:
        """The account of the wire from `source`."""
        return self._line(source).words

    def room(self, source: str) -> int:
        """How many messages of `source` it takes now with none dropped for want of room."""
        with self._lock:
            return self._line(source).room

    def crowded(self, source: str) -> bool:
        """Whether the next message of `source` costs one, at a glance: it takes no lock, and may be late."""
        return self._line(source).crowded

    def ended(self, source: str) -> None:
        """`source` has given its last."""
        with self._lock:
            self._line(source).ended = True
        self._feed()

    def take_many(self, most: int) -> list[Message]:
        """0 to `most` messages, whichever are next."""
        taken: list[Message] = []
        while not taken:
            with self._lock:
                served = self._serve(most)
                # Set under the lock, so that nothing comes unseen between finding nothing and waiting.
                self._hungry = not served
            if not served:
                break
            for line, some in served:
                taken += self._opened(line, some)
                self._tell_room(line.source)
        return taken

    @property
    def finished(self) -> bool:
        """Whether nothing is here, and nothing will come unless a wire is added."""
        with self._lock:
            linked = False
            for line in self._order:
                if line or not (line.ended or line.gone):
                    return False
                linked = linked or not line.gone
            return linked

    def close(self) -> None:
        """Drop all that is held and let nothing more in: the routine is over."""
        with self._lock:
            self._closed = True
            for line in self._order:
                line.close()
        for source in list(self.on_room):
            self._tell_room(source)
        self._unreadable.flush()

    @property
    def wires(self) -> int:
        """How many there are, or were and are not empty yet."""
        return sum(1 for line in self._order if line or not line.gone)

    def __len__(self) -> int:
        return sum(map(len, self._order))

    def stats(self) -> dict[str, BufferStats]:
        """The counts of each wire by its source, all taken at one moment."""
        with self._lock:
            return {source: line.stats() for source, line in self._lines.items()}

    def _serve(self, most: int) -> list[tuple[Line, list[Message]]]:
        """From the line that waited longest, then the next; who was served goes behind the others."""
        served: list[tuple[Line, list[Message]]] = []
        for line in self._order:
            if most and (some := line.take(most)):
                served.append((line, some))
                most -= len(some)
        if served and len(self._order) > 1:
            lines = [line for line, _ in served]
            self._order = [line for line in self._order if line not in lines] + lines
        return served

    def _opened(self, line: Line, messages: list[Message]) -> list[Message]:
        """Those of which data can be made. Without the lock: it may run whatever there is."""
        unreadable = 0
        for message in messages:
            if message.data is UNREAD:
                try:
                    message.data, message.packed = pickle.loads(message.packed), None  # noqa: S301 - our own
                except BaseException as error:  # noqa: BLE001 - of whoever's data; `sys.exit` ends nothing either
                    self._unreadable.add(source=message.source, number=message.number, error=repr(error))
                    unreadable += 1
        if unreadable:
            messages = [message for message in messages if message.data is not UNREAD]
        with self._lock:
            line.took(len(messages), unreadable)
        return messages

    def _feed(self) -> None:
        self._hungry = False
        self.on_items()

    def _tell_room(self, source: str) -> None:
        tell = self.on_room.get(source)
        if tell is not None:
            tell()

    def _line(self, source: str) -> Line:
        try:
            return self._lines[source]
        except KeyError:
            known = ", ".join(self._lines) or "none"
            raise ConfigError(f"no wire comes from {source} here: there are {known}") from None
