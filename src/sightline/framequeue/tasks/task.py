"""What a task of Celery's does about a key once it is decided what becomes of it.

Celery acknowledges the key of a task that returned or raised `Ignore` or `Retry`, and gives it to another
where it raised `Reject`, or its process died. So first the key is in line again, or is a dead letter, as the
broker has confirmed; then the task ends. Who dies in between leaves a key that comes again, and finds out.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from celery.exceptions import Ignore, InvalidTaskError, Reject, Retry
from celery.worker.request import Request

from sightline.errors import BusError, SightlineError
from sightline.framequeue.reason import checked_reason
from sightline.framequeue.tasks.bench import Bench
from sightline.framequeue.work.verdicts import Ending, QueueStep, Verdict
from sightline.log import get_logger

MAX_TEXT_CHARS: Final = 300
"""More than a key has; what a stranger sent may be longer."""
_RESULTS: Final = (Ending.PROCESSED, Ending.REPEATED)
_log = get_logger("sightline.framequeue")


class FrameDied(SightlineError, RuntimeError):
    """What Celery has as the result of a key that became a dead letter: the reason."""


class CheckedRequest(Request):  # type: ignore[misc]
    """A message for a task. Celery's workers would end by one that is none, each in turn; here it is dead."""

    def __init__(self, *args: Any, **options: Any) -> None:
        try:
            super().__init__(*args, **options)
            _ = [None if limit is None else float(limit) for limit in self.time_limits]
        except (TypeError, ValueError) as error:
            raise InvalidTaskError(f"expected the message of a task: {error}") from error


def perform(task: Any, bench: Bench, text: object) -> bytes:
    """The result of the picture's handler.

    Raises:
        Ignore: there is none: another has the key, the picture is gone, or the key is a dead letter.
        Retry: it comes again later.
        Reject: it comes again, now.
    """
    request = task.request
    key = (text if isinstance(text, str) else repr(text))[:MAX_TEXT_CHARS]
    again = bool((request.delivery_info or {}).get("redelivered")) or request.retries > 0
    verdict, attempt = bench.work(key, redelivered=again)
    if verdict.queue is QueueStep.RETRY:
        _come_again(task, bench, key, verdict)
    if verdict.queue is QueueStep.DEAD:
        _die(task, bench, key, verdict, attempt)
    if verdict.ending not in _RESULTS:
        raise Ignore(str(verdict.ending))
    return verdict.result


def _come_again(task: Any, bench: Bench, key: str, verdict: Verdict) -> NoReturn:
    told = f"{verdict.ending}: {checked_reason(verdict.reason)}" if verdict.reason else str(verdict.ending)
    if not verdict.delay_s:
        raise Reject(told, requeue=True)
    try:
        bench.sender.send_later(key, verdict.delay_s, task.request.retries + 1)
    except BusError as error:
        raise Reject(str(error), requeue=True) from error
    raise Retry(told, when=verdict.delay_s)


def _die(task: Any, bench: Bench, key: str, verdict: Verdict, attempt: int) -> NoReturn:
    try:
        bench.sender.bury(key, verdict.reason, attempt)
    except BusError as error:
        raise Reject(str(error), requeue=True) from error
    _log.error("a frame died", key=key, ending=str(verdict.ending), attempts=attempt, reason=verdict.reason)
    died = FrameDied(checked_reason(verdict.reason))
    task.backend.mark_as_failure(
        task.request.id, died, request=task.request, store_result=not task.ignore_result
    )
    raise Ignore(str(verdict.ending))
