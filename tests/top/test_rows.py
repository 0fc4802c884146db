"""Rows of two looks: rates between them, and what there is to say of each camera, routine and wire."""

from typing import Any

import pytest
from tests.top.told import (
    S,
    calls,
    camera,
    flow,
    hub,
    looks,
    pipe,
    process,
    reader,
    routine,
    site,
    used,
    wire,
)

from sightline.errors import WireError
from sightline.overflow import BufferStats
from sightline.pipe.counts.reports import DurationStats
from sightline.site.window import Look
from sightline.top import pipes, places
from sightline.top.feed import Target
from sightline.top.looks import Looks, since
from sightline.top.picture import NO_ANSWER, NOTHING, Account, Picture, Seen
from sightline.top.sheet import Sheet


def row(sheet: Sheet, number: int = 0) -> dict[str, Any]:
    return sheet.records()[number]


def two(before: Look, now: Look) -> Looks:
    """Two seconds between."""
    return looks(now, before)


def account(now: Look, feed: str) -> Account:
    return Account.of(looks(now, feed=feed))


def at(second: int, **of: Any) -> Look:
    return Look(name="it", at_ns=second * S, **of)


def test_a_camera_has_what_it_lost_on_both_sides_of_the_bus() -> None:
    lost = camera(unsent={"too_old": 1}, dropped={"gap": 4}, age_s=0.25, results_per_s=5.0, detections=2)
    now = two(at(0, site=site({"gate": camera()})), at(2, site=site({"gate": lost})))
    assert row(places.cameras(now)) == {
        "camera": "gate",
        "state": "live",
        "fps": 10.0,
        "results_per_s": 5.0,
        "age_s": 0.25,
        "detections": 2,
        "lost_per_s": 2.5,
        "lost": 5,
        "why": "gap 4, too_old 1",
    }


def test_a_camera_that_is_tried_again_says_when_and_why() -> None:
    away = camera(state="backing_off", reason="connection refused by rtsp://me:pw@10.0.0.5", retry_in_s=3.2)
    shown = row(places.cameras(looks(at(0, site=site({"gate": away})))))
    assert (shown["state"], shown["why"]) == ("backing_off, 3 s", "connection refused by rtsp://***@10.0.0.5")


def test_the_stream_for_models_has_a_row_below_its_camera() -> None:
    stream = {
        name: getattr(camera(fps=2.0, unsent={"closed": 3}), name)
        for name in ("state", "reason", "retry_in_s", "source", "fps", "packets", "unsent")
    }
    sheet = places.cameras(looks(at(0, site=site({"gate": camera(detect=stream)}))))
    assert [row(sheet, n)["camera"] for n in (0, 1)] == ["gate", "gate detect_url"]
    assert (row(sheet, 0)["lost"], row(sheet, 1)["fps"], row(sheet, 1)["why"]) == (3, 2.0, "closed 3")
    assert len({one.key for one in sheet.rows}) == 2


def test_times_of_a_routine_are_those_of_late() -> None:
    """Long ago it was slow: who looks now wants to know how it is now."""
    before = at(0, pipes={"p": pipe(flow("f", routine("r", main_logic=calls(b20=1000))))})
    later = calls(b20=1000, b10=100)
    now = at(
        2, pipes={"p": pipe(flow("f", routine("r", main_logic=later, failed=4, dropped={"overflow": 2})))}
    )
    sheet = pipes.routines(two(before, now))
    shown = row(sheet)
    assert shown["p99_ms"] == pytest.approx(1.024)
    assert shown["mean_ms"] == pytest.approx(0.512)
    assert (shown["lost"], shown["lost_per_s"], shown["why"]) == (6, 3.0, "failed 4, overflow 2")
    assert sheet.rows[0].target == Target("p", "f", "r")


def test_a_routine_that_was_not_called_of_late_has_no_times() -> None:
    same = at(2, pipes={"p": pipe(flow("f", routine("r", main_logic=calls(b3=9))))})
    shown = row(pipes.routines(two(at(0, pipes=same.pipes), same)))
    assert (shown["mean_ms"], shown["p99_ms"]) == (None, None)


def test_a_routine_whose_process_died_does_not_run() -> None:
    dead = flow(
        "f", routine("r", fps=25.0), state="waiting", reason="killed by SIGKILL", pid=None, restarts=1
    )
    now = looks(at(0, pipes={"p": pipe(dead)}))
    shown = row(pipes.routines(now))
    assert (shown["state"], shown["fps"], shown["why"]) == ("waiting", 0.0, "killed by SIGKILL")
    process = row(places.processes(now))
    assert (process["state"], process["pid"], process["ends"]) == ("waiting", None, 1)
    assert process["why"] == "killed by SIGKILL"


