"""What every test may ask for: the real clips, real servers, free ports, waiting, and a leak check.

A test says which services it needs with `@pytest.mark.needs("rtsp")`. Where one is missing the test is
skipped by name, with the command that would add it; with CI=true in the environment it fails instead.
"""

import functools
import gc
import importlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import hypothesis
import psutil
import pytest
from tools.services import SERVICES, KafkaBroker, Mount, RabbitMqBroker, RedisServer, RtspServer
from tools.services.certificates import Certificates
from tools.services.ports import free_port as a_free_port
from tools.services.rabbitmq_address import RabbitMqAddress
from tools.services.rabbitmq_shared import shared_rabbitmq
from tools.services.redis import Persistence
from tools.services.waiting import wait_for as wait_until_true

from sightline.hub.broker.loops import new_loop
from sightline.log import REDACTOR

# A busy machine is no counter-example: how long one takes is not what these tests ask.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")

T = TypeVar("T")
CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
SETTLE_S = 3.0
ASIDE = ("alone", "waits")  # marks whose tests have a run of their own


class WaitFor(Protocol):
    """`wait_for(condition, timeout_s, what)`: the type of the fixture of that name."""

    def __call__(self, condition: Callable[[], T], timeout_s: float, what: str) -> T: ...


def missing(what: str) -> NoReturn:
    """Ends the test for want of something: skipped by name here, failed where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@functools.cache
def place_of(name: str) -> str | None:
    """Looks once a run: some services are found by starting a program."""
    return SERVICES[name].find()


def require(name: str) -> str:
    """Where the service of that name is; ends the test where it is missing."""
    place = place_of(name)
    if place is None:
        missing(f"service {name}: not found; to add it: {SERVICES[name].how_to_add()}")
    return place


@functools.cache
def _names(path: Path, mark: str) -> bool:
    return f"mark.{mark}" in path.read_text()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Runs of the few that are not run beside others import no files without such a test."""
    mark = config.option.markexpr
    if mark in ASIDE and collection_path.suffix == ".py" and not _names(collection_path, mark):
        return True
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What may take long begins first in a run of those that wait, so that the end is not one test's. What
    has a browser comes last in a run of those that are alone: it leaves memory that others measure.
    """
    for item in items:
        for mark in ASIDE:
            if item.get_closest_marker(mark) and not _names(item.path, mark):
                raise pytest.UsageError(f"{item.path}: a run of its own would not find mark.{mark} in it")
    if config.option.markexpr == "waits":
        items.sort(key=_most_s, reverse=True)
    if config.option.markexpr == "alone":
        items.sort(key=_has_browser)


def _has_browser(item: pytest.Item) -> bool:
    return any("browser" in mark.args for mark in item.iter_markers("needs"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files that name an `xdist_group` go to one process each: pytest 9.2 does not let xdist 3.8 name it."""
    if config.getoption("dist") != "loadgroup":
        return None
    scheduling: Any = importlib.import_module("xdist.scheduler")
    scheduler = scheduling.LoadScopeScheduling(config, log)

    def together(nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _names(config.rootpath / file, "xdist_group") else nodeid

    scheduler._split_scope = together
    return scheduler


def pytest_collection_finish() -> None:
    """What is imported by now stays; to look through it at each `gc.collect()` was most of a leak check."""
    gc.collect()
    gc.freeze()


def _most_s(item: pytest.Item) -> float:
    limit = item.get_closest_marker("timeout")
    return float(limit.args[0]) if limit else 0.0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            require(name)


@pytest.fixture(autouse=True)
def _secrets_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees its texts redacted for the secrets of another: a random password may be any word."""
    monkeypatch.setattr(REDACTOR, "_forms", set())
    monkeypatch.setattr(REDACTOR, "_known", None)


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of the two real camera clips, beside the checkout."""
    if not CLIPS.is_dir():
        missing(f"real clips: not found in {CLIPS}")
    return CLIPS


@pytest.fixture(scope="session")
def wait_for() -> WaitFor:
    """`wait_for(condition, timeout_s, what)` gives the condition's first true answer, or TimeoutError."""
    return wait_until_true


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """`free_port()` gives a TCP port of 127.0.0.1 that nobody uses."""
    return a_free_port


@pytest.fixture(scope="session")
def found_at() -> Callable[[str], str]:
    """`found_at("browser")` gives a service's path or URL; without it the test ends as with `needs`."""
    return require


class StartRtspServer(Protocol):
    """`rtsp_server({name: clip or Mount}, fps=...)`: the type of the fixture of that name."""

    def __call__(self, mounts: Mapping[str, Path | Mount], *, fps: float | None = None) -> RtspServer: ...


@pytest.fixture
def rtsp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartRtspServer]:
    """Starts RTSP servers for this test, each on a port of its own; all are stopped when it ends."""
    require("rtsp")
    with ExitStack() as running:

        def start(mounts: Mapping[str, Path | Mount], *, fps: float | None = None) -> RtspServer:
            return running.enter_context(RtspServer(tmp_path_factory.mktemp("rtsp"), mounts, fps=fps))

        yield start


