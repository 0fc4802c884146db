"""What answers mean, how long to wait, who signed, which results."""

from email.utils import formatdate

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.sink.conftest import shown_of

from sightline import Detection, Result
from sightline.errors import ConfigError
from sightline.sink.choice import Choice
from sightline.sink.delivery import MAX_ASKED_S, MAX_DELAY_S, Verdict, asked_s, delay_s, verdict_of
from sightline.sink.signature import sign, verify
from sightline.sink.target import parse_target
from sightline.testing import ManualClock

NOW_S = 1_700_000_000
SECRET = "0123456789abcdef"


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((200, 201, 202, 204), Verdict.DELIVERED),
        ((400, 401, 403, 404, 410, 413, 422), Verdict.REFUSED),
        ((301, 302, 307, 408, 425, 429, 500, 502, 503, 504), Verdict.AGAIN),
    ],
)
def test_an_answer_means_taken_refused_or_again(statuses: tuple[int, ...], verdict: Verdict) -> None:
    assert {verdict_of(status) for status in statuses} == {verdict}


@given(st.integers(1, 10_000), st.floats(0, MAX_ASKED_S))
def test_delays_grow_up_to_a_cap_and_are_never_shorter_than_asked_for(failures: int, asked: float) -> None:
    least = min(0.25 * 2 ** min(failures - 1, 20), MAX_DELAY_S / 2)
    delay = delay_s(failures, asked)
    assert max(least, asked) <= delay <= max(2 * least, asked)


@pytest.mark.parametrize("failures", [1, 5, 1000])
def test_delays_are_jittered_in_proportion(failures: int) -> None:
    delays = [delay_s(failures) for _ in range(200)]
    assert max(delays) > 1.5 * min(delays)


def test_retry_after_is_seconds_or_a_date_and_has_a_cap() -> None:
    at = NOW_S * 1_000_000_000
    assert asked_s(" 7 ", at) == 7
    assert asked_s(formatdate(NOW_S + 90, usegmt=True), at) == 90
    assert asked_s(formatdate(NOW_S - 90, usegmt=True), at) == 0
    assert asked_s("99999999", at) == asked_s(formatdate(NOW_S + 10**6, usegmt=True), at) == MAX_ASKED_S


@given(st.one_of(st.none(), st.text(max_size=40)))
@example("Fri, 99 Nov 9999 99:99:99 GMT")
@example("9" * 5000)
@example("²")
def test_any_retry_after_is_a_bounded_number_of_seconds(text: str | None) -> None:
    assert 0 <= asked_s(text, NOW_S * 1_000_000_000) <= MAX_ASKED_S


@given(st.binary(), st.text(min_size=1))
def test_what_was_signed_is_verified(body: bytes, secret: str) -> None:
    assert verify(body, sign(body, secret, NOW_S), secret, clock=ManualClock(utc_s=NOW_S))


def test_a_signature_is_the_hmac_of_time_dot_body() -> None:
    """The sum was made with: printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef"""
    assert (
        sign(b"{}", SECRET, NOW_S)
        == f"t={NOW_S},v1=e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e"
    )


@given(st.text())
@example(f"t={NOW_S},v1=")
@example(f"t={NOW_S}")
@example(f"t={'9' * 5000},v1=00")
@example("t=²,v1=00")
def test_no_other_text_is_a_signature(header: str) -> None:
    assert not verify(b"{}", header, SECRET, clock=ManualClock(utc_s=NOW_S))


def test_another_body_secret_or_time_is_refused() -> None:
    clock = ManualClock(utc_s=NOW_S)
    good = sign(b"{}", SECRET, NOW_S)
    assert not verify(b"{} ", good, SECRET, clock=clock)
    assert not verify(b"{}", good, SECRET + "x", clock=clock)
    assert not verify(b"{}", good.replace(str(NOW_S), str(NOW_S + 1)), SECRET, clock=clock)
    assert not verify(b"{}", None, SECRET, clock=clock)
    clock.move(301)
    assert not verify(b"{}", good, SECRET, clock=clock)
    assert verify(b"{}", good, SECRET, tolerance_s=301, clock=clock)
    clock.set_wall(-602)
    assert not verify(b"{}", good, SECRET, clock=clock)


