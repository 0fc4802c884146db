"""The store in Redis (6.2 or newer), for samplers and workers on many machines.

Each call is one trip, and one step within the server: a script keeps the budget, the claims and the counts by
the server's own clock, whoever else is at it. A `put` of many pictures is a trip for each MiB of them. What
waits in the server too old goes by Redis itself, too, so that nothing stays where all processes are dead.

    SET frames:door:1789000000123:...:jpeg ...      a picture is a plain value, its key is the frame's
    frames::...                                     what is known of it; redis.lua has the names

Bytes go beside the script, which would copy them: in under a passing name, to which the script gives the
picture's; out by a plain read after it in the same trip, so that who claims what another has is sent it for
nothing. What is left on its way by a client that dies, or by a try that breaks off, goes by itself, in twice
`timeout_s` or 10 s; it is in no budget, and each time no more than a step (1 MiB, or one larger picture).

Two systems share a Redis under two names. A user needs no more than
`on >PASSWORD ~NAME:* resetchannels -@all +@read +@write +@scripting +@connection +time +info`;
with `+config|get` as well, `check` knows more.

Does not do: keep anything that its server does not. What that keeps through a crash `check` tells. A call
whose answer is lost is made again and counts once; what went for its pictures is then counted, not told.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Sequence
from functools import partial
from importlib import resources
from types import TracebackType
from typing import Any, Final, Self, TypeAlias
from urllib.parse import quote, unquote

from sightline.errors import ConfigError
from sightline.framequeue.key import NAMESPACE, FrameKey, checked_namespace
from sightline.framequeue.reason import checked_reason
from sightline.framequeue.store import (
    DONE_TTL_S,
    Advice,
    Busy,
    CameraUsage,
    Claim,
    Claimed,
    Done,
    Gone,
    Put,
    Refusal,
    StoreUsage,
    Swept,
    Taking,
    checked_frames,
    checked_many,
    checked_result,
    checked_time,
    checked_worker,
)
from sightline.framequeue.stores.memory import LIMIT_BYTES
from sightline.framequeue.stores.redis_check import advice
from sightline.framequeue.stores.redis_line import Command, RedisLine, Trip

TIMEOUT_S: Final = 10.0
"""Of a call where nobody says another."""
_STEP_BYTES: Final = 2**20
_STEP_KEYS: Final = 100  # so that no script takes long
_PASSING_S: Final = 10  # for bytes on their way whose client died; above the time that a call takes
_COUNTS: Final = CameraUsage.__struct_fields__
_MAX_MS: Final = 10**13

Picture: TypeAlias = tuple[FrameKey, bytes]


class RedisStore:
    """One handle. `sightline.framequeue.FrameStore` says what its methods do.

    Nothing is asked of the server before the first call.

    Args:
        url: `redis://[user:password@]host[:port][/database]`, `rediss://...?ssl_ca_certs=PATH` for TLS.
        name: of the store; all its names in Redis begin with `name:`.
        limit_bytes: the budget, from this handle's next picture on for all who use the store; None: there is
            none, and what the server has is the limit.
        done_ttl_s: how long a key that this handle finished is remembered.
        timeout_s: how long a call takes at most, about; then it raises BusError.

    Raises:
        ConfigError: one of these is none.
        MissingExtra: redis is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = NAMESPACE,
        limit_bytes: int | None = LIMIT_BYTES,
        done_ttl_s: float = DONE_TTL_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        if limit_bytes is not None and limit_bytes < 1:
            raise ConfigError(f"expected a budget of at least 1 byte, got {limit_bytes}")
        self._name = checked_namespace(name)
        self._limit = limit_bytes
        self._state = f"{name}::state"
        self._done_ttl_ms = _ms(checked_time("a time to remember what is done", done_ttl_s))
        script = resources.files(__package__).joinpath("redis.lua").read_text("utf-8")
        self._passing_ms = _ms(max(_PASSING_S, 2 * timeout_s))
        self._line = RedisLine(url, timeout_s=checked_time("a time to answer", timeout_s), script=script)

    def put(self, frames: Sequence[tuple[FrameKey, bytes]], ttl_s: float | None) -> list[Put]:
        checked_frames(frames)
        settings = self._limit or "", "" if ttl_s is None else _ms(checked_time("a time to live", ttl_s))
        puts: list[Put] = []
        gone: list[FrameKey] = []  # for the picture that is next
        while len(puts) < len(frames):
            step = _step(frames, len(puts))
            [answers] = self._line.go(self._state, partial(self._staged, step, *settings))
            for (key, _), (what, *evicted) in zip(step, answers, strict=False):
                gone += map(_key, evicted)
                if what != b"more":
                    puts.append(Put(key, _refusal(what), tuple(gone)))
                    gone = []
        return puts

    def peek(self, key: FrameKey) -> bytes | None:
        there, data = self._read(("peek", str(key)), ("GET", self._picture(key)))
        return data if there else None

    def getdel(self, key: FrameKey) -> bytes | None:
        taken = f"{self._name}::taken:{_call_id()}"
        data: bytes | None
        # Whatever the script says: it may have run in an earlier try that broke off before this was read.
        _, data = self._read(("getdel", str(key), taken, self._passing_ms), ("GETDEL", taken))
        return data

    def delete(self, keys: Iterable[FrameKey]) -> int:
        texts = [str(key) for key in keys]
        steps = range(0, len(texts), _STEP_KEYS)
        return sum(self._run([("delete", *texts[at : at + _STEP_KEYS]) for at in steps]))

    def claim(self, key: FrameKey, worker: str, lease_s: float) -> Taking:
        checked_worker(worker)
        lease_ms = _ms(checked_time("a lease", lease_s))
        words = "claim", str(key), worker, lease_ms, _call_id()
        answer, data = self._read(words, ("GET", self._picture(key)))
        match answer:
            case [b"claimed", token, attempts, reason]:
                return self._claimed(Claim(key, int(token), worker, attempts, reason.decode()), data)
            case [b"busy", for_ms, by]:
                return Busy(for_ms / 1000, by.decode())
            case [b"done", result]:
                return Done(result)
            case _:
                return Gone()

    def extend(self, claim: Claim, lease_s: float) -> bool:
        lease_ms = _ms(checked_time("a lease", lease_s))
        return bool(self._do("extend", str(claim.key), claim.token, lease_ms))

    def give_back(self, claim: Claim, reason: str = "") -> bool:
        return bool(self._do("give_back", str(claim.key), claim.token, checked_reason(reason), _call_id()))

    def bury(self, claim: Claim, reason: str, ttl_s: float) -> bool:
        ttl_ms = _ms(checked_time("a time to keep what is dead", ttl_s))
        words = claim.token, checked_reason(reason), _call_id(), ttl_ms
        return bool(self._do("bury", str(claim.key), *words))

    def finish(self, claim: Claim, result: bytes = b"") -> bool:
        words = claim.token, checked_result(result), self._done_ttl_ms, _call_id()
        return bool(self._do("finish", str(claim.key), *words))

    def sweep(self, orphan_age_s: float | None = None) -> Swept:
        age = "" if orphan_age_s is None else _ms(checked_time("an age of orphans", orphan_age_s))
        leases = expired = orphans = marks = 0
        more = 1
        while more:
            more, *seen = self._do("sweep", age)
            leases, expired, orphans, marks = (
                one + other for one, other in zip((leases, expired, orphans, marks), seen, strict=True)
            )
        return Swept(leases=leases, expired=expired, orphans=orphans, marks=marks)

    def overdue(self, after_s: float, limit: int) -> list[FrameKey]:
        after_ms = _ms(checked_time("a time after which a key is overdue", after_s))
        told: list[bytes] = []
        for at in range(0, checked_many(limit), _STEP_KEYS):
            asked = min(_STEP_KEYS, limit - at)
            some = self._do("overdue", after_ms, asked)
            told += some
            if not some:
                break
        return [_key(text) for text in told]

    def last_captured_ms(self, camera_id: str) -> int | None:
        [captured] = self._line.ask(("HGET", f"{self._name}::camera:{quote(camera_id, safe='')}", "captured"))
        return None if captured is None else int(captured)

    def usage(self) -> StoreUsage:
        answer = self._do("usage", *_COUNTS)
        while answer[0]:  # more is too old than one step lets go
            answer = self._do("usage", *_COUNTS)
        _, limit, claimed, marks, *cameras = answer
        return StoreUsage(
            cameras={
                unquote(name.decode()): CameraUsage(
                    **{what: int(n or 0) for what, n in zip(_COUNTS, counts, strict=True)}
                )
                for name, counts in cameras
            },
            limit=self._limit if limit is None else int(limit or 0) or None,
            claimed=claimed,
            marks=marks,
        )

    def check(self) -> list[Advice]:
        return advice(self._line, self.usage().limit)

    def close(self) -> None:
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _claimed(self, claim: Claim, data: bytes | None) -> Claimed | Gone:
        if data is not None:
            return Claimed(claim, data)
        # Somebody deleted or took it in between; it is asked for, so that what Redis let go of is counted.
        self._run([("peek", str(claim.key)), ("give_back", str(claim.key), claim.token, "", _call_id())])
        return Gone()

    def _staged(self, step: Sequence[Picture], limit: int | str, ttl: int | str) -> Trip:
        """Stores pictures: sets their bytes under names that go by themselves, for the script to rename."""
        staged = f"{self._name}::staged:{_call_id()}:"
        bring = [("SET", f"{staged}{n}", data, "PX", self._passing_ms) for n, (_, data) in enumerate(step, 1)]
        return Trip([("put", limit, ttl, staged, *(str(key) for key, _ in step))], before=bring)

    def _picture(self, key: FrameKey) -> str:
        """Where its bytes are."""
        text = str(key)
        return text if text.startswith(f"{self._name}:") else f"{self._name}:{text}"

    def _read(self, words: Command, reading: Command) -> list[Any]:
        """What the script answers, and what is read after it."""
        return self._line.go(self._state, lambda: Trip([words], after=[reading]))

    def _do(self, *words: str | bytes | int) -> Any:
        [answer] = self._run([words])
        return answer

    def _run(self, calls: Sequence[Command]) -> list[Any]:
        return self._line.run(self._state, calls)


def _step(frames: Sequence[Picture], begin: int) -> list[Picture]:
    """What one run of the script stores: so many bytes and keys that others need not wait for long."""
    step: list[Picture] = []
    held = 0
    for frame in frames[begin : begin + _STEP_KEYS]:
        held += len(frame[1])
        if step and held > _STEP_BYTES:
            break
        step.append(frame)
    return step


def _refusal(what: bytes) -> Refusal | None:
    return None if what == b"stored" else Refusal(what.decode())


def _key(text: bytes) -> FrameKey:
    return FrameKey.parse(text.decode())


def _ms(seconds: float) -> int:
    return min(math.ceil(seconds * 1000), _MAX_MS)


def _call_id() -> str:
    """By which the script knows a call whose answer was lost and that is made again."""
    return secrets.token_hex(8)