@pytest.fixture(scope="session")
def person_and_car(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    """The two real clips as mounts `person` and `car`, at their own pace. Shared: never kill or freeze it."""
    require("rtsp")
    mounts = {"person": clips / "one-by-one-person-detection.mp4", "car": clips / "car-detection.mp4"}
    with RtspServer(tmp_path_factory.mktemp("person_and_car"), mounts) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker, `127.0.0.1:port`. Shared: use topics and groups of your own, never kill it."""
    require("kafka")
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.address


@pytest.fixture
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker of this test's own, to be killed and started again; it costs some five seconds."""
    require("kafka")
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


class StartRedisServer(Protocol):
    """`redis_server(persistence="always", ...)`: the type of the fixture of that name."""

    def __call__(
        self,
        *,
        persistence: Persistence = "none",
        maxmemory_bytes: int = 0,
        policy: str = "noeviction",
        password: str = "",
        users: Mapping[str, str] | None = None,
        certificates: Certificates | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> RedisServer: ...


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartRedisServer]:
    """Starts Redis servers for this test, to be filled, killed and started again; each takes 50 ms."""
    require("redis")
    with ExitStack() as running:

        def start(**settings: Any) -> RedisServer:
            server = RedisServer(tmp_path_factory.mktemp("redis"), **settings)
            running.callback(server.kill)
            server.start()
            return server

        yield start


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that keeps nothing. Shared: use a namespace of your own, never flush or kill it."""
    require("redis")
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url()


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMqAddress]:
    """Where a broker is that all processes of this run share: use `rabbitmq_url`, never kill it."""
    require("rabbitmq")
    own = tmp_path_factory.getbasetemp()
    with shared_rabbitmq(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as address:
        yield address


@pytest.fixture
def rabbitmq_url(rabbitmq: RabbitMqAddress) -> Iterator[str]:
    """The URL of a virtual host of this test's own on the shared broker."""
    with rabbitmq.vhost() as url:
        yield url


@pytest.fixture
def rabbitmq_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMqBroker]:
    """A broker of this test's own, to be killed and started again: each start takes some six seconds."""
    require("rabbitmq")
    broker = RabbitMqBroker(tmp_path_factory.mktemp("rabbitmq"))
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A TCP port of 127.0.0.1 that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", a_free_port())) as listening:
        yield listening.getsockname()[1]


@functools.cache
def _begun_loop() -> None:
    """libuv opens a pipe with the first loop of a process and keeps it: that is no test's leak."""
    new_loop().close()


def _threads() -> set[str]:
    return {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}


def _children() -> set[str]:
    return {f"process {child.pid}" for child in psutil.Process().children(recursive=True)}


def _descriptors() -> set[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"descriptor {entry.name} -> {entry.readlink()}")
        except FileNotFoundError:  # the one that lists this folder
            continue
    return found


def _held() -> dict[str, set[str]]:
    gc.collect()
    return {"threads": _threads(), "processes": _children(), "descriptors": _descriptors()}


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fails the test where it leaves a Python thread, a child process or more descriptors than it found.

    Name it first among the test's arguments: what comes after it is torn down before the check.
    """
    _begun_loop()
    before = _held()

    def left_over() -> list[str]:
        now = _held()
        new = {kind: now[kind] - before[kind] for kind in now}
        if len(now["descriptors"]) <= len(before["descriptors"]):
            new["descriptors"] = set()
        return sorted(set().union(*new.values()))

    yield
    try:
        wait_until_true(lambda: not left_over(), SETTLE_S, "what the test started to be gone")
    except TimeoutError:
        pytest.fail("left behind: " + ", ".join(left_over()), pytrace=False)
