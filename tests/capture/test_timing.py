"""When pictures were taken, and where time breaks."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from sightline.capture.assembly import Assembly
from sightline.capture.pace import Pace
from sightline.capture.source import Unit
from sightline.capture.timing import Stamp, Timing
from sightline.clock import NS_PER_MS, NS_PER_S, EpochCounter

S, MS = NS_PER_S, NS_PER_MS
FRAME_NS = 40 * MS
NOON_NS = 1_800_000_000 * S


def unit(
    at_ms: int | None, *, dts_ms: int | None = None, utc_ms: int | None = None, key: bool = False
) -> Unit:
    """A unit shown at `at_ms` of media time, taken `utc_ms` after noon by the camera's word."""
    wallclock_ns = None if utc_ms is None else NOON_NS + utc_ms * MS
    return Unit(b"", "h264", key, at_ms, dts_ms, Fraction(1, 1000), wallclock_ns)


def live() -> Timing:
    return Timing(frame_ns=FRAME_NS)


def recorded() -> Timing:
    return Timing(media_start_ns=NOON_NS, frame_ns=FRAME_NS)


def came(timing: Timing, what: Unit, at_ms: int, set_by_ms: int = 0) -> Stamp:
    """`what` comes `at_ms` after noon; our wall clock has been set by `set_by_ms`."""
    stamp = timing.stamp(what, NOON_NS + (at_ms + set_by_ms) * MS, 5 * S + at_ms * MS)
    return stamp._replace(captured_at_ns=(stamp.captured_at_ns - NOON_NS) // MS)


def test_a_camera_without_reports_is_stamped_as_it_arrives() -> None:
    timing = live()
    assert came(timing, unit(None, key=True), 0) == (False, 0, "arrival")
    assert came(timing, unit(3600), 47) == (False, 47, "arrival")


def test_the_camera_s_own_clock_is_used_once_it_speaks() -> None:
    timing = live()
    came(timing, unit(0), 100)
    assert came(timing, unit(400, utc_ms=400), 500) == (False, 400, "rtcp")
    assert came(timing, unit(440), 540) == (False, 440, "rtcp")  # no report with this one: by its pts


def test_time_does_not_go_back_at_the_switch() -> None:
    timing = live()
    stamps = [came(timing, unit(at), at + 130) for at in range(0, 400, 40)]
    stamps += [came(timing, unit(at, utc_ms=at), at + 130) for at in range(400, 800, 40)]
    times = [stamp.captured_at_ns for stamp in stamps]
    assert times == sorted(times)
    assert [stamp.source for stamp in stamps] == 10 * ["arrival"] + 10 * ["rtcp"]
    assert times[-1] == 760  # and is the true one again once the delay of the network has passed


def test_with_b_frames_the_camera_s_time_follows_pts() -> None:
    timing = live()
    came(timing, unit(0), 0)
    order = [400, 520, 440, 480]
    stamps = [came(timing, unit(at, utc_ms=at), 530 + n) for n, at in enumerate(order)]
    assert [stamp.captured_at_ns for stamp in stamps] == order


def test_a_camera_whose_clock_is_wrong_is_not_believed() -> None:
    timing = live()
    for off_ms in (-3_600_000, -5_000, 2_000, 3_600_000):
        assert came(timing, unit(100, utc_ms=100 + off_ms), 200).source == "arrival"
    assert timing.take_implausible() == 4
    assert timing.take_implausible() == 0


def test_a_first_picture_without_a_pts_is_no_word_against_the_camera_s_clock() -> None:
    timing = live()
    assert came(timing, unit(None, utc_ms=0, key=True), 100) == (False, 100, "arrival")
    assert timing.take_implausible() == 0
    assert came(timing, unit(400, utc_ms=400), 500) == (False, 400, "rtcp")


def test_no_picture_is_of_the_future() -> None:
    """Stamps that jump ahead take the camera's time with them, which its last report gave to the old ones."""
    timing = live()
    came(timing, unit(0, utc_ms=0, key=True), 100)
    assert came(timing, unit(5_040, utc_ms=5_040), 140) == (False, 140, "arrival")
    assert timing.take_implausible() == 1
    came(timing, unit(5_080, utc_ms=80), 180)  # the next report
    assert came(timing, unit(5_120, utc_ms=120, key=True), 220) == (True, 120, "rtcp")


def test_a_picture_without_a_pts_has_the_camera_s_own_word_or_else_its_arrival() -> None:
    """libav forgets a pts where a call of its was broken off; hours after the first report, too."""
    timing = live()
    came(timing, unit(0, utc_ms=0, key=True), 100)
    assert came(timing, unit(None, utc_ms=7_200_000), 7_200_100) == (False, 7_200_000, "rtcp")
    assert came(timing, unit(None), 7_200_140) == (False, 7_200_140, "arrival")


def test_a_camera_that_sets_its_clock_gets_a_new_epoch_at_its_next_keyframe() -> None:
    timing = live()
    came(timing, unit(0, utc_ms=0), 10)
    assert came(timing, unit(40, utc_ms=1540), 50) == (False, 40, "rtcp")
    assert came(timing, unit(80, utc_ms=80, key=True), 90) == (True, 80, "rtcp")


def test_a_wall_clock_that_is_set_holds_from_the_next_keyframe_on() -> None:
    timing = live()
    came(timing, unit(0, key=True), 0)
    assert came(timing, unit(40), 40, set_by_ms=-3_600_000) == (False, 40, "arrival")
    breaks, at_ms, _ = came(timing, unit(80, key=True), 80, set_by_ms=-3_600_000)
    assert breaks
    assert at_ms == 80 - 3_600_000


@given(st.lists(st.integers(-3_000, 60_000), max_size=40))
def test_arrival_never_goes_back_within_an_epoch(set_by: list[int]) -> None:
    timing, last = live(), -(10**6)
    for n, by_ms in enumerate(set_by):
        stamp = came(timing, unit(40 * n, key=n % 5 == 0), 40 * n, by_ms)
        assert stamp.breaks or stamp.captured_at_ns >= last
        last = stamp.captured_at_ns


@given(
    st.integers(0, 1_900),
    st.lists(st.booleans(), min_size=20, max_size=60),
    st.permutations(range(4)),
)
def test_no_stamp_after_the_switch_is_below_one_before_it(
    delay_ms: int, reports: list[bool], order: list[int]
) -> None:
    """Whatever the delay, whenever the reports come, and however pictures are reordered."""
    timing = live()
    before: list[int] = [0]
    after: list[int] = []
    for n, has_report in enumerate(reports):
        at_ms = 40 * (4 * (n // 4) + order[n % 4])
        stamp = came(timing, unit(at_ms, utc_ms=at_ms if has_report else None), 40 * n + 160 + delay_ms)
        (after if stamp.source == "rtcp" else before).append(stamp.captured_at_ns)
        assert not stamp.breaks
        assert not (after and stamp.source == "arrival")
    assert not after or min(after) >= max(before)


def test_a_recording_has_its_own_time() -> None:
    timing = recorded()
    assert came(timing, unit(1400), 0) == (False, 0, "media")
    assert came(timing, unit(1480), 1) == (False, 80, "media")
    assert came(timing, unit(1440), 2) == (False, 40, "media")
    assert came(timing, unit(None), 3) == (False, 120, "media")


def test_a_recording_without_times_is_counted_on() -> None:
    timing = recorded()
    assert [came(timing, unit(None), 0).captured_at_ns for _ in range(3)] == [0, 40, 80]


def test_a_recording_that_begins_again_goes_on_in_a_new_epoch() -> None:
    timing = recorded()
    for at in (0, 40, 2000):
        assert not came(timing, unit(at), 0).breaks
    assert came(timing, unit(0), 0) == (True, 2040, "media")
    assert came(timing, unit(40), 0) == (False, 2080, "media")


def test_what_libav_does_not_know_is_not_invented() -> None:
    packet = Assembly("gate", EpochCounter(), live()).packet(unit(None), NOON_NS, 0)
    assert (packet.pts, packet.dts) == (None, None)


def test_time_that_goes_back_begins_an_epoch() -> None:
    timing = live()
    came(timing, unit(50_000, key=True), 0)
    assert came(timing, unit(100), 40).breaks
    assert not came(timing, unit(140), 80).breaks


def test_time_that_creeps_back_is_found_as_well() -> None:
    timing = live()
    assert [came(timing, unit(at), 40).breaks for at in (5000, 4200, 3400)] == [False, False, True]


def test_reordered_pictures_are_no_break() -> None:
    timing = live()
    for n, at in enumerate((0, 400, 200, 120, 320)):
        assert not came(timing, unit(at), 40 * n).breaks
    assert not came(timing, unit(300, dts_ms=440), 240).breaks


def test_time_that_runs_far_ahead_begins_an_epoch() -> None:
    timing = live()
    came(timing, unit(0), 0)
    came(timing, unit(40), 40)
    assert came(timing, unit(60_000), 80).breaks


def test_a_camera_that_was_silent_for_as_long_is_no_break() -> None:
    timing = live()
    came(timing, unit(0), 0)
    came(timing, unit(40), 40)
    assert not came(timing, unit(60_000), 60_010).breaks


def test_a_picture_a_minute_is_no_series_of_breaks() -> None:
    timing = recorded()
    assert not any(came(timing, unit(60_000 * n), n).breaks for n in range(10))


def test_each_epoch_counts_from_0() -> None:
    assembly = Assembly("gate", EpochCounter(), live())
    packets = [
        assembly.packet(unit(at), NOON_NS, n * FRAME_NS) for n, at in enumerate((5000, 5040, 0, 40, 80, 9000))
    ]
    assert [packet.index for packet in packets] == [0, 1, 0, 1, 2, 3]
    epochs = [packet.epoch for packet in packets]
    assert epochs[0] == NOON_NS // MS
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 2


def test_a_recording_is_paced_by_its_own_time() -> None:
    pace = Pace(FRAME_NS)
    dues = [pace.due_ns(unit(at), 7 * S) for at in (1000, 1040, 1080)]
    assert [(due - 7 * S) // MS for due in dues] == [0, 40, 80]


def test_a_pace_begins_anew_where_time_breaks() -> None:
    pace = Pace(FRAME_NS)
    for at in (90_000, 90_040):
        pace.due_ns(unit(at), 0)
    assert pace.due_ns(unit(0), 5 * S) == 5 * S
    assert pace.due_ns(unit(40), 5 * S) == 5 * S + FRAME_NS
    assert pace.due_ns(unit(3_600_000), 6 * S) == 6 * S


def test_units_without_a_time_are_paced_by_the_frame_rate() -> None:
    pace = Pace(FRAME_NS)
    assert [pace.due_ns(unit(None), 0) for _ in range(3)] == [0, FRAME_NS, 2 * FRAME_NS]