def test_what_waits_for_a_routine_is_what_waits_in_its_wires() -> None:
    held = {
        "a": BufferStats(
            entered=3, left=0, dropped={}, held=3, held_bytes=0, peak_held=3, refused=0, fill=1.0
        )
    }
    assert (
        row(pipes.routines(looks(at(0, pipes={"p": pipe(flow("f", routine("r", wires_in=held)))}))))[
            "waiting"
        ]
        == 3
    )


def test_a_wire_has_rates_of_messages_and_bytes() -> None:
    ends = flow("f", routine("a"), routine("b"))
    before = at(0, pipes={"p": pipe(ends, wires=(wire("a", "b", left=10, sent_bytes=10**6),))})
    later = wire("a", "b", left=60, sent_bytes=5 * 10**6, waiting=1, dropped={"overflow": 8}, capacity=4)
    sheet = pipes.wires(two(before, at(2, pipes={"p": pipe(ends, wires=(later,))})))
    assert row(sheet) == {
        "wire": "a > b",
        "flow": "f",
        "policy": "live",
        "messages_per_s": 25.0,
        "mb_per_s": 2.0,
        "waiting": 1,
        "capacity": 4,
        "lost_per_s": 4.0,
        "lost": 8,
        "why": "overflow 8",
    }
    assert sheet.rows[0].target == Target("p", "f", "b")


def test_a_wire_that_was_unlinked_stays_where_it_lost_something() -> None:
    gone = wire("a", "b", linked=False), wire("a", "c", linked=False, dropped={"unlinked": 2})
    sheet = pipes.wires(looks(at(0, pipes={"p": pipe(flow("f", routine("a")), wires=gone)})))
    assert [(of["wire"], of["policy"]) for of in sheet.records()] == [("a > c", "unlinked")]


def test_a_channel_tells_of_all_its_readers() -> None:
    latency = [0] * 20
    quick, slow = latency.copy(), latency.copy()
    quick[10], slow[15] = 90, 10
    before = hub(({"name": "street", "taken_in": 100, "bytes_in": 0},), (reader("street", latency=latency),))
    now = hub(
        (
            {
                "name": "street",
                "readers": 2,
                "taken_in": 150,
                "bytes_in": 8 * 10**6,
                "held": 3,
                "waiting": 1,
                "lost": {"overflow": 2},
            },
        ),
        (
            reader("street", latency=quick),
            reader("street", client="d", latency=slow),
            reader("other", latency=[0] * 19 + [10**6]),
        ),
    )
    shown = row(places.channels(two(at(0, hub=before), at(2, hub=now))))
    assert shown == {
        "channel": "street",
        "readers": 2,
        "messages_per_s": 25.0,
        "mb_per_s": 4.0,
        "held": 4,
        "p99_ms": 2**15 / 1000,
        "lost_per_s": 1.0,
        "lost": 2,
        "why": "overflow 2",
    }


def test_processes_are_all_those_that_there_are_and_each_once() -> None:
    """A worker's flow is a process of the site too."""
    status = site({}, hub=process(pid=1), **{"worker-w": process(pid=2, ends=1)})
    flows = {"worker-w": pipe(flow("worker-w", pid=2, restarts=1, cpu_s=3.0, rss_bytes=200_000_000))}
    earlier = {"worker-w": pipe(flow("worker-w", pid=2, cpu_s=2.0))}
    before = at(0, site=status, pipes=earlier, usage={"main": used(9, 1.0), "hub": used(1, 5.0)})
    now = at(2, site=status, pipes=flows, usage={"main": used(9, 1.1, mb=80), "hub": used(1, 6.0, mb=30)})
    sheet = places.processes(two(before, now))
    names = ("process", "pid", "cpu_percent", "mb", "ends")
    told: list[tuple[Any, ...]] = [tuple(of[name] for name in names) for of in sheet.records()]
    assert told == [
        ("main", 9, pytest.approx(5.0), 80.0, None),
        ("hub", 1, pytest.approx(50.0), 30.0, 0),
        ("worker-w", 2, pytest.approx(50.0), 200.0, 1),
    ]
    assert [one.target for one in sheet.rows] == [None, None, Target("worker-w", "worker-w")]


def test_what_began_to_count_anew_has_no_rate() -> None:
    before = at(
        0,
        site=site({}, hub=process(pid=1)),
        usage={"hub": used(1, 50.0)},
        hub=hub(({"name": "c", "taken_in": 9},)),
    )
    now = at(
        2,
        site=site({}, hub=process(pid=2)),
        usage={"hub": used(2, 60.0)},
        hub=hub(({"name": "c", "taken_in": 1},)),
    )
    both = two(before, now)
    assert row(places.processes(both))["cpu_percent"] is None
    assert row(places.channels(both))["messages_per_s"] is None


