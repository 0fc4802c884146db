"""Frames worked on by Celery: RabbitMQ has the keys, Redis the results, the store the pictures.

    celery -A sightline.framequeue.celery worker --handler module:function
    celery -A sightline.framequeue.celery beat

Settings come from the environment (`tasks.settings`). What our own worker promises holds here as well: one
at a time has a key, one result of it is written, what a worker that died had comes again and is marked as
redelivered, and what nothing can be done with becomes a dead letter with the reason.

A handler is called as by `sightline.framequeue.Worker`, and is imported before Celery forks: let it open what
cannot be forked (a GPU, connections) when it is first called. Its time limit interrupts it in any of Celery's
pools; beyond the hard limit its process ends: have a pool of processes ("prefork") where there is one.

Does not do: other tasks than these two. An application of one's own may send them by their names.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Final

from sightline.errors import BusError, ConfigError, MissingExtra, SightlineError
from sightline.framequeue.handlers import find_handler
from sightline.framequeue.opening import open_store
from sightline.framequeue.tasks.configured import configuration
from sightline.framequeue.tasks.message import PROCESS, SWEEP
from sightline.framequeue.tasks.queue import CeleryQueue
from sightline.framequeue.tasks.settings import PREFIX, Settings
from sightline.log import get_logger

try:
    from celery import Celery, bootsteps
    from celery.signals import worker_process_shutdown, worker_shutdown
    from click import ClickException, Option
except ImportError as error:
    raise MissingExtra(
        "celery is not installed; it comes with: pip install 'sightline[framequeue]'"
    ) from error

from sightline.framequeue.tasks.bench import Bench
from sightline.framequeue.tasks.task import CheckedRequest, perform

BROKER_WITHIN_S: Final = 60.0

settings: Final = Settings.of()
app: Final = Celery("sightline.framequeue")
app.loader.override_backends = dict.fromkeys(
    ("redis", "rediss"), "sightline.framequeue.tasks.results:Results"
)
app.conf.update(configuration(settings))
_log = get_logger("sightline.framequeue")


class _Chosen:
    """What this process, and those that it forks, work with."""

    def __init__(self) -> None:
        self.handler: Callable[..., Any] | None = None
        self._lock = threading.Lock()
        self._bench: tuple[int, Bench] | None = None

    def bench(self) -> Bench:
        with self._lock:
            if self._bench is None or self._bench[0] != os.getpid():
                handler = self.handler or find_handler(settings.handler)
                self._bench = os.getpid(), Bench(settings, handler)
            return self._bench[1]

    def close(self) -> None:
        with self._lock:
            if self._bench is not None and self._bench[0] == os.getpid():
                self._bench[1].close()
            self._bench = None


_chosen: Final = _Chosen()


@app.task(name=PROCESS, bind=True, Request=CheckedRequest)  # type: ignore[untyped-decorator]
def process(self: Any, text: str) -> bytes:
    """Works on the picture of a key."""
    return perform(self, _chosen.bench(), text)


@app.task(name=SWEEP, ignore_result=True, Request=CheckedRequest)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Sends again what nobody seems to know of, and puts the store in order."""
    found = _chosen.bench().sweep()
    if found.sent or found.unsent:
        _log.warning("keys were overdue and sent again", sent=found.sent, not_taken=found.unsent)


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _close(**_: object) -> None:
    _chosen.close()


class _Ready(bootsteps.Step):  # type: ignore[misc]
    """Before a worker begins: its handler is there, its store answers, its queues are as they are to be."""

    def __init__(self, parent: Any, handler: str | None = None, **options: Any) -> None:
        super().__init__(parent, **options)
        try:
            _refuse_another_broker()
            _chosen.handler = _handler(handler or settings.handler)
            _look_at_store()
            _declare_queues()
        except SightlineError as error:
            raise ClickException(str(error)) from error


def _refuse_another_broker() -> None:
    """Celery believes these rather than us, and its own options set them; keys are sent by our settings."""
    for name, ours in (("CELERY_BROKER_URL", "BROKER"), ("CELERY_RESULT_BACKEND", "RESULTS")):
        if os.environ.get(name):
            raise ConfigError(f"expected {PREFIX}{ours} alone, got {name} as well, or an option that sets it")


def _handler(named: str) -> Callable[..., Any]:
    try:
        return find_handler(named)
    except ConfigError as error:
        raise ConfigError(f"--handler or {PREFIX}HANDLER: {error}") from error


def _look_at_store() -> None:
    if not settings.store:
        raise ConfigError(f"expected {PREFIX}STORE, such as redis://host:6379/0: where the pictures are")
    with open_store(settings.store) as store:
        try:
            advice = store.check()
        except BusError as error:
            _log.warning("the store of frames is out of reach", error=str(error))
            return
        for each in advice:
            _log.warning(each.text, line=each.line)


def _declare_queues() -> None:
    """All, also those that this worker does not take from: Celery binds its delays to each."""
    CeleryQueue(settings.queue_url, settings.queue_limits, reach_s=BROKER_WITHIN_S).close()
    with app.connection_for_write() as connection, connection.channel() as channel:
        for queue in app.amqp.queues.values():
            queue(channel).declare()


app.user_options["worker"].add(
    Option(("--handler",), help="What is called with each frame: module:function, or an entry point's name.")
)
app.steps["worker"].add(_Ready)
