"""Celery's results in Redis. One that cannot be written is lost and told: its key is done nevertheless.

Celery would take the key for failed, and a picture that was worked on would be a dead letter. What the
handler returned is in the store as well, for as long as a key is remembered there as done.
"""

from __future__ import annotations

from typing import Any, Final

from celery.backends.redis import RedisBackend
from celery.exceptions import BackendError

from sightline.log import Repeated, get_logger

_lost: Final = Repeated(get_logger("sightline.framequeue"), "a result was not written for Celery")


class Results(RedisBackend):  # type: ignore[misc]
    """Whatever is stored here, nobody has to wait for it for long, or fails by it."""

    def store_result(self, task_id: Any, result: Any, state: Any, *args: Any, **options: Any) -> Any:
        try:
            return super().store_result(task_id, result, state, *args, **options)
        except (BackendError, *self.connection_errors) as error:
            _lost.add(task=str(task_id), error=f"{type(error).__name__}: {error}")
            return result
