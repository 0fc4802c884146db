"""What the environment tells a worker of Celery's, and what that makes of Celery."""

import pytest
from tests.framequeue.working import frame

from sightline.errors import ConfigError
from sightline.framequeue.queues.limits import WhenFull
from sightline.framequeue.tasks.configured import BACKSTOP_S, configuration
from sightline.framequeue.tasks.message import PROCESS, SWEEP
from sightline.framequeue.tasks.settings import PREFIX, Settings, table


def settings(**given: str) -> Settings:
    return Settings.of({f"{PREFIX}{name.upper()}": value for name, value in given.items()})


def test_what_is_given_is_read_and_what_is_empty_is_not() -> None:
    read = settings(
        store="redis://host:6379/0",
        lease_s="5",
        time_limit_s="2.5",
        hard_limit_s="",
        max_keys="7",
        when_full="drop_oldest",
        routes="gate-*=gates",
    )
    assert (read.limits.lease_s, read.limits.time_limit_s, read.limits.hard_limit_s) == (5.0, 2.5, None)
    assert (read.queue_limits.max_keys, read.queue_limits.when_full) == (7, WhenFull.DROP_OLDEST)
    assert read.layout.queues == ("celery-frames", "gates")
    assert read.broker == "amqp://guest:guest@localhost:5672/"


def test_other_variables_are_none_of_ours() -> None:
    """Those of `sightline framequeue` among them."""
    assert Settings.of({f"{PREFIX}QUEUE": "amqp://me:pw@h", "PATH": "x"}) == Settings()


@pytest.mark.parametrize("broker", ["redis://h:1/0", "rediss://me:pw@h", "sentinel://h"])
def test_a_redis_is_no_broker(broker: str) -> None:
    with pytest.raises(ConfigError, match="visibility_timeout") as error:
        settings(broker=broker)
    assert "pw" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("broker", "kafka://h", "expected amqp:// or amqps://"),
        ("results", "db+sqlite://x", "expected redis:// or rediss://"),
        ("lease_s", "soon", f"{PREFIX}LEASE_S: expected a number, got 'soon'"),
        ("max_keys", "1.5", f"{PREFIX}MAX_KEYS: expected a whole number, got '1.5'"),
        ("when_full", "drop", f"{PREFIX}WHEN_FULL: expected reject or drop_oldest, got 'drop'"),
        ("key_ttl_s", "x", f"{PREFIX}KEY_TTL_S: expected a number, got 'x'"),
        ("lease_s", "0", "a lease"),
        ("max_attempts", "0", "at least 1 attempt"),
        ("queue_name", "a.b", "the name of a queue"),
        ("queue_type", "quick", f"{PREFIX}QUEUE_TYPE: expected quorum or classic, got 'quick'"),
        ("max_keys", "0", "at least 1"),
        ("results_ttl_s", "-1", "keep results"),
        ("sweep_s", "-1", "a sweep_s"),
        ("orphan_s", "-1", "an orphan_s above 0 s"),
        ("orphan_s", "nan", "an orphan_s above 0 s"),
        ("take", "borrow", f"{PREFIX}TAKE: expected lease or getdel, got 'borrow'"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(name: str, value: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings(**{name: value})
    assert told in str(error.value)


def test_a_hard_limit_is_above_the_limit() -> None:
    with pytest.raises(ConfigError, match="above the time_limit_s"):
        settings(time_limit_s="5", hard_limit_s="5")


def test_the_table_has_every_setting_once_and_what_it_means() -> None:
    rows = table()
    assert [name for name, _, _ in rows] == [f"{PREFIX}{name.upper()}" for name in Settings.__struct_fields__]
    assert all(meaning for _, _, meaning in rows)
    assert {name: default for name, default, _ in rows}[f"{PREFIX}LEASE_S"] == "30"


def test_celery_takes_json_alone_and_acknowledges_late() -> None:
    told = configuration(settings(hard_limit_s="9"))
    assert told["accept_content"] == told["result_accept_content"] == ["json"]
    assert told["task_acks_late"]
    assert told["broker_channel_error_retry"]  # else a worker ends where RabbitMQ's consumer_timeout is over
    assert told["task_reject_on_worker_lost"]
    assert told["worker_prefetch_multiplier"] == 1
    assert told["task_time_limit"] == 9 + BACKSTOP_S
    assert told["task_ignore_result"]


def test_a_task_that_a_stranger_sends_finds_its_queue() -> None:
    [route] = configuration(settings(routes="gate-*=gates"))["task_routes"]
    key, _ = frame(camera_id="gate-1")
    assert route(PROCESS, (str(key),), {}, {}) == {"queue": "gates"}
    assert route(SWEEP, (), {}, {}) == {"queue": "celery-frames-sweep"}
    assert route("another.task", (), {}, {}) is None


def test_a_broker_within_tls_is_asked_who_it_is() -> None:
    told = configuration(settings(broker="amqps://me:a%2Fb@host/cams?tls_ca=/ca.pem"))
    assert told["broker_url"] == "amqp://me:a%2Fb@host:5671/cams"
    assert told["broker_use_ssl"]["ca_certs"] == "/ca.pem"
    assert told["broker_use_ssl"]["server_hostname"] == "host"
    assert told["broker_use_ssl"]["cert_reqs"].name == "CERT_REQUIRED"


def test_results_within_tls_are_asked_who_keeps_them() -> None:
    told = configuration(settings(results="rediss://host/0"))
    assert told["redis_backend_use_ssl"]["ssl_cert_reqs"].name == "CERT_REQUIRED"


def test_without_rounds_beat_has_nothing_to_do() -> None:
    assert configuration(settings(sweep_s="0"))["beat_schedule"] == {}
    [entry] = configuration(settings(sweep_s="7"))["beat_schedule"].values()
    assert (entry["task"], entry["schedule"]) == (SWEEP, 7.0)
