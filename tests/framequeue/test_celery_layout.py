"""Which queue a camera's keys go to."""

import pytest
from tests.framequeue.working import frame

from sightline.errors import ConfigError
from sightline.framequeue.tasks.layout import QUEUE, Layout


@pytest.mark.parametrize(
    ("camera_id", "queue"),
    [
        ("gate-1", "gates"),
        ("gate-", "gates"),
        ("yard-7", "yard"),
        ("yard-x", "rest"),
        ("Gate-1", "rest"),
        ("a=b", "odd"),
    ],
)
def test_the_first_group_that_fits_has_a_camera(camera_id: str, queue: str) -> None:
    layout = Layout.of("rest", "quorum", "gate-*=gates, yard-[0-9]=yard,gate-1=never, a=b=odd")
    key, _ = frame(camera_id=camera_id)
    assert layout.queue_for(str(key)) == queue
    assert layout.queues == ("rest", "gates", "yard", "never", "odd")


def test_without_groups_there_is_one_queue() -> None:
    layout = Layout.of()
    assert layout.queues == (QUEUE,)
    assert layout.queue_for(str(frame()[0])) == layout.queue_for("no key") == QUEUE


def test_a_layout_is_what_it_was_after_a_url() -> None:
    layout = Layout.of("rest", "classic", "gate-*=gates,a=b=odd")
    options = layout.options
    assert Layout.of(options["queue"], options["type"], options["routes"]) == layout
    assert "routes" not in Layout.of().options


@pytest.mark.parametrize(
    ("queue", "kind", "routes", "told"),
    [
        ("a.b", "quorum", "", "expected the name of a queue"),
        ("", "quorum", "", "expected the name of a queue"),
        ("a", "quorum", "x=a.b", "'a.b'"),
        ("a", "quick", "", "expected a type of queue of quorum, classic, got 'quick'"),
        ("a", "quorum", "gates", "expected a route as PATTERN=QUEUE"),
        ("a", "quorum", "=gates", "expected a route as PATTERN=QUEUE"),
        ("a", "quorum", "gate-*=", "expected the name of a queue"),
        ("a", "quorum", "gate-*=a-sweep", "'a-sweep' is that of what sweeps"),
    ],
)
def test_what_is_no_layout_is_explained(queue: str, kind: str, routes: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        Layout.of(queue, kind, routes)
    assert told in str(error.value)
