"""Stores and queues by their URLs."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from tests.framequeue.store_conformance import picture, put

from sightline.errors import ConfigError
from sightline.framequeue import opening
from sightline.framequeue.opening import open_queue, open_store
from sightline.framequeue.queues.memory import MemoryQueue
from sightline.framequeue.queues.sqlite import SqliteQueue
from sightline.framequeue.stores.folder import FolderStore
from sightline.framequeue.stores.memory import MemoryStore


def test_a_store_in_memory_may_have_a_name() -> None:
    with (
        open_store("memory:") as own,
        open_store("memory:a%20b") as one,
        open_store("memory://a%20b") as other,
    ):
        assert isinstance(own, MemoryStore)
        [key] = put(one, picture())
        assert other.peek(key)
        assert own.peek(key) is None


@pytest.mark.parametrize("slashes", ["", "//"])
def test_a_folder_is_opened_with_its_options(tmp_path: Path, slashes: str) -> None:
    url = f"folder:{slashes}{tmp_path}/a%3Fb?limit_bytes=2KiB&done_ttl_s=5&durable=true"
    with open_store(url) as store:
        assert isinstance(store, FolderStore)
        put(store, picture())
        assert store.usage().limit == 2048
        assert store._files._durable
    assert (tmp_path / "a?b" / "pictures").is_dir()


def test_a_budget_may_be_none(tmp_path: Path) -> None:
    with open_store(f"folder:{tmp_path}/f?limit_bytes=none") as store:
        put(store, picture())
        assert store.usage().limit is None


def test_a_folder_may_be_named_from_where_one_is_or_is_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    open_store("folder:here").close()
    open_store("folder:~/there").close()
    assert (tmp_path / "here" / "pictures").is_dir()
    assert (tmp_path / "home" / "there" / "pictures").is_dir()


def test_queues_are_opened_with_their_limits(tmp_path: Path) -> None:
    with open_queue(f"sqlite:{tmp_path}/keys?max_keys=1&when_full=reject&durable=no") as queue:
        assert isinstance(queue, SqliteQueue)
        assert [each.accepted for each in queue.send(["a", "b"])] == [True, False]
    with open_queue("memory:?max_keys=1&when_full=drop_oldest") as queue:
        assert isinstance(queue, MemoryQueue)
        assert [each.accepted for each in queue.send(["a", "b"])] == [True, True]
        assert [dead.text for dead in queue.dead_letters()] == ["a"]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/keys?max_key=5&when_full=never&ttl_s=soon&durable=1&durable=0&clock=x&limits=y"
    with pytest.raises(ConfigError) as told:
        open_queue(url)
    message = str(told.value)
    assert 'max_key: unknown option; did you mean "max_keys"?' in message
    assert "when_full: input should be 'reject' or 'drop_oldest', got 'never'" in message
    assert "ttl_s: " in message
    assert "durable: expected once" in message
    assert "clock: unknown option" in message
    assert "limits: unknown option" in message
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("open_it", "url", "told"),
    [
        (open_store, "radis://host", 'did you mean "redis"'),
        (open_store, "amqp://host", "begins with memory:, folder:PATH, redis://, rediss://, unix://"),
        (open_queue, "redis://host", "begins with memory:, sqlite:PATH, hub://, amqp://, amqps://"),
        (open_store, "/var/lib/frames", "got '' as scheme"),
        (open_store, "", "got '' as scheme"),
        (open_store, "folder:", "expected a path"),
        (open_store, "folder://host/path", "expected a path"),
        (open_store, "redis://host?timeout=1", 'did you mean "timeout_s"'),
        (
            open_store,
            "redis://host?db=0&limit_bytes=20GB",
            "limit_bytes: expected a size such as 64MiB, got '20GB'",
        ),
        (open_store, "memory:?size_bytes=20GB", "size_bytes: unknown option"),
        (open_queue, "amqp://host/v?que=x", 'did you mean "queue"'),
        (open_queue, "hub://host?tls=x", 'did you mean "tls_ca"'),
    ],
)
def test_what_is_wrong_with_a_url_is_told(open_it: object, url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        open_it(url)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("open_it", "url"),
    [
        (open_store, "redis://me:hunter22@host?limt=1"),
        (open_store, "redis://me:pa?hunter22@host"),
        (open_store, "redis://host?password=hunter22&x=1"),
        (open_store, "rediss://host?ssl_password=hunter22&limit_bytes=x"),
        (open_store, "hunter22"),
        (open_store, "HUNTER22_:x"),
        (open_queue, "amqp://me:hunter22@host/v?durable=1"),
        (open_queue, "amqp://me:hunter22&@host?/v"),
        (open_queue, "hub://:hunter22@host?x=1"),
    ],
)
def test_no_mistake_tells_a_secret(open_it: object, url: str) -> None:
    with pytest.raises(ConfigError) as told:
        open_it(url)  # type: ignore[operator]
    assert "hunter22" not in str(told.value).lower()


def test_options_of_a_servers_own_stay_in_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written there is none of ours to read."""
    given: list[tuple[str, object]] = []

    class Server:
        def __init__(self, url: str, *, limit_bytes: int | None = 7, timeout_s: float = 1.0) -> None:
            given.append((url, (limit_bytes, timeout_s)))

    module = importlib.import_module("sightline.framequeue.stores.redis")
    monkeypatch.setattr(module, "RedisStore", Server)
    opening.open_store("rediss://me:p%40ss@host:6379/2?ssl_ca_certs=/a%20b&timeout_s=3&password=none")
    opening.open_store("unix:///run/redis.sock?limit_bytes=1MiB")
    assert given == [
        ("rediss://me:p%40ss@host:6379/2?ssl_ca_certs=%2Fa+b&password=none", (7, 3.0)),
        ("unix:///run/redis.sock", (2**20, 1.0)),
    ]


@pytest.mark.parametrize(
    ("open_it", "url", "library"),
    [("open_store", "redis://host", "redis"), ("open_queue", "amqp://host/v", "pika")],
)
def test_a_library_that_is_missing_is_told_with_how_to_get_it(open_it: str, url: str, library: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"from sightline.framequeue.opening import {open_it}\n"
        "from sightline.errors import MissingExtra\n"
        "try:\n"
        f"    {open_it}({url!r})\n"
        "except MissingExtra as error:\n"
        "    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == f"{library} is not installed; it comes with: pip install 'sightline[framequeue]'\n"


def test_opening_what_is_here_brings_in_no_library_of_others() -> None:
    program = (
        "import sys, sightline.framequeue.opening as o\n"
        "o.open_store('memory:').close(); o.open_queue('memory:').close()\n"
        "print(*sorted({'redis', 'pika', 'celery', 'cv2', 'av'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""
