"""Results to a URL: signed JSON by HTTP POST, from an outbox on disk, again and again until it is taken.

Promises: `write` puts a result into the outbox and never waits for the receiver; what it took is delivered at
least once, in order, or dropped by a bound or a refusal and counted so, whatever becomes of this process
(`sightline.sink.outbox` says what a power cut may cost). A delivery keeps its id over attempts and restarts,
so that the receiver can tell what it had already. No secret is shown, and of the URL host and port alone.

Deliberately not here: several receivers of one outbox, pictures, and order among several sinks.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Final

import msgspec
from pydantic import Field, SkipValidation

from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed, ConfigError, MissingExtra, SinkError, WireError
from sightline.frame import Frame
from sightline.log import get_logger, hide_secret
from sightline.result import Result
from sightline.sink.choice import Choice
from sightline.sink.outbox import Bounds, Outbox, OutboxStats
from sightline.sink.target import Target, parse_target
from sightline.wire import result_to_json

try:
    import httpx

    from sightline.sink.posting import Batching, Poster
except ModuleNotFoundError as error:
    if error.name != "httpx":
        raise
    raise MissingExtra("httpx is not installed; it comes with: pip install 'sightline[webhook]'") from error

MIN_SECRET: Final = 16


class WebhookStats(msgspec.Struct, frozen=True, kw_only=True):
    """How a webhook is doing.

    Attributes:
        outbox: what became of the results that were chosen.
        unwanted: results that were passed over by the filters.
        failed: results that could not be put into the outbox.
        attempts, failures: requests, and those of them that were not taken.
        trouble: why nothing gets through at present; empty when it does.
    """

    outbox: OutboxStats
    unwanted: int
    failed: int
    attempts: int
    failures: int
    trouble: str


class Webhook:
    """Posts results to `url` from when it is made until it is closed.

    Args:
        url: http or https; a user and password in it are sent as basic login.
        outbox: the file that results wait in; it and its folder are made where they are missing.
        secret: what requests are signed with; see `sightline.sink.signature`.
        batch: results in one request, at most.
        batch_s: seconds that a request waits to be full.
        labels, min_score, only_detections, every_s: which results; see `sightline.sink.choice`.
        timeout_s: seconds for one attempt as a whole.
        max_results, max_bytes, max_age_s: what the outbox holds at most; what is oldest is dropped.
        verify_tls: whether the receiver must prove who it is.
        ca_file: certificates to be trusted in place of the usual ones, PEM.

    Raises:
        ConfigError: a setting that cannot work.
        SinkError: the outbox cannot be opened.
    """

    def __init__(
        self,
        *,
        url: str,
        outbox: Path,
        secret: str,
        batch: Annotated[int, Field(ge=1, le=1000)] = 1,
        batch_s: Annotated[float, Field(ge=0, le=3600)] = 1.0,
        labels: tuple[str, ...] = (),
        min_score: float | None = None,
        only_detections: bool = True,
        every_s: Annotated[float | None, Field(gt=0, le=86400)] = None,
        timeout_s: Annotated[float, Field(gt=0, le=600)] = 10.0,
        max_results: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000,
        max_bytes: Annotated[int, Field(ge=65_536, le=1 << 40)] = 1 << 26,
        max_age_s: Annotated[float, Field(gt=0, le=31_536_000)] = 86_400.0,
        verify_tls: bool = True,
        ca_file: Path | None = None,
        clock: SkipValidation[Clock] = SYSTEM_CLOCK,
    ) -> None:
        target = _target(url)
        if len(secret) < MIN_SECRET:
            raise ConfigError(
                f"webhook: expected a secret of at least {MIN_SECRET} characters, got {len(secret)}"
            )
        hide_secret(secret)
        trust = _trust(verify_tls=verify_tls, ca_file=ca_file)
        self._shown = target.shown
        self._choice = Choice(
            labels=labels, min_score=min_score, only_detections=only_detections, every_s=every_s
        )
        self._unwanted = self._failed = 0
        self._closed = False
        self._outbox = Outbox(outbox, Bounds(max_results, max_bytes, ns(max_age_s)), clock=clock)
        self._poster = Poster(
            target,
            self._outbox,
            secret,
            Batching(batch, batch_s),
            timeout_s=timeout_s,
            trust=trust,
            clock=clock,
        )

    def write(self, result: Result, frame: Frame) -> None:  # noqa: ARG002
        """Put the result into the outbox if it is chosen; takes well under a millisecond.

        Raises:
            SinkError: the disk is full or failed, or JSON has no way to write this result.
        """
        if self._closed:
            raise Closed(f"the webhook to {self._shown} is closed")
        chosen = self._choice.of(result)
        if chosen is None:
            self._unwanted += 1
            return
        try:
            self._outbox.put(result_to_json(chosen))
        except (SinkError, WireError) as error:
            self._failed += 1
            if isinstance(error, SinkError):
                raise
            raise SinkError(f"cannot send a result to {self._shown}: {error.message}") from error
        self._poster.wake()

    def stats(self) -> WebhookStats:
        """The counts; from any thread, before and after `close`."""
        return WebhookStats(
            outbox=self._outbox.stats(),
            unwanted=self._unwanted,
            failed=self._failed,
            attempts=self._poster.attempts,
            failures=self._poster.failures,
            trouble=self._poster.trouble,
        )

    def close(self) -> None:
        """Send what can be sent within two seconds; what is left waits in the outbox for the next start."""
        if self._closed:
            return
        self._closed = True
        self._poster.close()
        self._outbox.close()
        if left := self._outbox.held:
            get_logger("sightline.sink").warning(
                "webhook closed, results wait in its outbox", to=self._shown, results=left
            )


def _target(url: str) -> Target:
    target = parse_target(url)
    hide_secret(target.password)
    # httpx logs the URL of each request, and a path such as /services/T0/B1/XXXX is a secret by itself.
    written = httpx.URL(target.url)
    if written.raw_path != b"/":
        hide_secret(str(written))
    return target


def _trust(*, verify_tls: bool, ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context(verify=verify_tls)
    if not verify_tls:
        raise ConfigError("webhook: expected verify_tls with a ca_file, which is for nothing else")
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an SSLError is one
        reason = "not a PEM file" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"webhook: cannot read the ca_file {ca_file}: {reason}") from error
