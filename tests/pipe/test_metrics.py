"""What Prometheus is told of a pipe: by its own parser, over HTTP, while flows run and as one is killed."""

import os
import re
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as families_in
from tests.conftest import WaitFor
from tests.pipe.counted import three_flows
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter

from sightline.errors import ConfigError
from sightline.pipe.counts.metrics import metrics_of, registry_of
from sightline.pipe.counts.metrics_page import MetricsPage
from sightline.pipe.counts.stats import PipeStats
from sightline.pipe.pipe import Pipe
from sightline.pipe.settings import Policy, RoutineSettings, WireSettings
from sightline.pipe.wire import Wire

UNITS = {
    "messages",
    "bytes",
    "seconds",
    "letters",
    "restarts",
    "second",
    "held",
    "pools",
    "state",
    "info",
    "pid",
}
"""How a name ends, before `_total`."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "pipe.md"

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def log(no_leaks: None) -> Lines:
    return Lines()


def ran(log: Lines, *names: str) -> PipeStats:
    """Of a pipe in which 200 messages went from the first routine to the second, which is slow."""
    with Pipe(logger=log.logger()) as pipe:
        slow = Collect(names[1])
        slow.settings = RoutineSettings(rate_fps=50)
        pipe.create_flow("a", True, Counter(names[0], 200, every_s=0), slow)
        pipe.build()
        pipe.notify_event("start")
        assert pipe.wait(20)
        return pipe.stats()


def series(families: list[Metric]) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: Series, name: str, **labels: str) -> float:
    return found[f"sightline_pipe_{name}", frozenset(labels.items())]


def test_the_parser_of_prometheus_reads_what_the_stats_say(log: Lines) -> None:
    strange = 'count "é\\n"\n{x="y"} \\'
    stats = ran(log, strange, "collect")
    text = generate_latest(registry_of(lambda: stats)).decode()
    found = series(list(families_in(text)))
    routine = {"flow": "a", "routine": strange}
    wire = {"source": strange, "destination": "collect"}
    assert value(found, "routine_processed_messages_total", **routine) == 200
    assert value(found, "routine_state", state="done", **routine) == 1
    assert value(found, "routine_state", state="running", **routine) == 0
    assert value(found, "routine_main_logic_seconds_count", **routine) == 200
    assert value(found, "routine_main_logic_seconds_bucket", le="+Inf", **routine) == 200
    assert value(found, "wire_in_messages_total", **wire) == 200
    dropped = value(found, "wire_dropped_messages_total", reason="overflow", **wire)
    assert value(found, "wire_out_messages_total", **wire) + dropped == 200
    assert value(found, "wire_info", source_flow="a", destination_flow="a", policy="live", **wire) == 1
    assert value(found, "flow_cpu_seconds_total", flow="a") == stats.flows["a"].cpu_s > 0
    assert value(found, "state", state="over") == 1


def test_durations_are_a_histogram_in_seconds(log: Lines) -> None:
    stats = ran(log, "count", "collect")
    logic = stats.routines["collect"].main_logic
    found = series(list(families_in(generate_latest(registry_of(lambda: stats)).decode())))
    routine = {"flow": "a", "routine": "collect"}
    assert value(found, "routine_main_logic_seconds_sum", **routine) == logic.total_ns / 1e9
    assert value(found, "routine_main_logic_max_seconds", **routine) == logic.max_ns / 1e9
    name = "sightline_pipe_routine_main_logic_seconds_bucket"
    below = {
        float(dict(labels)["le"]): count
        for (found_name, labels), count in found.items()
        if found_name == name and ("routine", "collect") in labels
    }
    assert len(below) == 13
    for bound_s, count in below.items():
        assert count == sum(many for bucket, many in enumerate(logic.buckets) if 2**bucket / 1e6 <= bound_s)


def test_names_are_as_prometheus_wants_them(log: Lines) -> None:
    families = list(metrics_of(ran(log, "count", "collect")))
    for family in families:
        assert re.fullmatch(r"sightline_pipe_[a-z_]+", family.name)
        assert family.name.rpartition("_")[2] in UNITS
        assert family.documentation.endswith((".", "."))
        assert all(one.name.endswith("_total") == (family.type == "counter") for one in family.samples)
    assert len({family.name for family in families}) == len(families)


@pytest.mark.parametrize(
    ("policy", "within", "across"),
    [
        (Policy.LIVE, {"died", "overflow"}, {"died", "overflow", "lost", "unreadable", "unsendable"}),
        (Policy.LOSSLESS, {"died"}, {"died", "lost", "unreadable", "unsendable"}),
        (Policy.RECORD, {"incomplete"}, {"incomplete", "unreadable", "unsendable"}),
    ],
)
def test_what_may_be_dropped_is_told_before_it_is(
    log: Lines, policy: Policy, within: set[str], across: set[str]
) -> None:
    every = WireSettings(policy=policy, capacity=8)
    with Pipe(logger=log.logger()) as pipe:
        count, near, far = Counter("count", 3), Collect("near"), Collect("far")
        pipe.create_flow("a", False, count, near)
        pipe.create_flow("b", False, far)
        pipe.link(Wire(count, near, settings=every), Wire(count, far, settings=every))
        pipe.build()
        pipe.notify_event("start")
        assert pipe.wait(20)
        found = series(list(metrics_of(pipe.stats())))
    for destination, reasons in (("near", within), ("far", across)):
        wire = {"source": "count", "destination": destination}
        told = reasons_of(found, "wire_dropped_messages_total", wire)
        assert told == dict.fromkeys(reasons, 0)
        told = reasons_of(found, "routine_dropped_messages_total", {"routine": destination})
        assert told == dict.fromkeys(reasons - {"unsendable"} | {"died"}, 0)
    assert reasons_of(found, "routine_lost_messages_total", {"routine": "count"}) == {"died": 0}


def reasons_of(found: Series, name: str, labels: dict[str, str]) -> dict[str, float]:
    return {
        dict(theirs)["reason"]: count
        for (of, theirs), count in found.items()
        if of == f"sightline_pipe_{name}" and labels.items() <= dict(theirs).items()
    }


def test_there_are_no_more_series_however_long_it_runs(log: Lines) -> None:
    stats = ran(log, "count", "collect")
    longer = msgspec.json.decode(msgspec.json.encode(stats).replace(b"200", b"200000"), type=PipeStats)
    assert longer != stats
    few, many = (series(list(metrics_of(one))) for one in (stats, longer))
    assert few.keys() == many.keys()
    assert len(few) < 150


def test_figures_can_be_had_while_flows_run_and_while_one_is_killed(
    tmp_path: Path, log: Lines, wait_for: WaitFor
) -> None:
    with three_flows(tmp_path, log) as pipe:
        page = pipe.serve_metrics()
        assert value(scraped(page.url), "state", state="building") == 1
        pipe.build()
        pipe.notify_event("start")
        write, wire = {"flow": "c", "routine": "write"}, {"source": "same", "destination": "write"}

        def processed() -> float:
            return value(scraped(page.url), "routine_processed_messages_total", **write)

        wait_for(lambda: processed() > 100, 20, "messages")
        before = scraped(page.url)
        os.kill(pipe.pids["b"], signal.SIGKILL)

        def is_back() -> bool:
            nonlocal before
            now = scraped(page.url)
            fallen = [name for name, old in before.items() if name[0].endswith("_total") and old > now[name]]
            assert not fallen
            before = now
            running = value(now, "flow_state", flow="b", state="running")
            return bool(running and value(now, "flow_restarts_total", flow="b") == 1)

        wait_for(is_back, 20, "its next process")
        at = processed()
        wait_for(lambda: processed() > at + 100, 20, "more messages")
        (tmp_path / "over").touch()
        assert pipe.wait(30)
        found = scraped(page.url)
        dropped = sum(
            count
            for (name, labels), count in found.items()
            if name == "sightline_pipe_wire_dropped_messages_total" and wire.items() <= dict(labels).items()
        )
        assert (
            value(found, "wire_in_messages_total", **wire)
            == value(found, "wire_out_messages_total", **wire) + dropped
        )
        assert value(found, "wire_waiting_messages", **wire) == 0
    with pytest.raises(urllib.error.URLError):
        scraped(page.url)


def scraped(url: str) -> Series:
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return series(list(families_in(answer.read().decode())))


@pytest.fixture
def page(no_leaks: None) -> Iterator[MetricsPage]:
    with MetricsPage(Pipe().stats) as page:
        yield page


def test_the_format_is_what_the_asker_takes(page: MetricsPage) -> None:
    asked = urllib.request.Request(
        page.url, headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        found = series(list(open_metrics(answer.read().decode())))  # type: ignore[no-untyped-call]
    assert value(found, "state", state="building") == 1


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [("/metrics", "evil.example", 400), ("/", "localhost", 404), ("/metrics?a=b", "localhost:1", 200)],
)
def test_only_this_machine_is_told_and_only_the_metrics(
    page: MetricsPage, path: str, host: str, status: int
) -> None:
    asked = urllib.request.Request(f"http://127.0.0.1:{page.port}{path}", headers={"Host": host})
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            got = answer.status
    except urllib.error.HTTPError as error:
        got = error.code
        error.close()
    assert got == status


def test_a_page_of_another_site_is_told_nothing_and_who_is_slow_holds_up_nobody(page: MetricsPage) -> None:
    foreign = urllib.request.Request(page.url, headers={"Sec-Fetch-Site": "cross-site"})
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(foreign, timeout=20)
    refused.value.close()
    assert "frame-ancestors 'none'" in refused.value.headers["Content-Security-Policy"]
    with ExitStack() as slow:
        for _ in range(30):
            one = slow.enter_context(socket.create_connection(("127.0.0.1", page.port), timeout=20))
            one.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert value(scraped(page.url), "state", state="building") == 1


def test_counts_that_cannot_be_had_are_a_line_in_the_log_and_an_answer(
    no_leaks: None, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> PipeStats:
        raise ConfigError("it was closed")

    with MetricsPage(broken) as page, pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(page.url, timeout=20)
    assert raised.value.code == 500
    assert "it was closed" in caplog.text
    raised.value.close()


def test_a_page_that_has_no_thread_for_some_answers_the_next(
    page: MetricsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(25):
            with pytest.raises((urllib.error.URLError, ConnectionError)):
                scraped(page.url)
    assert value(scraped(page.url), "state", state="building") == 1


@pytest.mark.parametrize("port", [-1, 65536, None])
def test_a_port_that_cannot_be_is_told(page: MetricsPage, port: int | None) -> None:
    with pytest.raises(ConfigError, match=r"cannot serve metrics on 127.0.0.1:"):
        Pipe().serve_metrics(page.port if port is None else port)


def test_the_document_has_each_metric_with_its_meaning(log: Lines) -> None:
    told = {}
    for family in metrics_of(ran(log, "count", "collect")):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        told[name.removeprefix("sightline_pipe_")] = (family.documentation, labels)
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*?) \| (.+?) \|$", section(), re.MULTILINE)
    written = {name: (meaning, re.findall(r"`(\w+)`", labels)) for name, labels, meaning in rows}
    assert {name: meaning for name, (meaning, _) in written.items()} == {
        name: meaning for name, (meaning, _) in told.items()
    }
    for name, (_, labels) in told.items():
        assert set(labels) <= set(written[name][1]), name


def section() -> str:
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.partition("\n## Statistics and metrics\n")[2].partition("\n## ")[0]
