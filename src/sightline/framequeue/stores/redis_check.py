"""What is wrong with how a Redis is set for keeping pictures, and the line that mends it.

Reads `INFO`, and `CONFIG` where that is allowed; providers often forbid it, and what cannot be read is said.
Each line may stand in `redis.conf`, or after `redis-cli CONFIG SET`.

Pure but for `advice`. Changes nothing at the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from redis.exceptions import ResponseError

from sightline.framequeue.store import Advice
from sightline.framequeue.stores.redis_line import RedisLine

ROOM: Final = 1.5
"""Memory for each byte of pictures: allocators round up by a fifth, results and clients want some, too."""
_OLDEST: Final = (6, 2)
_EACH_S: Final = 60
"""Snapshots less often than that are too few."""
_ALWAYS: Final = "appendonly yes\nappendfsync always"


def advice(line: RedisLine, limit: int | None) -> list[Advice]:
    """What to set otherwise at that server, for a budget of `limit` bytes."""
    info, config = line.ask(("INFO",), ("CONFIG GET", "*"))
    if isinstance(info, ResponseError):
        return [Advice(f"how {line.name} is set cannot be read: it refuses INFO and CONFIG to this user")]
    said = {name: str(value) for name, value in info.items()}
    return list(found(said, None if isinstance(config, ResponseError) else config, limit))


def found(info: Mapping[str, str], config: Mapping[str, str] | None, limit: int | None) -> Iterator[Advice]:
    """The same of what `INFO` and `CONFIG GET *` said; None: it may not be read."""
    yield from _of_version(info)
    yield from _of_memory(info, limit)
    yield from _of_persistence(info, config)


def _of_version(info: Mapping[str, str]) -> Iterator[Advice]:
    version = info.get("redis_version", "0.0")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < _OLDEST:
        yield Advice(f"expected Redis 6.2 or newer, got {version}")
    if info.get("cluster_enabled") == "1":
        yield Advice("this is a cluster, and a store is within one server", "cluster-enabled no")
    if info.get("role", "master") != "master":
        yield Advice("this is a replica: nothing can be stored here", "replicaof no one")


def _of_memory(info: Mapping[str, str], limit: int | None) -> Iterator[Advice]:
    most = int(info.get("maxmemory", "0"))
    wanted = int((limit or most / ROOM) * ROOM)
    if limit is None:
        yield Advice("the store has no budget: the first camera to send too much takes all memory there is")
    if not most:
        line = f"maxmemory {wanted}" if wanted else "maxmemory 512mb"
        yield Advice("Redis has no limit of memory: the system ends it when there is none left", line)
    elif wanted > most:
        yield Advice(
            f"a budget of {limit} bytes wants {wanted} bytes of memory, and Redis may use {most}: it refuses "
            f"pictures before the budget is reached",
            f"maxmemory {wanted}",
        )
    if (policy := info.get("maxmemory_policy", "noeviction")) != "noeviction":
        yield Advice(
            f"at its limit Redis drops what it likes ({policy}), claims and counts too, and nobody is told",
            "maxmemory-policy noeviction",
        )


def _of_persistence(info: Mapping[str, str], config: Mapping[str, str] | None) -> Iterator[Advice]:
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        yield Advice("the last snapshot could not be written; see the server's log and its disk")
    if info.get("aof_last_write_status", "ok") != "ok":
        yield Advice("the last write to the append-only file failed; see the server's log and its disk")
    if info.get("aof_enabled") == "1":
        yield from _of_fsync(config)
    elif config is None:
        yield Advice(
            "what Redis keeps when it is killed cannot be read (CONFIG is refused): no append-only file, "
            "so no more than its last snapshot has",
            _ALWAYS,
        )
    else:
        yield _of_snapshots(config.get("save", ""))


def _of_fsync(config: Mapping[str, str] | None) -> Iterator[Advice]:
    how = None if config is None else config.get("appendfsync", "")
    if how is None:
        yield Advice("whether the append-only file is always on the disk cannot be read: CONFIG is refused")
    elif how != "always":
        lost = "the last second" if how == "everysec" else "what the system had not written yet"
        yield Advice(f"{lost} is lost in a power cut (appendfsync {how})", "appendfsync always")


def _of_snapshots(save: str) -> Advice:
    """`save` is seconds and changes, in turn; one camera alone makes more than a change a second."""
    words = [int(word) for word in save.split()]
    seconds = [each for each, changes in zip(words[::2], words[1::2], strict=True) if changes <= each]
    if not seconds:
        return Advice(
            "Redis keeps nothing: all is lost when it ends; with snapshots (save 60 1) the last minute is",
            _ALWAYS,
        )
    if min(seconds) > _EACH_S:
        return Advice(
            f"the pictures of {min(seconds)} s and more are lost when Redis is killed: so rare are snapshots",
            f"save {_EACH_S} 1",
        )
    return Advice(f"the pictures of up to {min(seconds)} s are lost when Redis is killed", _ALWAYS)
