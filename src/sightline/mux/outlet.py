"""Where messages go on to: a bus and a schema, and what the bus did not take.

A message that the bus does not take with its result goes on without it. One that it does not take at all is
counted and logged, and nothing stops for it. Without a bus messages go nowhere.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sightline.bus import Bus, Message
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BufferFull, BusError, SightlineError
from sightline.log import Repeated, get_logger
from sightline.mux.schema import OutputFunction, OutputSchema, schema_of
from sightline.mux.values import Results


class Tally:
    """Of one camera's messages: those that were sent, those that were not, and those sent without a result
    because they were too large with it.
    """

    def __init__(self) -> None:
        self.sent = self.unsent = self.too_large = 0


class Outlet:
    """One thread sends; any may prepare results."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._bus: Bus | None = None
        self._schema: OutputSchema = schema_of("packet")
        self._untold: SightlineError | None = None
        self._trouble = Repeated(
            get_logger("sightline.mux"), "a message was not sent on as it should be", clock=clock
        )

    def connect(self, bus: Bus | None, schema: str | OutputFunction) -> None:
        """Messages go there from now on; None: nowhere. Raises ConfigError where there is no such schema."""
        self._schema = schema_of(schema)
        self._bus = bus

    def prepare(self, results: Results) -> Any:
        """Results as `send` wants them. Raises WireError where they cannot be written."""
        # In a tuple, as the user's own schema may be given nothing at all.
        return (self._schema.prepare(results),)

    def send(self, camera_id: str, topic: str | None, message: Message, prepared: Any, tally: Tally) -> None:
        """Send a message on with what `prepare` gave, or None for no result."""
        if self._bus is None or topic is None:
            return
        try:
            self._publish(self._bus, topic, message, prepared, tally)
        except BufferFull as error:
            self._tell(camera_id, message, error)
            if prepared is None:
                tally.unsent += 1
                return
            tally.too_large += 1
            self.send(camera_id, topic, message, None, tally)
        except SightlineError as error:
            tally.unsent += 1
            self._tell(camera_id, message, error)

    def failure_once(self) -> SightlineError | None:
        """What the bus did not take of late, told once."""
        failure, self._untold = self._untold, None
        return failure

    def close(self) -> None:
        """Tells the log what it was not told yet."""
        self._trouble.flush()

    def _publish(self, bus: Bus, topic: str, message: Message, prepared: Any, tally: Tally) -> None:
        outgoing = self._schema.compose(message, None if prepared is None else prepared[0])
        if outgoing is None:
            return
        send = partial(
            bus.publish,
            topic,
            outgoing.value,
            key=message.key,
            headers=outgoing.headers,
            keyframe=message.keyframe,
        )
        try:
            send()
        except BusError as error:  # of an earlier message of this topic, as a rule: this one was not sent
            self._tell(message.topic, message, error)
            send()
            tally.unsent += 1
            tally.sent -= 1
        tally.sent += 1

    def _tell(self, camera_id: str, message: Message, error: SightlineError) -> None:
        self._untold = error
        self._trouble.add(camera=camera_id, offset=message.offset, error=str(error))
