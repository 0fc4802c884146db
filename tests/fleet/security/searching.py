"""Looks for secrets wherever others may look: processes, messages of a broker, answers and pages, files."""

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, quote_plus, urlsplit

import confluent_kafka
import httpx
import psutil

from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_topics import KafkaTopics

LOOK_S: Final = 0.02
MOST_PAGES: Final = 120
_LINK: Final = re.compile(r"""(?:href|src|hx-get|action)=["']([^"'#]+)""")


class Secrets:
    """What was planted, by name, and every form in which it would be one still."""

    def __init__(self, planted: Mapping[str, str]) -> None:
        self.planted = dict(planted)

    def add(self, name: str, text: str) -> str:
        """One more; gives it back."""
        assert len(text) >= 12, "too short to be told from chance"
        self.planted[name] = text
        return text

    def within(self, text: str | bytes) -> set[str]:
        """The names of those that are in there."""
        data = text if isinstance(text, bytes) else text.encode()
        return {name for name, secret in self.planted.items() if any(form in data for form in _forms(secret))}


def _forms(secret: str) -> set[bytes]:
    plain = secret.encode()
    # Base64 of it at each of the three places where it may begin, without the ends that depend on neighbours.
    coded = {base64.b64encode(b"\0" * shift + plain)[shift + shift // 2 + 1 : -4] for shift in range(3)}
    texts = {
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    }
    return {plain, plain.hex().encode(), *coded, *(one.encode() for one in texts)}


class Watched:
    """Arguments and environments of processes and of all below them, also of those that are gone soon."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self.seen: dict[str, bytes] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watching processes")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        for pid in self._pids:
            with suppress(psutil.Error):
                top = psutil.Process(pid)
                for each in (top, *top.children(recursive=True)):
                    self.of(each.pid)

    def of(self, pid: int) -> None:
        for part in ("cmdline", "environ"):
            with suppress(OSError):
                self.seen[f"{pid}/{part}"] = Path(f"/proc/{pid}/{part}").read_bytes()


class Answers:
    """Asks a coordinator, and keeps all that it ever said. What shows a secret once is asked with `once`."""

    def __init__(self, url: str, token: str) -> None:
        self.kept: dict[str, bytes] = {}
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self._token = token

    def ask(self, method: str, path: str, *, once: bool = False, **how: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._token}", **how.pop("headers", {})}
        got = self.http.request(method, path, headers=headers, **how)
        if not once:
            self.keep(got)
        return got

    def page(self, method: str, path: str, **how: Any) -> httpx.Response:
        """As a browser, with the cookies that it has."""
        got = self.http.request(method, path, **how)
        self.keep(got)
        return got

    def keep(self, got: httpx.Response) -> None:
        hidden = {"set-cookie"}
        heads = "\n".join(f"{name}: {text}" for name, text in got.headers.items() if name not in hidden)
        self.kept[f"{got.request.method} {got.request.url.path} {len(self.kept)}"] = (
            heads.encode() + got.content
        )

    def every_route(self, names: Mapping[str, Iterable[str]]) -> int:
        """Each path that can be got, with each name of what is in it. Gives how many."""
        paths = self.ask("GET", "/api/v1/openapi.json").json()["paths"]
        wanted = [path for path, of in paths.items() if "get" in of and not path.endswith("/live")]
        for filled in (one for path in wanted for one in _filled(path, names)):
            self.ask("GET", filled)
        return len(wanted)

    def every_page(self) -> set[str]:
        """Whatever is linked, from the first on."""
        waiting, seen = ["/"], set[str]()
        while waiting and len(seen) < MOST_PAGES:
            path = waiting.pop(0)
            if path in seen or path.startswith(("/stream", "/api/", "/static/")):
                continue
            seen.add(path)
            got = self.page("GET", path)
            if "html" in got.headers.get("content-type", ""):
                links = (urlsplit(link.replace("&amp;", "&")) for link in _LINK.findall(got.text))
                waiting += [
                    link._replace(fragment="").geturl()
                    for link in links
                    if not link.netloc and link.path.startswith("/")
                ]
        return seen


def _filled(path: str, names: Mapping[str, Iterable[str]]) -> Iterator[str]:
    found = re.search(r"\{(\w+)\}", path)
    if found is None:
        yield path
        return
    for name in names[found[1]]:
        yield from _filled(path.replace(found[0], quote(name, safe="")), names)


def messages(url: str) -> Iterator[tuple[str, bytes]]:
    """All that is in any topic of a Kafka, by topic: keys, values and headers."""
    address = KafkaAddress.of(url)
    names = KafkaTopics(address).names()
    with _consumer(address) as consumer:
        for name in names:
            partition = confluent_kafka.TopicPartition(name, 0, confluent_kafka.OFFSET_BEGINNING)
            first, end = consumer.get_watermark_offsets(partition, timeout=20)
            if first == end:
                continue
            consumer.assign([partition])
            while (at := _next(consumer)) is not None:
                headers = b"".join(key.encode() + (value or b"") for key, value in at.headers() or [])
                yield name, (at.key() or b"") + (at.value() or b"") + headers
                if at.offset() >= end - 1:
                    break


def _next(consumer: Any) -> Any:
    got = consumer.poll(10.0)
    assert got is None or got.error() is None, got.error()
    return got


@contextmanager
def _consumer(address: KafkaAddress) -> Iterator[Any]:
    consumer = confluent_kafka.Consumer(
        {**address.admin(), "group.id": "search", "enable.auto.commit": False}
    )
    try:
        yield consumer
    finally:
        consumer.close()


def files(*folders: Path) -> Iterator[tuple[Path, int, bytes]]:
    """Each with its mode and what is in it."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            with suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    yield path, path.stat().st_mode & 0o777, path.read_bytes()
