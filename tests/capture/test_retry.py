"""How long to wait."""

import pytest

from sightline.capture import CameraInput
from sightline.capture.retry import delay_s, policy
from sightline.errors import AccessDenied, ConfigError, NoVideo, SightlineError, Unreachable, Unsupported

GATE = CameraInput(camera_id="gate", url="rtsp://h/s")


def spread(fault: SightlineError, failures: int) -> tuple[float, float]:
    delays = [delay_s(fault, failures) for _ in range(300)]
    return min(delays), max(delays)


def test_delays_grow_up_to_a_cap() -> None:
    first, _ = spread(Unreachable("x"), 1)
    later, _ = spread(Unreachable("x"), 3)
    assert first < later
    assert all(spread(Unreachable("x"), failures)[1] <= 3 for failures in (1, 10, 100, 10_000))


@pytest.mark.parametrize("failures", [1, 3, 10, 10_000])
def test_delays_are_jittered_at_every_length(failures: int) -> None:
    low, high = spread(Unreachable("x"), failures)
    assert high - low > 0.3


def test_a_wrong_password_is_tried_no_more_than_once_a_minute() -> None:
    assert spread(AccessDenied("x"), 1)[0] >= 60


def test_what_has_no_video_is_looked_at_now_and_then() -> None:
    assert spread(NoVideo("x"), 1)[0] >= 2
    assert spread(NoVideo("x"), 100)[1] <= 33


@pytest.mark.parametrize("fault", [Unsupported("no V4L2"), ConfigError("no such street")])
def test_what_never_will_work_is_not_tried_again(fault: SightlineError) -> None:
    assert policy(GATE)(fault, 1) is None


def test_a_recording_is_tried_once_and_one_in_a_loop_again() -> None:
    once = policy(CameraInput(camera_id="c", url="a.mp4"))
    again = policy(CameraInput(camera_id="c", url="a.mp4", loop=True))
    assert once(Unreachable("x"), 1) is None
    assert (again(Unreachable("x"), 1) or 0) >= 2_000_000_000
