"""What may run without an agent, as the next agent knows it."""

import stat
from pathlib import Path

import pytest
from tests.fleet.agent.rig import found_of, instance

from sightline.errors import StoreError
from sightline.fleet.agent.given import FILE, Given

A, X = instance("a"), instance("x", exclusive=True)


def there(given: Given) -> dict[str, bool] | None:
    found = given.may_be("docker")
    return None if found is None else {one.name: one.exclusive for one in found}


def next_one(folder: Path) -> Given:
    return Given(folder, ["docker"], new=False)


def test_it_is_on_disk_before_it_is_begun(tmp_path: Path) -> None:
    given = Given(tmp_path, ["docker"], new=True)
    with given.giving("docker", A), given.giving("docker", X):
        assert there(next_one(tmp_path)) == {"a": False, "x": True}
    assert there(next_one(tmp_path)) == {"a": False, "x": True}
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_where_nothing_was_ever_begun_nothing_is_there(tmp_path: Path) -> None:
    Given(tmp_path, ["docker"], new=True)
    assert there(next_one(tmp_path)) == {}


@pytest.mark.parametrize("content", [None, b"", b"[1]", b"\xff"])
def test_without_its_file_anything_may_be_there_until_the_runtime_answers(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    given = next_one(tmp_path)
    assert there(given) is None
    with given.giving("docker", A):
        assert there(next_one(tmp_path)) is None, "what else is there was forgotten"
    given.seen("docker", [found_of(X)])
    assert there(given) == there(next_one(tmp_path)) == {"x": True}


def test_what_is_gone_is_forgotten_and_what_is_being_begun_is_not(tmp_path: Path) -> None:
    given = Given(tmp_path, ["docker"], new=True)
    with given.giving("docker", A):
        given.seen("docker", [])
        assert there(next_one(tmp_path)) == {"a": False}
    given.seen("docker", [found_of(A), found_of(X)])
    given.gone("docker", "a")
    assert there(next_one(tmp_path)) == {"x": True}
    given.seen("docker", [])
    assert there(next_one(tmp_path)) == {}


def test_it_must_not_run_twice_as_long_as_what_was_there_before_may_be(tmp_path: Path) -> None:
    given = Given(tmp_path, ["docker"], new=True)
    with given.giving("docker", X):
        pass
    with given.giving("docker", instance("x", "2")):
        assert there(given) == {"x": True}


def test_what_ends_with_the_agent_is_not_noted(tmp_path: Path) -> None:
    given = Given(tmp_path, ["docker"], new=True)
    with given.giving("process", A):
        pass
    assert given.may_be("process") is None
    assert there(next_one(tmp_path)) == {}


def test_what_another_setting_of_the_agent_ran_stays_known(tmp_path: Path) -> None:
    with Given(tmp_path, ["docker"], new=True).giving("docker", A):
        pass
    Given(tmp_path, [], new=False)
    assert there(next_one(tmp_path)) == {"a": False}


def test_what_cannot_be_noted_is_not_begun(tmp_path: Path) -> None:
    given = Given(tmp_path, ["docker"], new=True)
    (tmp_path / f".{FILE}.new").mkdir()
    with pytest.raises(StoreError, match="cannot note"), given.giving("docker", A):
        pytest.fail("it was begun")
