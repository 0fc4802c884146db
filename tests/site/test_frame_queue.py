"""The section frame_queue of a site file: what it may say, held against what takes it."""

import inspect
from pathlib import Path
from typing import Any, get_args

import pytest

from sightline.errors import ConfigError
from sightline.framequeue import opening
from sightline.framequeue.feeding_line import WhenLineFull
from sightline.framequeue.key import FORMATS
from sightline.framequeue.picking import Keyframes
from sightline.framequeue.sampling import FrameSampler
from sightline.framequeue.work.worker import Worker
from sightline.log import redact
from sightline.site import Site, SiteError, parse_site
from sightline.site.frame_queue import QUEUE_SCHEMES, STORE_SCHEMES, FrameQueue
from sightline.site.frame_queue_places import Places, queue_of_group, store_with

CAMERAS = "cameras: {gate: {url: gate.mp4}, yard: {url: yard.mp4, enabled: false}}\n"
WORKERS = "workers: {w: {model: {kind: motion}}}\n"


def read(text: str, folder: str = "/srv") -> Site:
    return parse_site(text, {}, name="site.yaml", folder=Path(folder))


def of(text: str) -> FrameQueue:
    section = read(f"{CAMERAS}{WORKERS}frame_queue: {text}\n").frame_queue
    assert section is not None
    return section


def mistakes(text: str) -> list[str]:
    with pytest.raises(SiteError) as caught:
        read(f"{CAMERAS}{WORKERS}frame_queue: {text}\n")
    return [f"{mistake.where}: {mistake.message}" for mistake in caught.value.mistakes]


def test_what_is_left_out_is_as_those_have_it_who_take_it() -> None:
    left_out = of("{rate: 1}")

    sampler = inspect.signature(FrameSampler).parameters
    for name in ("rate", "format", "quality", "size", "keyframes", "namespace", "hwaccel"):
        assert getattr(left_out, name) == sampler[name].default, name
    worker = inspect.signature(Worker).parameters
    for name in ("concurrency", "lease_s", "time_limit_s", "max_attempts"):
        assert getattr(left_out, name) == worker[name].default, name


def test_words_are_those_that_are_known() -> None:
    fields: dict[str, Any] = FrameQueue.model_json_schema()["properties"]
    assert fields["format"]["enum"] == list(FORMATS)
    assert fields["keyframes"]["enum"] == list(get_args(Keyframes))
    assert set(fields["when_full"]["enum"]) == set(WhenLineFull)
    assert set(STORE_SCHEMES) == set(opening._STORES)
    assert set(QUEUE_SCHEMES) == set(opening._QUEUES)


def test_files_are_meant_from_the_folder_of_the_site() -> None:
    assert of("{rate: 1}").store == "folder:/srv/frames"
    assert of("{rate: 1}").queue == "sqlite:/srv/frames/keys.db"
    assert of('{queue: "sqlite:a b?durable=false"}').queue == "sqlite:/srv/a%20b?durable=false"
    assert of("{store: folder:///var/lib/frames}").store == "folder:/var/lib/frames"
    assert of('{store: "redis://h/0"}').store == "redis://h/0"


def test_a_folder_of_a_user_who_is_not_there_is_a_mistake() -> None:
    assert mistakes('{store: "folder:~no-such-user/frames"}') == [
        "frame_queue.store: expected ~ or the ~name of a user of this machine, got another's"
    ]


def test_a_password_in_a_url_is_shown_nowhere() -> None:
    section = of('{store: "redis://me:sw0rdfish@h/0", queue: "amqp://me:b1ack%2Fbeard@h/v?queue=q"}')

    assert section.store == "redis://me:sw0rdfish@h/0"
    for shown in (repr(section), str(section.model_dump()), redact("sw0rdfish and b1ack/beard")):
        assert "sw0rdfish" not in shown
        assert "beard" not in shown


def test_mistakes_are_all_told_at_once_without_what_may_be_secret() -> None:
    told = mistakes(
        '{rte: 1, store: "redsi://me:sw0rdfish@h", queue: "folder:x", quality: 0, namespace: "a:b", '
        "cameras: [gat], groups: {one: [gate, gate], two: [gate, yrd]}}"
    )

    assert not any("sw0rdfish" in line for line in told)
    for place, words in (
        ("frame_queue.rte", 'did you mean "rate"?'),
        ("frame_queue.store", 'got "redsi"; did you mean "redis"?'),
        ("frame_queue.queue", 'got "folder"'),
        ("frame_queue.quality", "at least 1"),
        ("frame_queue.namespace", "expected a namespace"),
        ("frame_queue.cameras[0]", 'did you mean "gate"?'),
        ("frame_queue.groups.one[1]", "stands in this list twice"),
        ("frame_queue.groups.two[0]", 'the camera "gate" is in group one already'),
        ("frame_queue.groups.two[1]", 'did you mean "yard"?'),
    ):
        assert any(line.startswith(f"{place}: ") and words in line for line in told), (place, told)