def test_while_a_secret_is_changed_either_of_two_sums_will_do() -> None:
    old, new = sign(b"{}", "the old one", NOW_S), sign(b"{}", SECRET, NOW_S)
    both = f"{old},{new.partition(',')[2]},v2=00"
    assert verify(b"{}", both, SECRET, clock=ManualClock(utc_s=NOW_S))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://example.org/hook?x=1#part", ("https://example.org/hook?x=1", "", "", "example.org")),
        (
            "http://u%40x:p%2Fw@Example.org:8080",
            ("http://Example.org:8080", "u@x", "p/w", "example.org:8080"),
        ),
        ("http://token@[::1]:9/x", ("http://[::1]:9/x", "token", "", "[::1]:9")),
        ("https://example.org/@gate", ("https://example.org/@gate", "", "", "example.org")),
    ],
)
def test_credentials_are_taken_out_of_a_url_and_little_of_it_is_shown(
    url: str, told: tuple[str, ...]
) -> None:
    assert parse_target(url) == told


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/hunter2",
        "ftp://hunter2.org/",
        "https:///hunter2",
        "https://u:hunter2@",
        "http://h:x/hunter2",
        "https://u:p@hunter2/w@example.org/",
        "https://h/hunter 2",
        "https://h/hunter2\n",
        "https://h/hunter2é",
        "https://[hunter2/",
    ],
)
def test_a_url_that_cannot_work_is_refused_unseen(url: str) -> None:
    with pytest.raises(ConfigError, match="webhook: expected") as caught:
        parse_target(url)
    assert "hunter" not in str(caught.value)


def result_of(*seen: tuple[str, float], at_s: float = 0.0, camera_id: str = "gate") -> Result:
    detections = tuple(Detection(label=label, score=score, x1=0, y1=0, x2=9, y2=9) for label, score in seen)
    whole, _ = shown_of(camera_id, detections=detections)
    return msgspec.structs.replace(whole, captured_at_ns=round(at_s * 1e9))


def labels_of(result: Result | None) -> list[str] | None:
    return None if result is None else [seen.label for seen in result.detections]


def test_results_without_detections_are_passed_over_unless_they_are_wanted() -> None:
    assert Choice().of(result_of()) is None
    assert labels_of(Choice(only_detections=False).of(result_of())) == []
    whole, _ = shown_of()
    assert Choice().of(whole) is whole


def test_detections_are_kept_by_label_and_score() -> None:
    choice = Choice(labels=("person", "car"), min_score=0.5)
    seen = result_of(("person", 0.5), ("car", 0.4), ("dog", 0.9), ("car", 0.6))
    assert labels_of(choice.of(seen)) == ["person", "car"]
    assert choice.of(result_of(("dog", 0.9), ("car", 0.1))) is None


def test_each_camera_has_its_own_rest_by_the_time_of_its_pictures() -> None:
    choice = Choice(every_s=2)
    times = [0, 1, 1.99, 2, 3.9, 4.0]
    chosen = [at for at in times if choice.of(result_of(("person", 1), at_s=at))]
    assert chosen == [0, 2, 4.0]
    assert choice.of(result_of(("person", 1), at_s=4.5, camera_id="yard"))
    assert choice.of(result_of(("person", 1), at_s=0.5))  # the clip began again


def test_what_is_passed_over_begins_no_rest() -> None:
    choice = Choice(labels=("person",), every_s=2)
    assert choice.of(result_of(("dog", 1), at_s=0)) is None
    assert choice.of(result_of(("person", 1), at_s=1)) is not None