def test_one_look_alone_has_counts_and_no_rates() -> None:
    once = looks(at(5, pipes={"p": pipe(flow("f"), wires=(wire("a", "b", left=5, dropped={"gap": 1}),))}))
    shown = row(pipes.wires(once))
    assert (shown["messages_per_s"], shown["lost_per_s"], shown["lost"]) == (None, None, 1)


@pytest.mark.parametrize(
    ("now", "before", "between"),
    [((5, 3), (4, 3), (1, 0)), ((1, 0), (4, 3), (1, 0)), ((1, 2), None, (1, 2)), ((1, 2), (1,), (1, 2))],
)
def test_buckets_that_began_anew_count_from_nothing(now: Any, before: Any, between: Any) -> None:
    assert since(now, before) == between


def test_texts_from_outside_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;owned\x07"
    told = at(
        0,
        site=site({evil: camera(reason=evil, dropped={evil: 1})}, w=process(reason=evil)),
        pipes={
            evil: pipe(flow(evil, routine(evil, reason=evil)), wires=(wire(evil, evil, dropped={evil: 1}),))
        },
        hub=hub(({"name": evil, "owner": evil, "lost": {evil: 1}},)),
        trouble=evil,
    )
    picture = Picture({evil: Seen(account(told, feed=evil)), "other": Seen(None, fault=evil)})
    texts = [text for sheet in picture.sheets for one in sheet.rows for text in (*sheet.texts(one), one.note)]
    assert all(text.isprintable() for text in (*texts, *picture.summary, *picture.faults, *picture.lines()))
    assert evil not in str(picture.facts)


def test_a_feed_that_does_not_answer_says_so_beside_what_it_told() -> None:
    told = account(at(0, site=site({"gate": camera()})), feed="a")
    picture = Picture({"a": Seen(told, 7, "it does not answer"), "b": Seen(None, 0, "nobody there")})
    assert picture.faults == ["it: it does not answer, what is told is 7 s old", "b: nobody there"]
    assert picture.summary == []
    assert [row(sheet)["camera"] for sheet in picture.sheets if sheet.rows] == ["gate"]
    assert picture.facts["b"]["fault"] == "nobody there"
    assert picture.facts["a"]["cameras"][0]["camera"] == "gate"


def test_a_summary_says_the_most_in_a_line() -> None:
    now = two(
        at(0, usage={"main": used(9, 1.0)}),
        at(2, site=site({"a": camera(), "b": camera(state="stalled")}), usage={"main": used(9, 2.0, mb=100)}),
    )
    assert Picture({"x": Seen(Account.of(now))}).summary == ["it: 1 of 2 streams live, CPU 50 %, 100 MB"]


def test_two_of_one_name_are_told_apart() -> None:
    told = {name: Seen(account(at(0, site=site({"gate": camera()})), feed=name)) for name in ("x", "y")}
    cameras, *_ = Picture(told).sheets
    assert [one.values[0] for one in cameras.rows] == ["it (x)", "it (y)"]
    assert [one.feed for one in cameras.rows] == ["x", "y"]


def test_what_several_pipes_do_is_summed_up() -> None:
    states = {name: pipe(flow(name)) for name in ("a", "b", "c")}
    told = at(0, pipes=states)
    assert Picture({"x": Seen(account(told, "x"))}).summary == ["it: 3 pipes running"]


def test_routines_and_wires_of_one_name_are_told_apart_by_their_flows() -> None:
    """Each worker of a site has the same three."""
    ends = {"source_flow": "w-1", "destination_flow": "w-1"}
    told = {"w-1": pipe(flow("w-1", routine("model")), wires=(wire("cameras", "model", **ends),))}
    told |= {"w-2": pipe(flow("w-2", routine("model")), wires=(wire("cameras", "model"),))}
    now = looks(at(0, pipes=told))
    assert [of["flow"] for of in pipes.routines(now).records()] == ["w-1", "w-2"]
    assert [of["flow"] for of in pipes.wires(now).records()] == ["w-1", "f"]
    between = wire("a", "b", source_flow="x", destination_flow="y")
    (one,) = pipes.wires(looks(at(0, pipes={"p": pipe(wires=(between,))}))).records()
    assert one["flow"] == "x > y"


def test_what_cannot_be_counted_is_told_and_not_shown() -> None:
    """A stranger's JSON may hold any number."""
    huge = at(0, pipes={"p": pipe(flow("f", routine("r", main_logic=DurationStats(max_ns=10**400))))})
    with pytest.raises(WireError, match="cannot be shown"):
        account(huge, "x")
    sheet = pipes.routines(looks(at(0, pipes={"p": pipe(flow("f", routine("r", failed=10**400)))})))
    assert ">1e12" in sheet.texts(sheet.rows[0])


def test_that_there_is_nothing_yet_is_no_reason_to_say_that_nothing_runs() -> None:
    assert Picture({}).lines() == [NOTHING]
    assert Picture({"hub://gate": Seen()}).lines() == [NO_ANSWER]
