"""Steering a mux by messages: a `Control` reads requests off a topic, acts, and answers.

It promises that every message has its turn and none ends it: what is no request, or asks for what fails, is
counted, logged and, where it had an id, answered. A request that comes again within ten minutes is answered
again and not done again. Several instances may hear one topic; a request names one of them, or all do it.

Acts run one after another in the control's own thread, so one that takes long delays the next. What it does
not do: it asks nobody who they are. Who may write to the topic may steer, and that is the broker's business.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from sightline.bus import Consumer, Event, Gained, Gap, Message, Start, open_log
from sightline.bus.kafka_address import kafka_url
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BusError, Closed, ConfigError, SightlineError, WireError
from sightline.log import Repeated, get_logger
from sightline.mux.acts import BUILT_IN, Act
from sightline.mux.answered import Answered
from sightline.mux.requests import REPLIES, Id, Reply, Request, reply_bytes, request_of, said
from sightline.mux.steered import CameraState, Steered

__all__ = ["CameraState", "Control", "ControlStats", "Steered"]

_MOST: Final = 64
_POLL_S: Final = 0.5
_READY_S: Final = 30.0
_END_S: Final = 5.0
_AGAIN_S: Final = 2.0
_BESIDE_BYTES: Final = 1024  # what of a message's bound is left to its key and its broker


class ControlStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a control did; every message that it read is counted by one of these, but for the last.

    Attributes:
        acted: done.
        failed: the act raised.
        unknown: there is no such action.
        repeated: came again, and were answered as before.
        for_others: named another instance.
        filtered: the filter did not want them.
        refused: are no requests, have the id of another one, or the filter failed.
        unanswered: answers that the broker did not take.
    """

    acted: int = 0
    failed: int = 0
    unknown: int = 0
    repeated: int = 0
    for_others: int = 0
    filtered: int = 0
    refused: int = 0
    unanswered: int = 0


