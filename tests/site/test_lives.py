"""The counts of a worker whose process was begun again: they go on, and what was lost with it is counted."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from sightline.buffer import BufferStats
from sightline.clock import ns
from sightline.codec import DecoderStats
from sightline.mux import Heard, LaneStats
from sightline.routines import Looked
from sightline.site.lives import KILLED, LIFE, InVain, Life, Lives, ended, results_of, written_to
from sightline.site.outlet import OutletStats
from sightline.site.told import LanesTold, LookedTold, OutletTold, told_by
from sightline.site.worker_routines import Notice, Turn
from sightline.supervise.board import NAME_BYTES

few = st.integers(0, 9)


def hop(entered: int, left: int, dropped: int = 0) -> BufferStats:
    return BufferStats(
        entered=entered,
        left=left,
        dropped={"overflow": dropped} if dropped else {},
        held=entered - left - dropped,
        held_bytes=0,
        peak_held=5,
        refused=1,
        fill=0.0,
    )


@st.composite
def lives(draw: st.DrawFn, number: int = 1) -> Life:
    """What a life told at any moment: everywhere something waits, is in hand, or was dropped."""
    failed, written, results = draw(few), draw(few), draw(few)
    frames_left = results + failed + draw(few)
    frames = hop(frames_left + draw(few) + (lost := draw(few)), frames_left, lost)
    pictures = frames.entered + draw(few)
    decoder = DecoderStats(
        entered=pictures + draw(few),
        left=frames.entered,
        dropped={"rate": pictures - frames.entered} if pictures > frames.entered else {},
        held=0,
        pictures="all",
        gop=None,
        device="software",
    )
    decoder = DecoderStats(
        **{name: getattr(decoder, name) for name in decoder.__struct_fields__ if name != "held"},
        held=decoder.entered - decoder.left - sum(decoder.dropped.values()),
    )
    undecodable = draw(few)
    packets_left = decoder.entered + undecodable
    packets = hop(packets_left + draw(few), packets_left)
    lane = LaneStats(
        bus=hop(packets.entered + draw(few), packets.entered),
        malformed=0,
        packets=packets,
        decoder=decoder,
        undecodable=undecodable,
        frames=frames,
        heard=Heard(packets=packets.entered, codec="h264", epoch=7, fps=25.0, quiet_s=0.1, over=False),
    )
    looked = Looked(results=results, detections=2 * results, failed=failed, rate=3.0, newest=None)
    taken = written + draw(few)
    outlet = OutletStats(sink="w-a", waiting=hop(taken + draw(few), taken), written=written, failed=0, late=1)
    return Life(number=number, lanes={"gate": lane}, looked={"gate": looked}, outlets={"w-a": outlet})


def totals(life: Life) -> dict[str, int]:
    lane, looked, outlet = life.lanes["gate"], life.looked["gate"], life.outlets["w-a"]
    return {
        "heard": lane.heard.packets,
        "bus": lane.bus.entered,
        "packets": lane.packets.entered,
        "decoded": lane.decoder.entered,
        "frames": lane.frames.entered,
        "results": looked.results,
        "detections": looked.detections,
        "failed": looked.failed,
        "undecodable": lane.undecodable,
        "given": outlet.waiting.entered,
        "written": outlet.written,
        "late": outlet.late,
    }


@given(lives())
def test_of_a_life_that_is_over_nothing_waits_and_all_adds_up(life: Life) -> None:
    told = Lives()
    told.heard(life)
    assert told.now.lanes == life.lanes
    told.parted()
    told.parted()
    (counts,) = told.now.counts(is_fresh=True).values()
    assert counts.balanced
    lane = counts.lane
    for one in (lane.bus, lane.packets, lane.decoder, lane.frames, told.now.outlets["w-a"].waiting):
        assert one.balanced
        assert one.held == 0
        assert one.dropped.get(KILLED, 0) >= 0
    assert totals(told.now) == totals(life)
    assert (counts.rate, lane.heard.fps) == (0.0, 0.0)
    in_hand = life.lanes["gate"].frames.left - counts.results - counts.failed
    assert lane.frames.dropped.get(KILLED, 0) == in_hand + life.lanes["gate"].frames.held


@given(lives(1), lives(1), lives(2), lives(3))
def test_the_counts_of_all_lives_are_their_sum(first: Life, later: Life, second: Life, third: Life) -> None:
    told = Lives()
    for life in (first, later):  # one that tells again counts once
        told.heard(life)
    told.parted()
    told.heard(later)  # its last words may come behind the news of its end
    for life in (second, third):
        told.heard(life)
    expected = [totals(life) for life in (later, second, third)]
    assert totals(told.now) == {name: sum(each[name] for each in expected) for name in expected[0]}
    now = third.lanes["gate"]
    assert told.now.lanes["gate"].frames.held == now.frames.held
    assert told.now.lanes["gate"].bus.balanced
    assert told.now.lanes["gate"].bus.peak_held == 5


@given(lives(1))
def test_a_life_that_told_nothing_yet_takes_nothing_away(life: Life) -> None:
    told = Lives()
    told.heard(life)
    told.heard(Life(number=2))
    assert totals(told.now) == totals(life)
    assert told.now.counts(is_fresh=True)["gate"].balanced


@given(lives(2))
def test_what_the_routines_of_a_process_tell_is_put_together(life: Life) -> None:
    told = told_by(
        [
            LanesTold(2, life.lanes),
            "a text",
            LookedTold(2, 10, life.looked),
            OutletTold(2, life.outlets["w-a"], "http://page"),
        ]
    )
    assert told is not None
    assert told.life == life
    assert (told.at_ns, told.pages) == (10, ("http://page",))
    assert told_by(["a text"]) is None


@given(lives(1))
def test_only_what_has_nothing_in_hand_and_nothing_in_line_is_idle(life: Life) -> None:
    lane, looked, outlet = life.lanes["gate"], life.looked["gate"], life.outlets["w-a"]
    in_line = lane.bus.held + lane.packets.held + lane.frames.held + outlet.waiting.held
    in_hand = lane.frames.left - looked.results - looked.failed
    written = outlet.waiting.left - outlet.written
    assert life.idle == (in_line == in_hand == written == 0)
    assert ended(life).idle
    assert not Life(number=1).idle  # it does not read yet


@given(lives(1), lives(2), few, few)
def test_what_a_life_did_to_its_very_end_is_counted(first: Life, second: Life, more: int, late: int) -> None:
    """Its lanes have it, although it did not tell; those of another life have nothing to do with it."""
    results, written = first.looked["gate"].results, first.outlets["w-a"].written
    done = {LIFE: 1, results_of("gate"): results + more, written_to("w-a"): written + late}
    for done_at_once in (True, False):  # or only once the next life is heard
        told = Lives()
        told.heard(first, done if done_at_once else {})
        told.parted()
        assert totals(told.now)["results"] == results + more * done_at_once
        told.heard(second, done)
        now = totals(told.now)
        assert now["results"] == results + more + second.looked["gate"].results
        assert now["written"] == written + late + second.outlets["w-a"].written
        told.parted()
        assert told.now.counts(is_fresh=False)["gate"].balanced
        assert told.now.outlets["w-a"].waiting.balanced
        assert totals(told.now)["results"] == now["results"]


def test_lanes_have_names_that_are_not_cut() -> None:
    names = [name_of("x" * 60 + str(n)) for name_of in (results_of, written_to) for n in range(2)]
    assert len(set(names)) == 4
    assert all(len(name) <= NAME_BYTES for name in names)


def test_processes_that_end_before_any_result_are_in_vain_however_long_each_takes() -> None:
    for life_s in (0, 60):
        vain = InVain(most=8, within_s=600)
        seen = [vain.look(ends, 5, ns(life_s * ends)) for ends in range(9)]
        assert seen == [False] * 8 + [True]


def test_what_comes_to_results_now_and_then_is_not_in_vain() -> None:
    vain = InVain(most=3, within_s=600)
    looks = [(1, 0), (2, 0), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2), (6, 2), (7, 2)]
    assert [vain.look(*look, 0) for look in looks] == [False] * 8 + [True]
    late = InVain(most=3, within_s=600)
    assert not any(late.look(ends, 0, ns(301 * ends)) for ends in range(100))


def test_what_routines_share_they_share_in_their_process_too() -> None:
    turn, notice = Turn(), Notice()
    ours = pickle.loads(pickle.dumps([turn, turn, notice, notice.read]))
    assert ours[0] is ours[1] is not turn
    ours[2].facts = {"told": 1}
    assert ours[3]() == {"told": 1}
    assert not ours[0].is_sources(0)
    ours[0].to_source()
    assert ours[1].is_sources(0)
    ours[1].to_model()
    assert not ours[0].is_sources(0)
