"""What is found of the frame queue of a site, at files and at real servers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import StartRedisServer
from tests.framequeue.working import frame, hand_over

from sightline.doctor.finding import Finding
from sightline.doctor.frame_queue import look_at_frame_queue
from sightline.framequeue import open_queue, open_store
from sightline.site import parse_site


def findings(section: str, folder: Path) -> list[Finding]:
    text = f"cameras: {{gate: {{url: a.mp4}}}}\nframe_queue: {section}\n"
    return list(look_at_frame_queue(parse_site(text, {}, name="site.yaml", folder=folder)))


def test_files_that_are_not_there_are_not_made(tmp_path: Path) -> None:
    found = findings("{groups: {out: [gate]}}", tmp_path)

    assert [(one.name, one.state.value) for one in found] == [
        ("store", "ok"),
        ("queue", "ok"),
        ("queue out", "ok"),
    ]
    assert all(one.told.startswith(f"will be made: {tmp_path}/frames") for one in found)
    assert not list(tmp_path.iterdir())


def test_what_waits_is_told_and_what_is_dead(tmp_path: Path) -> None:
    with (
        open_store(f"folder:{tmp_path}/frames") as store,
        open_queue(f"sqlite:{tmp_path}/frames/keys.db") as queue,
    ):
        hand_over(store, queue, frame(0), frame(1))
        (one,) = queue.receive(1, 1.0)
        queue.dead(one, "why")

    found = {one.name: one for one in findings("{rate: 1}", tmp_path)}

    assert found["store"].told.startswith("2 pictures in folder:")
    assert found["queue"].state.value == "note"
    assert found["queue"].told.endswith("keys.db, 1 are dead letters")


def test_servers_that_do_not_answer_are_problems_without_passwords(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    found = findings(
        f'{{store: "redis://:sw0rdfish@127.0.0.1:{free_port()}/0?timeout_s=0.5", '
        f'queue: "amqp://me:b1ackbeard@127.0.0.1:{free_port()}/?reach_s=0.5"}}',
        tmp_path,
    )

    assert [(one.name, one.state.value) for one in found] == [("store", "problem"), ("queue", "problem")]
    assert not any(word in one.told for one in found for word in ("sw0rdfish", "b1ackbeard"))


@pytest.mark.needs("redis", "rabbitmq")
def test_how_redis_is_set_is_told_with_the_line_that_mends_it(
    redis_server: StartRedisServer, rabbitmq_url: str, tmp_path: Path
) -> None:
    found = findings(f'{{store: "{redis_server().url()}", queue: "{rabbitmq_url}", budget_mb: 64}}', tmp_path)

    assert {one.state.value for one in found} == {"ok", "note"}
    assert f"maxmemory {96 << 20}" in {one.do for one in found}
    assert found[-1].told.startswith("0 keys wait in amqp://")
