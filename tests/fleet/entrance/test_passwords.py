import threading
import time

import argon2
import pytest

from sightline.errors import ConfigError
from sightline.fleet.entrance import hashing
from sightline.fleet.entrance.hashing import Hashing
from sightline.fleet.entrance.refusals import TooManyTries
from sightline.fleet.people.passwords import check_password, fits, hashed, is_old

GOOD = "correct horse battery"


def test_a_password_is_kept_as_a_hash_of_argon2id_with_a_salt() -> None:
    kept = hashed(GOOD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert kept != hashed(GOOD)
    assert GOOD not in kept
    assert fits(kept, GOOD)
    assert not fits(kept, GOOD + "x")
    assert not is_old(kept)


def test_a_hash_with_other_parameters_still_fits_and_is_old() -> None:
    kept = argon2.PasswordHasher(time_cost=1, memory_cost=8192).hash(GOOD)
    assert fits(kept, GOOD)
    assert is_old(kept)


@pytest.mark.parametrize("kept", [None, "", "plain text", "$argon2id$v=19$m=65536$broken"])
def test_what_is_no_hash_fits_no_password(kept: str | None) -> None:
    assert not fits(kept, "the password of nobody")
    assert not fits(kept, "plain text")


def test_the_password_of_nobody_takes_as_long_as_that_of_somebody() -> None:
    kept = hashed(GOOD)
    fits(None, "to make that of nobody")

    def seconds(one: str | None) -> float:
        begin = time.process_time()  # of all threads, however busy the machine is
        fits(one, "a wrong password")
        return time.process_time() - begin

    assert min(seconds(None) for _ in range(3)) > min(seconds(kept) for _ in range(3)) / 3


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 1025])
def test_a_password_that_may_not_be_set_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(ConfigError, match="12 to 1024 characters") as refused:
        check_password(password)
    assert not password or password not in str(refused.value)


def test_any_text_may_be_tried_as_a_password() -> None:
    kept = hashed("\ud800 half of a pair \x00")
    assert fits(kept, "\ud800 half of a pair \x00")
    assert not fits(kept, "\ud801 half of a pair \x00")


def test_no_more_are_hashed_at_once_than_there_may_be_and_the_rest_is_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, lock, within, most = threading.Event(), threading.Lock(), [0], [0]
    ready, refused = threading.Semaphore(0), list[TooManyTries]()

    def slow(_kept: str | None, _password: str) -> bool:
        with lock:
            within[0] += 1
            most[0] = max(most[0], within[0])
        ready.release()
        assert go_on.wait(20)
        with lock:
            within[0] -= 1
        return True

    monkeypatch.setattr(hashing, "fits", slow)
    those = Hashing()

    def ask() -> None:
        try:
            those.fits(None, "")
        except TooManyTries as error:
            refused.append(error)
            ready.release()

    count = hashing.AT_ONCE + hashing.WAITING + 5
    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for _ in range(hashing.AT_ONCE + 5):
        assert ready.acquire(timeout=20)
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert (len(refused), most[0]) == (5, hashing.AT_ONCE)
    assert refused[0].retry_after_s == 1