class Control:
    """Acts on what is asked on `topic`, from when it is made until `kill`.

    Args:
        topic: where requests come, one partition.
        bootstrap_servers: `host:port` of Kafka, one or several, or the URL of any log.
        acts: by action; each is called with `comux` and the request's value. One that is named as a built-in
            act takes its place.
        comux: what is steered. The built-in acts need a `Steered`.
        filter: asked of each message; those that it does not want are passed over.
        reply_topic: where answers go; the topic with `.replies` behind it when left out.
        name: by which requests can mean this instance; one that no other has when left out.
        start: "earliest" to do first what the log still has.
        clock: tells how long ago a request was answered.

    Raises:
        ConfigError: the address or a topic is wrong.
        Unsupported: the bus is no log.
        BusError: the broker cannot be reached.
    """

    def __init__(
        self,
        topic: str,
        bootstrap_servers: str | Iterable[str],
        acts: Mapping[str, Act] | None,
        comux: Any,
        *,
        filter: Callable[[Message], bool] | None = None,  # noqa: A002 - as people know it
        reply_topic: str | None = None,
        name: str | None = None,
        start: Start = "latest",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.topic = topic
        self.acts: dict[str, Act] = {**BUILT_IN, **(acts or {})}
        self.comux = comux
        self.reply_topic = reply_topic or topic + REPLIES
        self.name = name or f"{socket.gethostname()}-{secrets.token_hex(3)}"
        self._filter = filter
        self._start = start
        self._clock = clock
        self._answered = Answered()
        self._counts: Counter[str] = Counter()
        self._offset: int | None = None
        self._returning = False
        self._logger = get_logger("sightline.control").bind(topic=topic, instance=self.name)
        self._trouble = Repeated(self._logger, "control message was not acted on", clock=clock)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        if self.reply_topic == topic:
            raise ConfigError(f"expected another reply topic than that of the requests, got {topic} for both")
        self.connect(bootstrap_servers)
        self.sub()
        self.run()

    def connect(self, bootstrap_servers: str | Iterable[str]) -> None:
        """Opens the broker; what a control listened to before, it leaves. Then come `sub` and `run`.

        The constructor has called all three.
        """
        if self._thread is not None:
            self.kill()
        self._url = kafka_url(bootstrap_servers)
        self._offset = None
        self._log = open_log(self._url)

    def sub(self) -> None:
        """Begins to read the topic, and waits until all that is asked from now on will be heard."""
        try:
            self._consumer = self._ready_consumer()
        except BaseException:
            self._log.close()
            raise

    def run(self) -> None:
        """Starts the thread that listens."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._listen, name=f"control-{self.topic}", daemon=True)
        self._thread.start()

    def act(self, action: str, value: Any) -> Any:
        """What the act of that name gives for `value`; it raises what the act raises.

        Where there is no such act, the text that says so.
        """
        if action not in self.acts:
            return f"✘ No action '{action}' defined!"
        return self.acts[action](self.comux, value)

    @property
    def topic_last_offset(self) -> int | None:
        """The offset of the topic's newest message; None for none, or where the broker cannot tell."""
        try:
            ends = self._log.ends(self.topic).get(self.topic)
        except SightlineError:
            return None
        return ends.next - 1 if ends is not None and ends.next else None

    @property
    def offset(self) -> int | None:
        """The offset of the newest message that was read; None before the first."""
        return self._offset

    def stats(self) -> ControlStats:
        return ControlStats(**self._counts)

    def kill(self) -> None:
        """Ends the thread, and reading. An act may call it, and is still answered. Again is allowed."""
        if not self._ending.is_set():
            self._ending.set()
            self._consumer.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_END_S)
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _ready_consumer(self) -> Consumer:
        consumer = self._log.consume(self.topic, start=self._start, on_event=self._told)
        if not consumer.ready(_READY_S):
            raise BusError(f"expected to read topic {self.topic} within {_READY_S:g} s")
        return consumer

    # In the thread.

    def _listen(self) -> None:
        while not self._ending.is_set():
            try:
                for message in self._consumer.poll(_MOST, _POLL_S):
                    if self._ending.is_set():
                        break
                    self._hear(message)
            except Closed:  # by `kill`
                break
            except SightlineError as error:
                self._logger.warning("control lost its broker", error=said(error))
                while not self._ending.wait(_AGAIN_S) and not self._is_back():
                    pass
        self._close()

    def _is_back(self) -> bool:
        """Whether the broker could be opened anew; then reading goes on where it stopped."""
        self._close()
        self._returning = True
        try:
            self._log = open_log(self._url)
            self.sub()
        except SightlineError as error:
            self._logger.warning("control still has no broker", error=said(error))
            return False
        return True

    def _told(self, consumer: Consumer, event: Event) -> None:
        if isinstance(event, Gap):
            self._logger.warning("control messages may be lost", reason=event.reason, next=event.next)
        elif isinstance(event, Gained) and self._returning:
            self._returning = False
            if self._offset is not None:
                consumer.seek(self.topic, self._offset + 1)

    def _close(self) -> None:
        self._trouble.flush()
        try:
            self._log.close()
        except SightlineError as error:
            self._logger.warning("control's broker did not take all answers", error=said(error))

    def _hear(self, message: Message) -> None:
        self._offset = message.offset
        try:
            outcome = self._outcome(message)
        except BaseException as error:  # noqa: BLE001  the filter's; as with an act, see below
            outcome = "refused"
            self._trouble.add(offset=message.offset, error=said(error))
        self._counts[outcome] += 1

    def _outcome(self, message: Message) -> str:
        if self._filter is not None and not self._filter(message):
            return "filtered"
        request = request_of(message)
        if request.to not in {None, self.name}:
            return "for_others"
        if request.id is None:
            return self._done(request)[0]
        outcome, answer = self._answer(message, request, request.id)
        self._publish(request.action, answer)
        return outcome

    def _answer(self, message: Message, request: Request, request_id: Id) -> tuple[str, bytes]:
        try:
            known = self._answered.to(message, request_id, self._clock.monotonic_ns())
        except WireError as error:
            self._trouble.add(offset=message.offset, error=str(error))
            return "refused", self._written(request_id, ok=False, told=str(error))
        if known is not None:
            return "repeated", known
        outcome, told = self._done(request)
        answer = self._written(request_id, ok=outcome == "acted", told=told)
        self._answered.keep(message, request_id, answer, self._clock.monotonic_ns())
        return outcome, answer

    def _done(self, request: Request) -> tuple[str, Any]:
        try:
            told = self.act(request.action, request.value)
        # All of them: no signal raises in this thread, so a SystemExit here is the act's own, and would end
        # this thread alone, in silence.
        except BaseException as error:  # noqa: BLE001
            self._trouble.add(action=request.action, id=request.id, error=said(error))
            return "failed", said(error)
        if request.action in self.acts:
            self._logger.info("acted", action=request.action, id=request.id)
            return "acted", told
        self._trouble.add(action=request.action, id=request.id, error=told)
        return "unknown", told

    def _written(self, request_id: Id, *, ok: bool, told: Any) -> bytes:
        result, error = (told, None) if ok else (None, told)
        reply = Reply(id=request_id, by=self.name, ok=ok, result=result, error=error)
        return reply_bytes(reply, self._log.max_message_bytes - _BESIDE_BYTES)

    def _publish(self, action: str, answer: bytes) -> None:
        try:
            self._log.publish(self.reply_topic, answer, key=action.encode())
        except SightlineError as error:
            self._counts["unanswered"] += 1
            self._trouble.add(action=action, error=said(error))