def test_a_site_with_a_frame_queue_needs_no_workers() -> None:
    site = read(f"{CAMERAS}frame_queue: {{rate: 1}}\n")

    assert site.workers == {}
    assert list(site.sampled_cameras()) == ["gate"]
    with pytest.raises(SiteError, match='missing key "workers"'):
        read(CAMERAS)
    with pytest.raises(SiteError, match="frame_queue.rate"):
        read(f"{CAMERAS}frame_queue: {{rate: 0}}\n")


def test_cameras_of_the_frame_queue_are_those_that_are_named_and_enabled() -> None:
    assert list(read(f"{CAMERAS}frame_queue: {{cameras: [yard]}}\n").sampled_cameras()) == []
    assert list(read(f"{CAMERAS}frame_queue: {{cameras: all}}\n").sampled_cameras()) == ["gate"]


@pytest.mark.parametrize(
    ("url", "of_group"),
    [
        ("sqlite:/srv/keys.db", "sqlite:/srv/keys-out.db"),
        ("sqlite:/srv/keys.db?durable=false", "sqlite:/srv/keys-out.db?durable=false"),
        ("memory:", "memory:out"),
        ("memory:one", "memory:one-out"),
        ("amqp://me:p%2Fw@h/v", "amqp://me:p%2Fw@h/v?queue=frames-out"),
        ("amqps://h/v?queue=a&type=quorum", "amqps://h/v?queue=a-out&type=quorum"),
        ("hub://h:4820?queue=a", "hub://h:4820?queue=a-out"),
        ("celery+amqp://h/v", "celery+amqp://h/v?queue=celery-frames-out"),
    ],
)
def test_a_group_has_a_queue_of_its_own(url: str, of_group: str) -> None:
    assert queue_of_group(url, "out") == of_group
    assert queue_of_group(url, "") == url


def test_what_stands_in_the_url_of_a_store_counts_more() -> None:
    assert store_with("folder:/x", 5) == "folder:/x?limit_bytes=5"
    assert store_with("folder:/x?limit_bytes=7", 5) == "folder:/x?limit_bytes=7"
    assert store_with("redis://h?name=a%3Fb", 5) == "redis://h?name=a%3Fb&limit_bytes=5"
    assert store_with("redis://h?x=%3F", None) == "redis://h?x=%3F"


def test_keys_go_over_the_queue_of_their_cameras_group() -> None:
    with Places("memory:", "memory:", {"out": ["yard"]}) as places:
        key = "frames:{}:1789041600000:1789041600000:1:16x8:9:png"
        sent = places.send([key.format("gate"), key.format("yard"), "no key", key.format("yard")])

        assert [each.text for each in sent] == [
            key.format("gate"),
            key.format("yard"),
            "no key",
            key.format("yard"),
        ]
        assert places.queues[""].depth().ready == 2
        assert places.queues["out"].depth().ready == 2
        assert places.depth().ready == 4
        for delivery in places.queues["out"].receive(1, 1.0):
            places.queues["out"].dead(delivery, "why")
        assert [letter.reason for letter in places.dead_letters(10)] == ["why"]
        assert places.dead_retry(None) == 1


def test_a_worker_of_one_group_sends_keys_of_another_again_over_that_ones_queue(tmp_path: Path) -> None:
    where = f"folder:{tmp_path}/s", f"sqlite:{tmp_path}/k.db", {"out": ["yard"], "in": ["gate"]}
    texts = [f"frames:{name}:1789041600000:1789041600000:1:16x8:9:png" for name in ("gate", "yard", "hall")]

    with Places(*where, only=["in"]) as places:
        assert all(sent.accepted for sent in places.send([*texts, "no key"]))
        assert list(places.queues) == ["in"]

    with Places(*where) as places:
        ready = {name: [each.text for each in of.receive(9, 0.1)] for name, of in places.queues.items()}
    assert ready == {"": [texts[2], "no key"], "out": [texts[1]], "in": [texts[0]]}


def test_only_groups_that_are_wanted_are_opened() -> None:
    with Places("memory:", "memory:", {"out": ["yard"], "in": ["gate"]}, only=["in"]) as places:
        assert list(places.queues) == ["in"]
        with pytest.raises(ConfigError, match="group in"):
            places.queue_of("yard")
    with pytest.raises(ConfigError, match="no group 'ot'; did you mean \"out\""):
        Places("memory:", "memory:", {"out": ["yard"]}, only=["ot"])
