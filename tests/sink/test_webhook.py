"""Webhooks to real servers: signed, in order, at least once, whatever becomes of either side."""

import logging
import resource
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.sink.conftest import shown_of
from tests.sink.receivers import SECRET, Receiver, Reply, receiving

from sightline import Detection
from sightline.errors import Closed, ConfigError, SinkError
from sightline.log import configure, redact
from sightline.sink import open_sink
from sightline.sink.signature import verify
from sightline.sink.webhook import Webhook
from sightline.testing import check_sink
from sightline.wire import result_from_json

pytestmark = pytest.mark.usefixtures("no_leaks")

WRITER = """
import sys
from tests.sink.conftest import shown_of
from sightline.sink import open_sink
url, outbox, secret = sys.argv[1:]
sink = open_sink("webhook", url=url, outbox=outbox, secret=secret, batch=3, batch_s=0.01)
index = int(sys.stdin.readline())
while True:
    sink.write(*shown_of("gate", index))
    print(index, flush=True)
    index += 1
"""


@contextmanager
def webhook(url: str, folder: Path, **options: Any) -> Iterator[Webhook]:
    sink = Webhook(url=url, outbox=folder / "outbox.db", secret=SECRET, **options)
    try:
        yield sink
    finally:
        sink.close()


def write(sink: Webhook, *indices: int, **given: Any) -> None:
    for index in indices:
        sink.write(*shown_of("gate", index, **given))


def test_each_result_is_posted_signed_and_whole(tmp_path: Path, wait_for: WaitFor) -> None:
    with receiving() as receiver, webhook(receiver.url, tmp_path) as sink:
        for index in range(5):
            write(sink, index)
            wait_for(lambda: sink.stats().outbox.held == 0, 10, "it to be delivered")
        stats = sink.stats()
    for index, request in enumerate(receiver.requests):
        assert request.path == "/hook"
        assert request.headers["content-type"] == "application/json"
        assert request.json["delivery"] == request.delivery
        assert verify(request.body, request.headers["sightline-signature"], SECRET)
        shown = request.body.partition(b'"results":[')[2].removesuffix(b"]}")
        assert result_from_json(shown) == shown_of("gate", index)[0]
    assert receiver.indices == [0, 1, 2, 3, 4]
    assert len({request.delivery for request in receiver.requests}) == 5
    assert stats.outbox.balanced
    assert (stats.attempts, stats.failures, stats.failed, stats.trouble) == (5, 0, 0, "")


def test_batches_are_full_or_waited_for_long_enough(tmp_path: Path, wait_for: WaitFor) -> None:
    with receiving() as receiver, webhook(receiver.url, tmp_path, batch=4, batch_s=0.3) as sink:
        write(sink, *range(9))
        wait_for(lambda: sink.stats().outbox.held == 0, 10, "all to be delivered")
    assert [request.indices for request in receiver.requests] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]


def test_what_is_not_chosen_is_counted_and_not_sent(tmp_path: Path) -> None:
    with receiving() as receiver:
        with webhook(receiver.url, tmp_path) as sink:
            write(sink, 0, detections=())
            write(sink, 1)
        assert receiver.indices == [1]
        assert sink.stats().unwanted == 1


def test_a_receiver_that_is_away_for_three_seconds_loses_nothing(
    tmp_path: Path, wait_for: WaitFor, free_port: Callable[[], int]
) -> None:
    port = free_port()
    with webhook(f"http://127.0.0.1:{port}/hook", tmp_path) as sink:
        write(sink, *range(20))
        wait_for(lambda: sink.stats().trouble, 5, "the first attempt to fail")
        time.sleep(3)
        with receiving(port=port) as receiver:
            wait_for(lambda: sink.stats().outbox.held == 0, 10, "all to be delivered")
            assert receiver.indices == list(range(20))
            assert sink.stats().trouble == ""
            assert sink.stats().outbox.balanced


