"""Deliveries out of an outbox by HTTP, on a thread of its own: signed, in order, one at a time, tried again.

Each attempt as a whole, from looking up the name to the answer's status, has one deadline, so that a receiver
that trickles is a receiver that failed. Of an answer only the status and `Retry-After` count; its body is
read, up to a bound, so that the connection can be used again. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

import httpx

from sightline import __version__
from sightline.clock import NS_PER_S, Clock
from sightline.errors import Closed, SinkError
from sightline.log import Repeated, get_logger, redact
from sightline.sink.delivery import Verdict, asked_s, delay_s, verdict_of
from sightline.sink.outbox import Delivery, Outbox, Reason
from sightline.sink.signature import HEADER, sign
from sightline.sink.target import Target

CLOSE_S: Final = 2.0
"""What `close` gives to what is still to be sent."""
DELIVERY: Final = "Sightline-Delivery"
_ANSWER_BYTES: Final = 64 * 1024
_ANSWER_S: Final = 1.0


class Batching(NamedTuple):
    """How results become deliveries: so many at most, or what there is so long after the first."""

    results: int
    wait_s: float


class _Answer(NamedTuple):
    verdict: Verdict
    told: str
    asked_s: float = 0.0


class Poster:
    """Sends what is in `outbox` from when it is made until it is closed.

    Attributes:
        attempts: requests that were begun.
        failures: attempts that were not taken, refused ones too, and times that the outbox could not be used.
        trouble: why what waits did not get through yet; empty while nothing is wrong.
    """

    def __init__(
        self,
        target: Target,
        outbox: Outbox,
        secret: str,
        batching: Batching,
        *,
        timeout_s: float,
        trust: ssl.SSLContext,
        clock: Clock,
    ) -> None:
        self._target = target
        self._outbox = outbox
        self._secret = secret
        self._batching = batching
        self._timeout_s = timeout_s
        self._trust = trust
        self._clock = clock
        self.attempts = 0
        self.failures = 0
        self.trouble = ""
        self._failed_in_a_row = 0
        self._log = get_logger("sightline.sink")
        self._not_delivered = Repeated(self._log, "webhook not delivered, it is tried again", clock=clock)
        self._refused = Repeated(self._log, "webhook refused, the delivery is dropped", clock=clock)
        self._loop = asyncio.new_event_loop()
        self._woken = asyncio.Event()
        self._limit: asyncio.Timeout | None = None
        self._ends_at_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is more in the outbox."""
        self._loop.call_soon_threadsafe(self._woken.set)

    def close(self) -> None:
        """Send what can be sent within `CLOSE_S` and end. The rest stays in the outbox."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # it ended by itself meanwhile
                self._loop.call_soon_threadsafe(self._hurry)
            self._thread.join(CLOSE_S + 1)
        self._not_delivered.flush()
        self._refused.flush()

    # On the thread

    def _run(self) -> None:
        with suppress(Closed), asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._limit = asyncio.timeout_at(self._ends_at_s)
        with suppress(TimeoutError):
            async with self._limit, self._client() as client:
                while await self._gathered() and await self._rested(await self._step(client)):
                    pass

    def _hurry(self) -> None:
        self._ends_at_s = self._loop.time() + CLOSE_S
        if self._limit is not None:
            self._limit.reschedule(self._ends_at_s)
        self._woken.set()

    def _client(self) -> httpx.AsyncClient:
        user, password = self._target.username, self._target.password
        return httpx.AsyncClient(
            auth=httpx.BasicAuth(user, password) if user or password else None,
            headers={"Content-Type": "application/json", "User-Agent": f"sightline/{__version__}"},
            verify=self._trust,
            timeout=None,  # noqa: S113  each attempt has a deadline as a whole
            follow_redirects=False,
        )

    async def _gathered(self) -> bool:
        """Waits for a batch, or what comes in its time. False: nothing is left, and no more comes."""
        await self._until(lambda: self._outbox.held > 0)
        await self._until(lambda: self._outbox.held >= self._batching.results, self._batching.wait_s)
        return self._outbox.held > 0 or self._ends_at_s is None

    async def _rested(self, delay_s: float) -> bool:
        """Waits so long. False: the end comes before that."""
        due_s = self._loop.time() + delay_s
        await self._until(lambda: False, delay_s)
        if self._ends_at_s is not None and self._ends_at_s < due_s:
            return False
        await asyncio.sleep(max(0.0, due_s - self._loop.time()))
        return True

    async def _until(self, holds: Callable[[], bool], timeout_s: float | None = None) -> None:
        """Waits for a condition, at most so long, and no longer once the end is near."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not holds() and self._ends_at_s is None:
                    self._woken.clear()
                    await self._woken.wait()

    async def _step(self, client: httpx.AsyncClient) -> float:
        """One attempt. Gives the seconds to rest before the next."""
        try:
            delivery = self._outbox.begin(self._batching.results)
            return 0.0 if delivery is None else self._settled(await self._post(client, delivery))
        except SinkError as error:
            return self._failed(str(error))

    def _settled(self, answer: _Answer) -> float:
        if answer.verdict is Verdict.AGAIN:
            return self._failed(answer.told, answer.asked_s)
        refused = answer.verdict is Verdict.REFUSED
        self._outbox.end(Reason.REFUSED if refused else None)
        self._failed_in_a_row, self.trouble = 0, ""
        if refused:
            self.failures += 1
            self._refused.add(to=self._target.shown, error=answer.told)
        return 0.0

    def _failed(self, why: str, asked_s: float = 0.0) -> float:
        self.failures += 1
        self._failed_in_a_row += 1
        self.trouble = redact(why)
        self._not_delivered.add(to=self._target.shown, error=self.trouble, waiting=self._outbox.held)
        return delay_s(self._failed_in_a_row, asked_s)

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery) -> _Answer:
        self.attempts += 1
        body = body_of(delivery)
        at_s = self._clock.utc_ns() // NS_PER_S
        headers = {HEADER: sign(body, self._secret, at_s), DELIVERY: delivery.id}
        answer = None
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                client.stream("POST", self._target.url, content=body, headers=headers) as response,
            ):
                answer = self._answer(response)
                await _drain(response)
        except TimeoutError:
            return answer or _Answer(Verdict.AGAIN, f"no answer within {self._timeout_s:g} s")
        except Exception as error:  # noqa: BLE001  whatever the library raises, the delivery did not go out
            return answer or _Answer(Verdict.AGAIN, str(error) or type(error).__name__)
        return answer

    def _answer(self, response: httpx.Response) -> _Answer:
        return _Answer(
            verdict_of(response.status_code),
            f"answered {response.status_code}",
            asked_s(response.headers.get("Retry-After"), self._clock.utc_ns()),
        )


def body_of(delivery: Delivery) -> bytes:
    """`{"delivery": "...", "results": [...]}`. The id is within it so that the signature covers it."""
    return b'{"delivery":"%b","results":[%b]}' % (delivery.id.encode(), b",".join(delivery.results))


async def _drain(response: httpx.Response) -> None:
    """Reads what is left of an answer, if it is short and comes soon; else the connection is given up."""
    left = _ANSWER_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_ANSWER_S):
            async for chunk in response.aiter_raw():
                left -= len(chunk)
                if left < 0:
                    return
