"""The frame queue as the document has it that it grew out of: five functions over Redis and RabbitMQ.

A producer stores a picture, and sends its key; a consumer takes the key, then the picture, and works on it.
Here they are on what the rest of this package is made of: keys are those of `FrameKey`, a picture is claimed
and goes when it was worked on, connections are kept, and a key counts as sent when the broker has it.

Where a host is asked for, `host`, `host:port` or a whole URL with user and password will do; where a Redis
client is, the URL of a store as well. `save_frame_loop`, which opens a camera, is in `sightline.site`.

Does not do: anything that `FrameFeed` and `Worker` do not do better. It is for programs that are there.
"""

from __future__ import annotations

import atexit
import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from sightline.errors import BusError, ConfigError, WireError
from sightline.framequeue.image import decode, encode
from sightline.framequeue.key import FrameKey
from sightline.framequeue.opening import open_queue, open_store
from sightline.framequeue.store import Busy, Claimed, FrameStore
from sightline.framequeue.work.worker import Worker
from sightline.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.frame import Image
    from sightline.framequeue.queue import KeyQueue
    from sightline.framequeue.work.hand import TakenFrame

T = TypeVar("T", "FrameStore", "KeyQueue")

HOST: Final = "localhost"
QUEUE: Final = "frame_queue"
LEASE_S: Final = 30.0
_FILES: Final = ("memory:", "sqlite:")

RedisClient: TypeAlias = Any
"""A `redis.Redis`, the URL of a store, or a `FrameStore`."""

_LOG: Final = get_logger("sightline.framequeue")
_ENDINGS: Final = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "raw": ".png"}
_OF_TLS: Final = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_cert_reqs",
    "ssl_check_hostname",
)


def send_key_to_queue(rabbitmq_host: str, queue_name: str, frame_key: str | FrameKey) -> None:
    """Sends a key, and returns when the broker has it; the connection is kept for the next one.

    Raises:
        BusError: the broker cannot be reached, or the queue is full.
        ConfigError: it is no such host, or no key.
    """
    queue = _kept.queue(queue_url(rabbitmq_host, queue_name))
    (sent,) = queue.send([str(frame_key)])
    if not sent.accepted:
        raise BusError(f"the queue {queue_name} did not take the key {sent.text!r}: {sent.outcome.value}")


def retrieve_frame_from_redis(redis_client: RedisClient, frame_key: str | FrameKey) -> Image | None:
    """The picture of a key, which goes: it is lost where its taker dies. None where it is not there.

    Raises:
        WireError: the key is none, or what lies there is no such picture.
        BusError: the store cannot be reached.
    """
    key = _key(frame_key)
    data = _kept.store(redis_client).getdel(key)
    return None if data is None else decode(data, key)


def delete_frame_from_redis(redis_client: RedisClient, frame_key: str | FrameKey) -> bool:
    """Lets the picture of a key go; whether there was one. Raises as `retrieve_frame_from_redis`."""
    return bool(_kept.store(redis_client).delete([_key(frame_key)]))


def frame_process_callback(ch: Any, method: Any, properties: Any, body: bytes) -> None:  # noqa: ARG001 - as pika calls it
    """What pika calls with a message: writes the picture of its key into the current folder.

    Then the message is acknowledged. The picture is in the Redis that `set_redis_client` was told, and
    goes once it is written. One that another has in hand comes again; what is no key is rejected, which makes
    it a dead letter where the queue has a place for those.
    """
    tag = method.delivery_tag
    try:
        key = _key(body.decode("ascii"))
    except (WireError, UnicodeDecodeError) as error:
        _LOG.warning("a message is no key", error=str(error))
        ch.basic_reject(delivery_tag=tag, requeue=False)
        return
    store = _kept.store(_kept.redis_client)
    taking = store.claim(key, _myself(), LEASE_S)
    if isinstance(taking, Busy):
        ch.connection.call_later(taking.for_s, lambda: ch.basic_nack(delivery_tag=tag, requeue=True))
        return
    if isinstance(taking, Claimed):
        _work_on(store, taking)
    else:
        _LOG.warning("the picture is not there", key=str(key))
    ch.basic_ack(delivery_tag=tag)


def start_frame_processing_consumer(
    rabbitmq_host: str = HOST,
    queue_name: str = QUEUE,
    *,
    redis_client: RedisClient = None,
    on_frame: Callable[[TakenFrame], Any] | None = None,
) -> None:
    """Takes keys one by one, and works on their pictures, until Ctrl-C.

    Args:
        rabbitmq_host: where the broker is.
        queue_name: of the queue.
        redis_client: where the pictures are; None: as `set_redis_client` was told.
        on_frame: what is done with each; None: it is written into the current folder.

    Raises:
        BusError: the broker or the store cannot be reached.
    """
    store = _kept.store(_kept.redis_client if redis_client is None else redis_client)
    with open_queue(queue_url(rabbitmq_host, queue_name)) as queue:
        worker = Worker(store, queue, lease_s=LEASE_S)
        worker.on_frame(on_frame or save_picture)
        worker.run()