def test_errors_of_the_server_are_tried_again_under_the_same_id_and_a_new_signature(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    faults = [Reply(500), Reply(502), Reply(425), Reply(408)]
    with receiving(*faults) as receiver, webhook(receiver.url, tmp_path) as sink:
        write(sink, 7)
        wait_for(lambda: sink.stats().outbox.delivered, 20, "the delivery")
    assert [request.status for request in receiver.requests] == [500, 502, 425, 408, 200]
    assert len({(request.delivery, request.body) for request in receiver.requests}) == 1
    first, last = receiver.requests[0], receiver.requests[-1]
    assert first.headers["sightline-signature"] != last.headers["sightline-signature"]
    assert verify(last.body, last.headers["sightline-signature"], SECRET)
    gaps = [b.at_s - a.at_s for a, b in zip(receiver.requests, receiver.requests[1:], strict=False)]
    assert all(gap > 0.2 for gap in gaps)
    assert gaps[3] > 1.9 > gaps[0]


def test_a_redirect_is_not_followed(tmp_path: Path, wait_for: WaitFor) -> None:
    with receiving() as elsewhere, receiving(Reply(307, (("Location", elsewhere.url),))) as receiver:
        with webhook(receiver.url, tmp_path) as sink:
            write(sink, 0)
            wait_for(lambda: sink.stats().outbox.delivered, 10, "the delivery")
        assert [request.status for request in receiver.requests] == [307, 200]
        assert not elsewhere.requests


@pytest.mark.parametrize("status", [400, 410])
def test_a_refusal_is_counted_and_the_next_goes_through(
    tmp_path: Path, wait_for: WaitFor, status: int
) -> None:
    with receiving(Reply(status)) as receiver, webhook(receiver.url, tmp_path) as sink:
        write(sink, 0, 1)
        wait_for(lambda: sink.stats().outbox.held == 0, 10, "both to be over")
        assert receiver.indices == [1]
        stats = sink.stats().outbox
        assert (stats.delivered, stats.dropped) == (1, {"refused": 1})


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_for_time_gets_it(tmp_path: Path, wait_for: WaitFor, status: int) -> None:
    with (
        receiving(Reply(status, (("Retry-After", "2"),))) as receiver,
        webhook(receiver.url, tmp_path) as sink,
    ):
        write(sink, 0)
        wait_for(lambda: sink.stats().outbox.delivered, 10, "the delivery")
    first, second = receiver.requests
    assert 2 <= second.at_s - first.at_s < 4


def test_a_result_that_json_cannot_hold_is_told_and_counted(tmp_path: Path) -> None:
    seen = Detection(label="x", score=float("nan"), x1=0, y1=0, x2=1, y2=1)
    with receiving() as receiver:
        with webhook(receiver.url, tmp_path) as sink:
            with pytest.raises(SinkError, match=r"cannot send a result to 127\.0\.0\.1:\d+: .*score"):
                write(sink, 0, detections=(seen,))
            write(sink, 1)
        assert receiver.indices == [1]
        assert sink.stats().failed == 1


def test_a_slow_receiver_holds_up_nobody_and_takes_no_memory(tmp_path: Path, wait_for: WaitFor) -> None:
    with receiving(Reply(wait_s=60)) as receiver, webhook(receiver.url, tmp_path, max_results=100) as sink:
        write(sink, 0)
        wait_for(lambda: receiver.requests, 10, "the first request")
        took_s = []
        for index in range(1, 2000):
            began_s = time.perf_counter()
            write(sink, index)
            took_s.append(time.perf_counter() - began_s)
        assert sorted(took_s)[1000] < 0.005
        stats = sink.stats().outbox
        assert (stats.entered, stats.held, stats.balanced) == (2000, 100, True)
        assert stats.dropped == {"overflow": 1900}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000_000
    assert [request.indices for request in receiver.requests] == [[0]]


def test_a_receiver_that_trickles_has_failed_when_its_time_is_over(tmp_path: Path, wait_for: WaitFor) -> None:
    with receiving(Reply(wait_s=60)) as receiver, webhook(receiver.url, tmp_path, timeout_s=0.3) as sink:
        write(sink, 0)
        wait_for(lambda: sink.stats().trouble == "no answer within 0.3 s", 5, "the deadline")
        wait_for(lambda: sink.stats().outbox.delivered, 10, "the delivery")
    assert [request.indices for request in receiver.requests] == [[0], [0]]


@pytest.mark.parametrize("timeout_s", [0.5, 60])
def test_an_answer_without_end_counts_by_its_status(
    tmp_path: Path, wait_for: WaitFor, timeout_s: float
) -> None:
    endless = Reply(trickle=True)
    with receiving(endless) as receiver, webhook(receiver.url, tmp_path, timeout_s=timeout_s) as sink:
        write(sink, 0, 1)
        wait_for(lambda: sink.stats().outbox.delivered == 2, 8, "both deliveries")
    assert receiver.indices == [0, 1]


def test_a_killed_process_loses_nothing_that_it_had_taken(tmp_path: Path, wait_for: WaitFor) -> None:
    """Killed while the receiver fails, hangs and takes; its heir delivers the rest, in order."""
    outbox = tmp_path / "outbox.db"
    accepted: list[int] = []
    ill = [Reply(500), Reply(), Reply(wait_s=0.7), Reply(503)] * 2
    with receiving(*ill) as receiver:
        for wait_s in (0.3, 0.6, 0.9):
            accepted += _write_and_be_killed(receiver, outbox, len(accepted) * 2, wait_s)
        sink = Webhook(url=receiver.url, outbox=outbox, secret=SECRET, batch=100)
        try:
            wait_for(lambda: sink.stats().outbox.held == 0, 40, "the rest to be delivered")
        finally:
            sink.close()
        came = list(dict.fromkeys(receiver.indices))
        assert came == sorted(came)
        assert set(accepted) <= set(came)
        assert len(came) <= len(accepted) + 3  # what was put in at the moment of the kill
        deliveries: dict[int, set[bytes]] = {}
        for request in receiver.requests:
            for index in request.indices:
                deliveries.setdefault(index, set()).add(request.body)
        assert all(len(bodies) == 1 for bodies in deliveries.values())
        assert any(request.status != 200 for request in receiver.requests)


def _write_and_be_killed(receiver: Receiver, outbox: Path, first: int, after_s: float) -> list[int]:
    """Gives the results that the process said it had handed over."""
    arguments = [receiver.url, outbox, SECRET]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{first}\n")
        process.stdin.flush()
        accepted = [int(process.stdout.readline())]
        until_s = time.monotonic() + after_s
        while time.monotonic() < until_s:
            accepted.append(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    return accepted + [int(line) for line in rest if line]


def test_what_is_left_at_the_end_waits_for_the_next_start(
    tmp_path: Path, wait_for: WaitFor, free_port: Callable[[], int]
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    with webhook(url, tmp_path) as sink:
        write(sink, *range(4))
        wait_for(lambda: sink.stats().failures >= 3, 10, "some attempts to fail")
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 3
    with receiving(port=port) as receiver, webhook(url, tmp_path) as sink:
        assert sink.stats().outbox.entered == 4
        wait_for(lambda: sink.stats().outbox.held == 0, 10, "what was left to be delivered")
        assert receiver.indices == [0, 1, 2, 3]


def test_closing_sends_what_waits_and_cuts_off_a_request_that_hangs(tmp_path: Path) -> None:
    with receiving() as receiver:
        with webhook(receiver.url, tmp_path, batch=100, batch_s=3600) as sink:
            write(sink, *range(30))
        assert receiver.indices == list(range(30))
    with receiving(Reply(wait_s=60)) as receiver:
        began_s = time.monotonic()
        with webhook(receiver.url, tmp_path) as sink:
            write(sink, 99)
        assert time.monotonic() - began_s < 4
        assert "webhook" not in {thread.name for thread in threading.enumerate()}
        with pytest.raises(Closed, match=r"the webhook to 127\.0\.0\.1:\d+ is closed"):
            write(sink, 100)
        assert sink.stats().outbox.held == 1


def test_closing_does_not_wait_where_it_would_be_in_vain(tmp_path: Path, wait_for: WaitFor) -> None:
    with receiving(Reply(503, (("Retry-After", "60"),))) as receiver:
        with webhook(receiver.url, tmp_path) as sink:
            write(sink, 0)
            wait_for(lambda: sink.stats().trouble, 10, "it to be put off")
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 1.5


def test_a_full_disk_is_told_counted_and_survived(tmp_path: Path, wait_for: WaitFor) -> None:
    """The limit on a file's size stands for the disk."""
    big = tuple(shown_of()[0].detections * 300)
    with receiving() as receiver, webhook(receiver.url, tmp_path, batch=1000, batch_s=3600) as sink:
        write(sink, 0)
        old, handler = (
            resource.getrlimit(resource.RLIMIT_FSIZE),
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
        )
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
            with pytest.raises(SinkError, match=r"the outbox .*outbox\.db cannot be used"):
                write(sink, *range(1, 50), detections=big)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, handler)
        write(sink, 50)
        stats = sink.stats()
        assert stats.failed == 1
        assert stats.outbox.balanced
        held = stats.outbox.held
    assert len(receiver.indices) == held
    assert receiver.indices == [*range(held - 1), 50]


def test_the_receiver_proves_who_it_is(tmp_path: Path, wait_for: WaitFor) -> None:
    certificate = _certificate(tmp_path)
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(certificate)
    with receiving(trust=trust) as receiver:
        with webhook(receiver.url, tmp_path) as sink:
            write(sink, 0)
            wait_for(lambda: "CERTIFICATE_VERIFY_FAILED" in sink.stats().trouble, 10, "it to be refused")
        for options in ({"verify_tls": False}, {"ca_file": certificate}):
            with webhook(receiver.url, tmp_path, **options) as sink:
                write(sink, 1)
                wait_for(lambda: sink.stats().outbox.held == 0, 10, "it to be taken")
    assert receiver.indices == [0, 1, 1]


def _certificate(folder: Path) -> Path:
    """One for 127.0.0.1 that signs itself, with its key."""
    path = folder / "receiver.pem"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=receiver"
    names: list[str | Path] = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        path,
        "-out",
        folder / "certificate.pem",
    ]
    subprocess.run(["openssl", *command.split(), *names], check=True, capture_output=True)
    with path.open("a") as file:
        file.write((folder / "certificate.pem").read_text())
    return path


def test_no_secret_is_shown(
    tmp_path: Path, wait_for: WaitFor, free_port: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither of the URL, user, password, path or query, nor what requests are signed with."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    secrets = ("hunter2", "T0/B1/XXXX", "k=s3cret", SECRET)
    try:
        configure("debug")
        with receiving(Reply(500), Reply(404)) as receiver:
            url = receiver.url.replace("//", "//viewer:hunter2@") + "/T0/B1/XXXX?k=s3cret"
            with webhook(url, tmp_path) as sink:
                write(sink, 0, 1)
                wait_for(lambda: sink.stats().outbox.held == 0, 10, "both to be over")
                shown = f"{sink.stats()} {vars(sink)!r}"
            assert receiver.requests[0].path == "/hook/T0/B1/XXXX?k=s3cret"
            assert receiver.requests[0].headers["authorization"].startswith("Basic ")
        with webhook(url, tmp_path) as sink:
            write(sink, 2)
            wait_for(lambda: sink.stats().trouble, 10, "an attempt to fail")
            shown += str(sink.stats())
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    said = capsys.readouterr().err
    assert "answered 500" in said
    assert "answered 404" in said
    for secret in secrets:
        assert secret not in said
        assert secret not in shown
    assert redact(f"{SECRET} hunter2") == "*** ***"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"url": "ftp://hunter2/"}, "expected a url of http:// or https://"),
        ({"secret": "hunter2"}, "expected a secret of at least 16 characters, got 7"),
        ({"batch": 0}, "batch: input should be greater than or equal to 1"),
        ({"ca_file": "none.pem"}, r"cannot read the ca_file none\.pem: No such file"),
        ({"verify_tls": False, "ca_file": "none.pem"}, "expected verify_tls with a ca_file"),
        ({"uri": "x"}, 'uri: unknown option; did you mean "url"'),
    ],
)
def test_settings_that_cannot_work_are_told(tmp_path: Path, options: dict[str, Any], told: str) -> None:
    good = {"url": "http://127.0.0.1:9/", "outbox": tmp_path / "outbox.db", "secret": SECRET}
    with pytest.raises(ConfigError, match=told) as caught:
        open_sink("webhook", **good | options)
    assert "hunter2" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_without_httpx_the_command_that_adds_it_is_told() -> None:
    script = (
        "import sys\nsys.modules['httpx'] = None\nfrom sightline.sink import sink_maker\n"
        "try:\n    sink_maker('webhook')\nexcept ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "httpx is not installed; it comes with: pip install 'sightline[webhook]'\n"


def test_it_keeps_the_promise_of_a_sink(tmp_path: Path, free_port: Callable[[], int]) -> None:
    options = {"outbox": tmp_path / "outbox.db", "secret": SECRET, "only_detections": False}
    check_sink(lambda: open_sink("webhook", url=f"http://127.0.0.1:{free_port()}/", **options))
    with receiving() as receiver:
        check_sink(lambda: open_sink("webhook", url=receiver.url, **options))
        assert len(receiver.indices) >= 96
