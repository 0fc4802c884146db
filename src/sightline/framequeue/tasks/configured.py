"""What Celery is told: how it takes keys, keeps results and begins rounds of sweeping.

A message holds JSON and nothing else is read: who can write to the broker has no code run. A key is
acknowledged when its task ended, is given to another where its process died, and no process has two.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from sightline.errors import MissingExtra
from sightline.framequeue.rabbitmq.address import RabbitAddress
from sightline.framequeue.rabbitmq.topology import Places, queue_arguments
from sightline.framequeue.tasks.layout import EXCHANGE, Layout
from sightline.framequeue.tasks.message import PROCESS, SWEEP
from sightline.framequeue.tasks.settings import Settings
from sightline.log import hide_secret

try:
    from kombu.entity import Exchange, Queue
except ImportError as error:
    raise MissingExtra(
        "celery is not installed; it comes with: pip install 'sightline[framequeue]'"
    ) from error

BACKSTOP_S: Final = 5.0
"""How long a process that is to end itself is waited for before Celery ends it."""
_JSON: Final = ["json"]


def configuration(settings: Settings) -> dict[str, Any]:
    """The settings of Celery, by its names."""
    layout, hard_s = settings.layout, settings.hard_limit_s
    return {
        **_broker(settings.broker),
        **_results(settings),
        "accept_content": _JSON,
        "result_accept_content": _JSON,
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        "task_queues": _queues(settings),
        "task_default_queue": layout.queue,
        "task_create_missing_queues": False,
        "task_routes": (_router(layout),),
        "task_acks_late": True,
        "task_acks_on_failure_or_timeout": False,
        "task_reject_on_worker_lost": True,
        "task_time_limit": None if hard_s is None else hard_s + BACKSTOP_S,
        "worker_prefetch_multiplier": 1,
        # What goes on while the broker is away is finished: its claim holds.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # RabbitMQ ends the channel of whoever has a key for longer than its consumer_timeout (30 minutes).
        "broker_channel_error_retry": True,
        # RabbitMQ is about to refuse queues that are neither kept nor of one connection.
        "control_queue_durable": True,
        "event_queue_durable": True,
        # In memory: rounds begin anew with the process, and nothing is written where it was started.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_schedule": _schedule(settings),
    }


def _queues(settings: Settings) -> list[Queue]:
    """What the workers declare, as whoever sends does (`queue_rabbitmq_topology`)."""
    layout, exchange = settings.layout, Exchange(EXCHANGE, type="topic")  # type: ignore[no-untyped-call]
    arguments = {name: _arguments(settings, name) for name in layout.queues}
    arguments[layout.sweeping] = {"x-max-length": 1, "x-overflow": "drop-head"}
    return [
        Queue(name, exchange, routing_key=name, queue_arguments=each)  # type: ignore[no-untyped-call]
        for name, each in arguments.items()
    ]


def _arguments(settings: Settings, queue: str) -> dict[str, Any]:
    places = Places.of(RabbitAddress.of(f"amqp://localhost?queue={queue}"))
    return queue_arguments(settings.queue_limits, settings.layout.kind, places.dead)


def _router(layout: Layout) -> Any:
    """Where a task goes that a stranger sends by its name."""

    def route(name: str, args: Sequence[Any] = (), *_: object, **__: object) -> dict[str, str] | None:
        if name == PROCESS and args and isinstance(args[0], str):
            return {"queue": layout.queue_for(args[0])}
        return {"queue": layout.sweeping} if name == SWEEP else None

    return route


def _broker(url: str) -> dict[str, Any]:
    address = RabbitAddress.of(url)
    host = f"[{address.host}]" if ":" in address.host else address.host
    user, password, vhost = (quote(each, safe="") for each in (address.user, address.password, address.vhost))
    told: dict[str, Any] = {
        "broker_url": f"amqp://{user}:{password}@{host}:{address.port}/{vhost}",
        "broker_heartbeat": address.heartbeat_s,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {"confirm_publish": True},
        # The kept ones of one node: a key that is lost while it waits is sent again by a round of sweeping.
        "broker_native_delayed_delivery_queue_type": "classic",
    }
    if address.tls:
        told["broker_use_ssl"] = {
            "cert_reqs": ssl.CERT_REQUIRED,
            "ca_certs": address.tls_ca or ssl.get_default_verify_paths().cafile,
            "certfile": address.tls_certificate,
            "keyfile": address.tls_key,
            "server_hostname": address.host,
        }
    return told


def _results(settings: Settings) -> dict[str, Any]:
    if not settings.results:
        return {"task_ignore_result": True}
    hide_secret(unquote(urlsplit(settings.results).password or ""))
    told: dict[str, Any] = {
        "result_backend": settings.results,
        "result_expires": settings.results_ttl_s,
        # What has work to do waits for some seconds, as for a Redis that starts again (`tasks.results`).
        "result_backend_always_retry": True,
        "result_backend_max_retries": 8,
        "redis_socket_connect_timeout": 5.0,
        "redis_socket_timeout": 10.0,
    }
    if urlsplit(settings.results).scheme == "rediss" and "ssl_cert_reqs" not in settings.results:
        told["redis_backend_use_ssl"] = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    return told


def _schedule(settings: Settings) -> dict[str, Any]:
    if not settings.sweep_s:
        return {}
    options = {"queue": settings.layout.sweeping, "expires": settings.sweep_s}
    return {"sweep": {"task": SWEEP, "schedule": settings.sweep_s, "options": options}}