def save_picture(frame: TakenFrame) -> None:
    """Writes a picture into the current folder, as its key with the ending of its format."""
    write_picture(frame.key, frame.data)


def write_picture(key: FrameKey, data: bytes, folder: Path = Path()) -> Path:
    """Writes a picture into a folder, as its key with the ending of its format; where. Raises OSError."""
    shown = encode(decode(data, key), "png") if key.format == "raw" else data
    place = folder / f"{key}{_ENDINGS[key.format]}"
    unfinished = place.with_name(f".{key}")
    unfinished.write_bytes(shown)
    return unfinished.replace(place)


def set_redis_client(redis_client: RedisClient) -> None:
    """Where `frame_process_callback` and a consumer have pictures from; else the Redis of this machine."""
    _kept.redis_client = redis_client


def close() -> None:
    """Ends the connections that are kept. At the end of the program they end by themselves."""
    _kept.close()


def queue_url(host: str, queue_name: str) -> str:
    """The URL of a queue at `host`, `host:port`, or at a broker that has a URL; a file's is whole as it is.

    Raises:
        ConfigError: there is no host, or no name.
    """
    if host.startswith(_FILES):
        return host
    if not host or not queue_name:
        raise ConfigError(f"expected a host and the name of a queue, got {host!r} and {queue_name!r}")
    parts = urlsplit(host if "://" in host else f"amqp://{host}")
    asked = "&".join(filter(None, (parts.query, urlencode({"queue": queue_name}, quote_via=quote))))
    return urlunsplit(parts._replace(path=parts.path or "/", query=asked))


def redis_url(client: Any) -> str:
    """The URL of the Redis of a client of redis-py.

    Raises:
        ConfigError: it is no such client.
    """
    try:
        pool = client.connection_pool
        said: dict[str, Any] = pool.connection_kwargs
    except AttributeError:
        raise ConfigError(
            f"expected a client of redis, the URL of a store or a store, got {type(client).__name__}"
        ) from None
    login = ":".join(quote(said.get(name) or "", safe="") for name in ("username", "password"))
    at = f"{login}@" if said.get("password") else ""
    database = said.get("db") or 0
    if said.get("path"):
        return f"unix://{at}{said['path']}?db={database}"
    tls = "SSL" in pool.connection_class.__name__
    asked = {name: str(said[name]) for name in _OF_TLS if tls and said.get(name) is not None}
    query = f"?{urlencode(asked)}" if asked else ""
    scheme = "rediss" if tls else "redis"
    host = said.get("host") or HOST
    host = f"[{host}]" if ":" in host else host  # RFC 3986, 3.2.2
    return f"{scheme}://{at}{host}:{said.get('port') or 6379}/{database}{query}"


def _key(frame_key: str | FrameKey) -> FrameKey:
    return frame_key if isinstance(frame_key, FrameKey) else FrameKey.parse(frame_key)


def _work_on(store: FrameStore, taken: Claimed) -> None:
    try:
        write_picture(taken.claim.key, taken.data)
    except BaseException as error:
        store.give_back(taken.claim, repr(error))
        raise
    store.finish(taken.claim)


def _myself() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{threading.get_ident()}"


class _Kept:
    """The connections of this process, one to each place; a child that was forked makes its own."""

    def __init__(self) -> None:
        self.redis_client: RedisClient = f"redis://{HOST}"
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._opened: dict[str, Any] = {}

    def queue(self, url: str) -> KeyQueue:
        return self._get(url, open_queue)

    def store(self, client: RedisClient) -> FrameStore:
        if hasattr(client, "claim"):
            store: FrameStore = client
            return store
        return self._get(client if isinstance(client, str) else redis_url(client), open_store)

    def close(self) -> None:
        with self._lock:
            opened, self._opened = self._opened, {}
        if self._pid == os.getpid():
            for each in opened.values():
                each.close()

    def _get(self, url: str, opened: Callable[[str], T]) -> T:
        with self._lock:
            if self._pid != os.getpid():
                self._pid, self._opened = os.getpid(), {}
            if url not in self._opened:
                self._opened[url] = opened(url)
            found: T = self._opened[url]
            return found


_kept: Final = _Kept()
atexit.register(close)
