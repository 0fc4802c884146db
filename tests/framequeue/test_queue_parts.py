"""The pure parts of the queues: limits, and who of a served queue's clients holds what."""

import pytest

from sightline.errors import ConfigError
from sightline.framequeue import reason
from sightline.framequeue.queue import Delivery
from sightline.framequeue.queues.limits import QueueLimits, Verdict, Waiting, WhenFull
from sightline.framequeue.queues.sessions import Sessions
from sightline.framequeue.reason import MAX_REASON_CHARS, checked_reason

LEASE_NS = 100


def delivery(number: int) -> Delivery:
    return Delivery(str(number), redelivered=False, received_at_ns=0, tag=(number, 1))


@pytest.mark.parametrize("when_full", WhenFull)
def test_what_fits_is_taken_whatever_the_policy(when_full: WhenFull) -> None:
    limits = QueueLimits(max_keys=2, max_bytes=10, when_full=when_full)
    assert limits.judge(Waiting(1, 4), 6) is Verdict.TAKE


def test_at_the_cap_a_key_is_refused_or_the_oldest_goes() -> None:
    reject = QueueLimits(max_keys=2, max_bytes=10)
    drop = QueueLimits(max_keys=2, max_bytes=10, when_full=WhenFull.DROP_OLDEST)
    for waiting, size in ((Waiting(2, 2), 1), (Waiting(1, 5), 6)):
        assert reject.judge(waiting, size) is Verdict.REFUSE
        assert drop.judge(waiting, size) is Verdict.DROP
    assert drop.judge(Waiting(1, 1), 11) is Verdict.REFUSE, "nothing is dropped for what never fits"


@pytest.mark.parametrize(
    "wrong", [{"max_keys": 0}, {"max_bytes": -1}, {"max_dead": 0}, {"ttl_s": 0}, {"ttl_s": float("inf")}]
)
def test_limits_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        QueueLimits(**wrong)  # type: ignore[arg-type]


def test_a_reason_is_searched_for_secrets_as_far_as_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    across = "x" * (MAX_REASON_CHARS - 20) + " rtsp://me:" + "secret" * 100 + "@host"
    assert "secret" not in checked_reason(across)
    searched: list[str] = []

    def looked_through(text: str) -> str:
        searched.append(text)
        return text

    monkeypatch.setattr(reason, "redact", looked_through)
    assert len(checked_reason("y" * 10_000_000)) == MAX_REASON_CHARS
    assert len(searched[0]) < 10_000, "a handler may raise an error of any length"


def test_a_client_that_is_silent_for_a_lease_is_gone() -> None:
    sessions = Sessions(LEASE_NS)
    for name, number in (("quick", 1), ("slow", 2)):
        sessions.heard(name, 0)
        assert sessions.hand(name, [delivery(number)], 0)
    assert sessions.renew("quick", {(1, 1)}, 50) == []
    assert sessions.lapsed(99) == []
    assert sessions.lapsed(100) == [delivery(2)]
    assert sessions.lapsed(149) == []
    assert sessions.lapsed(150) == [delivery(1)]
    assert not sessions.hand("slow", [delivery(3)], 150), "it is to be heard of first"


def test_what_a_client_does_not_know_of_comes_back_after_a_lease() -> None:
    sessions = Sessions(LEASE_NS)
    sessions.heard("client", 0)
    sessions.hand("client", [delivery(1), delivery(2)], 0)
    assert sessions.renew("client", {(1, 1)}, 99) == [], "it may be on its way"
    assert sessions.renew("client", {(1, 1)}, 100) == [delivery(2)]
    assert sessions.leave("client") == [delivery(1)]
    assert sessions.leave("client") == []


def test_what_was_settled_does_not_come_back() -> None:
    sessions = Sessions(LEASE_NS)
    sessions.heard("client", 0)
    sessions.hand("client", [delivery(1)], 0)
    assert sessions.find("client", (1, 1)) == delivery(1)
    sessions.settled("client", (1, 1))
    sessions.settled("stranger", (1, 1))
    assert sessions.lapsed(LEASE_NS) == []
    assert sessions.find("client", (7, 3)).tag == (7, 3), "of a host before this one"
