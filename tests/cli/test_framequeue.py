"""`sightline framequeue` as it is typed: with nothing else installed, by a site file, at real servers."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.cli.conftest import COMMAND, Invoke
from tests.conftest import StartRedisServer, WaitFor

from sightline.frame import Size
from sightline.framequeue import FrameKey, open_queue, open_store
from sightline.scene import Scene, write_clip
from sightline.wire import result_from_json

WAIT_S = 60.0
SECONDS = (4, 5)  # of a clip of four, which begins whenever it is opened


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(Scene(seed=7, camera=3), tmp_path_factory.mktemp("film") / "film.mp4", 100, gop=25)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, which is the data folder of the user too; handlers in it are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("SIGHTLINE_FRAMEQUEUE_STORE", "SIGHTLINE_FRAMEQUEUE_QUEUE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("given_handler",):
        sys.modules.pop(name, None)


class Begin(Protocol):
    """`begin("sample", ...)`: the type of the fixture of that name."""

    def __call__(self, *words: object) -> "subprocess.Popen[str]": ...


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts commands that run on; those that are left are killed at the end."""
    begun: list[subprocess.Popen[str]] = []

    def start(*words: object) -> "subprocess.Popen[str]":
        begun.append(
            subprocess.Popen(
                [*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def handler(folder: Path, body: str) -> str:
    (folder / "given_handler.py").write_text(f"seen = []\ndef look(frame):\n    {body}\n")
    return "given_handler:look"


def last_line(text: str) -> Any:
    return json.loads(text.strip().splitlines()[-1])


def test_a_clip_is_sampled_and_looked_at_with_nothing_else_installed(
    invoke: Invoke, film: Path, folder: Path
) -> None:
    sampled = invoke("framequeue", "sample", film, "--camera", "street", "--json")
    assert sampled.exit_code == 0
    street = last_line(sampled.stdout)["cameras"]["street"]
    assert street["feed"]["sent"] in SECONDS
    assert (folder / "data/sightline/frames/keys.db").is_file()

    worked = invoke("framequeue", "work", "--model", "motion", "--drain")
    assert worked.exit_code == 0
    assert re.search(
        r"^frames: (\d) received, \1 done, 0 dead letters, 0 in hand, \d+ ms each, else none$",
        worked.stdout,
        re.MULTILINE,
    )
    results = [result_from_json(line) for line in (folder / "results.jsonl").read_bytes().splitlines()]
    assert len(results) == street["feed"]["sent"]
    assert {result.camera_id for result in results} == {"street"}

    again = invoke("framequeue", "work", "--model", "motion", "--drain", "--json")
    assert last_line(again.stdout)["queues"]["frames"]["received"] == 0


def test_what_was_told_last_is_not_told_again_at_the_end(invoke: Invoke, film: Path) -> None:
    told = invoke("framequeue", "sample", film, "--camera", "street").stdout.splitlines()

    assert len(told) == len(set(told))
    assert told[-1].startswith("street: done, 100 packets")


def test_settings_of_pictures_are_kept_to(invoke: Invoke, film: Path, folder: Path) -> None:
    options = ["--rate", "2", "--format", "png", "--size", "160x90", "--store", "folder:s"]
    done = invoke(
        "framequeue",
        "sample",
        film,
        "--camera",
        "c",
        "--namespace",
        "mine",
        *options,
        "--queue",
        "sqlite:k.db",
        "--budget-mb",
        "3",
    )
    assert done.exit_code == 0

    with open_queue("sqlite:k.db") as queue, open_store("folder:s") as store:
        keys = [FrameKey.parse(delivery.text) for delivery in queue.receive(100, 1.0)]
        assert len(keys) in {8, 9}
        assert {(key.namespace, key.width, key.height, key.format) for key in keys} == {
            ("mine", 160, 90, "png")
        }
        assert store.usage().total.frames == len(keys)
    assert not (folder / "data").exists()


def test_the_environment_says_where_and_an_option_counts_more(
    invoke: Invoke, film: Path, folder: Path
) -> None:
    environment = {
        "SIGHTLINE_FRAMEQUEUE_STORE": "folder:here",
        "SIGHTLINE_FRAMEQUEUE_QUEUE": "sqlite:here/k.db",
    }

    assert invoke("framequeue", "sample", film, env=environment).exit_code == 0
    told = last_line(invoke("framequeue", "stats", "--json", env=environment).stdout)
    assert told["store"]["total"]["frames"] in SECONDS
    assert list(told["store"]["cameras"]) == ["film-1"]
    told = last_line(
        invoke("framequeue", "stats", "--json", "--store", "folder:there", env=environment).stdout
    )
    assert told["store"]["total"]["frames"] == 0
    assert told["queues"]["frames"]["ready"] in SECONDS


def test_a_site_says_all_of_it(invoke: Invoke, film: Path, folder: Path) -> None:
    (folder / "site").mkdir()
    (folder / "site/site.yaml").write_text(
        f"cameras: {{gate: {{url: {film}}}, yard: {{url: {film}}}, off: {{url: no.mp4, enabled: false}}}}\n"
        "frame_queue: {format: webp, groups: {out: [yard]}}\n"
        "workers:\n"
        "  people: {model: {kind: motion}, sinks: [{kind: jsonl, path: people.jsonl}]}\n"
        "  cars: {model: {kind: motion}, cameras: [gate], sinks: [{kind: csv, path: cars.csv}]}\n"
    )
    site = ("--site", "site/site.yaml")

    sampled = last_line(invoke("framequeue", "sample", *site, "--json").stdout)["cameras"]
    assert list(sampled) == ["gate", "yard"]
    stats = last_line(invoke("framequeue", "stats", *site, "--json").stdout)
    assert stats["queues"]["frames"]["ready"] == sampled["gate"]["feed"]["sent"]
    assert stats["queues"]["out"]["ready"] == sampled["yard"]["feed"]["sent"]

    out = invoke("framequeue", "work", *site, "people", "--group", "out", "--drain")
    assert out.exit_code == 0, out.output
    lines = (folder / "site/people.jsonl").read_bytes().splitlines()
    assert {result_from_json(line).camera_id for line in lines} == {"yard"}

    all_of_it = invoke("framequeue", "work", *site, "--drain", "--json")
    cameras = last_line(all_of_it.stdout)["cameras"]
    assert cameras["gate"]["results"] == 2 * sampled["gate"]["feed"]["sent"]  # two models look at it
    assert (folder / "site/cars.csv").is_file()


def test_up_says_that_it_does_not_run_the_frame_queue(invoke: Invoke, film: Path, folder: Path) -> None:
    (folder / "site.yaml").write_text(f"cameras: {{gate: {{url: {film}}}}}\nframe_queue: {{rate: 1}}\n")

    done = invoke("up", "site.yaml")

    assert done.exit_code == 1
    assert "sightline framequeue sample --site site.yaml" in done.stderr
    assert "expected a worker" in done.stderr


@pytest.mark.needs("redis")
def test_keys_of_any_namespace_are_worked_on(
    redis_server: StartRedisServer, invoke: Invoke, film: Path
) -> None:
    where = ("--store", redis_server().url(), "--queue", "sqlite:k.db")
    assert invoke("framequeue", "sample", film, "--namespace", "shop", *where).exit_code == 0

    worked = invoke("framequeue", "work", "--model", "motion", "--drain", "--json", *where)

    assert list(last_line(worked.stdout)["queues"]["frames"]["endings"]) == ["processed"]


def test_a_camera_of_a_site_may_be_picked(invoke: Invoke, film: Path, folder: Path) -> None:
    (folder / "site.yaml").write_text(
        f"cameras: {{gate: {{url: {film}}}, yard: {{url: {film}}}}}\nframe_queue: {{rate: 1}}\n"
    )
    done = invoke("framequeue", "sample", "--site", "site.yaml", "--camera", "yard", "--json")
    assert list(last_line(done.stdout)["cameras"]) == ["yard"]
    wrong = invoke("framequeue", "sample", "--site", "site.yaml", "--camera", "yrd")
    assert wrong.exit_code == 1
    assert 'did you mean "yard"?' in wrong.output


def test_of_a_camera_with_a_stream_for_models_that_is_sampled(
    invoke: Invoke, film: Path, folder: Path
) -> None:
    small = write_clip(Scene(size=Size(160, 90)), folder / "small.mp4", 50, gop=25)
    (folder / "site.yaml").write_text(
        f"cameras: {{gate: {{url: {film}, detect_url: {small}}}}}\nframe_queue: {{rate: 1}}\n"
    )
    assert invoke("framequeue", "sample", "--site", "site.yaml").exit_code == 0

    with open_queue("sqlite:frames/keys.db") as queue:
        keys = [FrameKey.parse(delivery.text) for delivery in queue.receive(100, 1.0)]
    assert {(key.width, key.height) for key in keys} == {(160, 90)}


def test_dead_letters_are_listed_with_their_reasons_and_tried_again(
    invoke: Invoke, film: Path, folder: Path
) -> None:
    invoke("framequeue", "sample", film, "--camera", "street")
    named = handler(folder, "raise ValueError('password=hunter22 \\x1b[2J')")

    worked = invoke("framequeue", "work", "--handler", named, "--max-attempts", "1", "--drain", "--json")
    dead = last_line(worked.stdout)["queues"]["frames"]["endings"]["dead_failed"]
    assert dead in SECONDS
    letters = last_line(invoke("framequeue", "dead", "list", "--json").stdout)
    assert len(letters) == dead
    shown = invoke("framequeue", "dead", "list", "--limit", "1").stdout
    assert "hunter22" not in shown
    assert "\x1b" not in shown
    assert "(1 attempts): ValueError: password=***" in shown

    one = invoke("framequeue", "dead", "retry", letters[0]["text"])
    assert (one.exit_code, one.stdout) == (0, "in line again: 1\n")
    missing = invoke("framequeue", "dead", "retry", "no such key")
    assert (missing.exit_code, missing.stdout) == (1, "in line again: 0\n")
    rest = invoke("framequeue", "dead", "retry", "--all", "--json")
    assert last_line(rest.stdout) == {"retried": dead - 1}
    assert invoke("framequeue", "dead", "list").stdout == "none\n"

    handler(folder, "return frame.key.camera_id")
    sys.modules.pop("given_handler")
    again = invoke("framequeue", "work", "--handler", named, "--drain", "--json")
    assert last_line(again.stdout)["queues"]["frames"]["endings"] == {"processed": dead}


def test_sweep_sends_what_was_never_sent(invoke: Invoke, film: Path) -> None:
    invoke("framequeue", "sample", film)
    with open_queue(_own_queue()) as queue:
        taken = queue.receive(100, 1.0)
        assert all(queue.ack(delivery) for delivery in taken)

    assert "keys sent again: 0" in invoke("framequeue", "sweep", "--overdue-s", "3600").stdout

    def sent() -> int:
        found: int = last_line(invoke("framequeue", "sweep", "--overdue-s", "0.1", "--json").stdout)["sent"]
        return found

    assert sent() == len(taken)
    with open_queue(_own_queue()) as queue:
        assert queue.depth().ready == len(taken)


def test_stats_show_what_is_held_as_tables(invoke: Invoke, film: Path) -> None:
    invoke("framequeue", "sample", film, "--camera", "street")

    shown = invoke("framequeue", "stats").stdout

    assert re.search(r"street\W+[45]\W", shown)
    assert re.search(r"frames\W+[45]\W+0\W", shown)


def test_it_is_said_what_is_missing(invoke: Invoke, film: Path, folder: Path) -> None:
    (folder / "site.yaml").write_text("cameras: {a: {url: a.mp4}}\nworkers: {w: {model: {kind: motion}}}\n")
    for words, code, said in (
        (("sample",), 2, "cameras' URLs, or --site"),
        (("sample", film, "--site", "site.yaml"), 1, "expected a frame_queue"),
        (("sample", film, "--store", "redsi://me:sw0rdfish@h"), 1, 'did you mean "redis"?'),
        (("sample", "none.mp4"), 1, "none-1: "),
        (("work",), 2, "--handler, --model, or --site"),
        (("work", "--model", "motion", "--handler", "a:b"), 2, "one of --handler, --model"),
        (("work", "--model", "motoin"), 1, "motoin"),
        (("work", "--handler", "no_such_module:f"), 1, "no_such_module"),
        (("work", "--model", "motion", "--group", "a"), 2, "--group"),
        (("dead", "retry"), 2, "expected keys, or --all"),
        (("stats", "--store", "folder:"), 1, "expected a path"),
    ):
        done = invoke("framequeue", *words)
        assert done.exit_code == code, (words, done.output)
        assert said in done.output, (words, done.output)
        assert "sw0rdfish" not in done.output


@pytest.mark.parametrize("command", ["sample", "work", "stats", "sweep", "serve", "dead list", "dead retry"])
def test_each_command_shows_examples_of_itself(invoke: Invoke, command: str) -> None:
    result = invoke("framequeue", *command.split(), "--help")

    assert result.exit_code == 0
    _, _, examples = result.output.partition("Examples:")
    assert examples.count(f"sightline framequeue {command}") >= 2


def test_ctrl_c_ends_sampling_and_work_with_what_is_in_hand_done(
    begin: Begin, film: Path, folder: Path, wait_for: WaitFor
) -> None:
    named = handler(folder, "open(f'{frame.key.index}.seen', 'w').close()")
    live = ("--loop", "--realtime", "--camera", "live")
    sample = begin("framequeue", "sample", film, *live, "--metrics-port", "0")
    work = begin("framequeue", "work", "--handler", named, "--metrics-port", "0")

    wait_for(lambda: len(list(folder.glob("*.seen"))) >= 2, WAIT_S, "pictures to be worked on")
    sent, reached = _metrics(sample, 'feed_sent_frames_total{camera="live"}', 'up{part="queue"}')
    (processed,) = _metrics(work, 'worker_ended_keys_total{ending="processed"}')
    assert (sent >= 2, reached, processed >= 2) == (True, 1, True)
    for process in (sample, work):
        process.send_signal(signal.SIGINT)
    said = [process.communicate(timeout=WAIT_S) for process in (sample, work)]

    assert [process.returncode for process in (sample, work)] == [0, 0], said
    assert not any("Traceback" in text for both in said for text in both)


def test_a_queue_is_served_on_a_hub_to_others(begin: Begin, film: Path) -> None:
    hub = begin("hub", "--port", "0")
    assert hub.stdout is not None
    url = hub.stdout.readline().strip()
    served = begin("framequeue", "serve", url, "--queue", "sqlite:served.db")
    assert served.stdout is not None
    assert served.stdout.readline().startswith(url)

    assert _run("sample", film, "--camera", "c", "--queue", url).returncode == 0
    worked = _run("work", "--model", "motion", "--queue", url, "--drain", "--json")
    assert last_line(worked.stdout)["queues"]["frames"]["endings"]["processed"] in SECONDS
    for process in (served, hub):
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
    with open_queue("sqlite:served.db") as queue:
        depth = queue.depth()
        assert (depth.ready, depth.acked) == (0, depth.accepted)


@pytest.mark.needs("redis", "rabbitmq")
def test_redis_and_rabbitmq_do_as_well_and_no_password_is_shown(
    redis_server: StartRedisServer, rabbitmq_url: str, film: Path, folder: Path
) -> None:
    store = redis_server(password="sw0rdfish").url(password="sw0rdfish")
    where = ("--store", f"{store}?limit_bytes=64MiB", "--queue", f"{rabbitmq_url}?queue=pictures")
    secret = rabbitmq_url.partition("://")[2].partition("@")[0].partition(":")[2]

    outputs = [
        _run("sample", film, "--camera", "c", *where),
        _run("work", "--model", "motion", "--drain", *where),
        _run("stats", *where),
    ]

    assert [done.returncode for done in outputs] == [0, 0, 0], outputs
    assert re.search(r"frames: (\d) received, \1 done", outputs[1].stdout)
    for told in (outputs[0].stderr, outputs[2].stdout):  # how this Redis should be set, with the line for it
        assert "maxmemory" in told
    for done in outputs:
        assert "sw0rdfish" not in done.stdout + done.stderr
        assert not secret or f":{secret}@" not in done.stdout + done.stderr


def _own_queue() -> str:
    return f"sqlite:{os.environ['XDG_DATA_HOME']}/sightline/frames/keys.db"


def _run(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, "framequeue", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def _metrics(process: "subprocess.Popen[str]", *names: str) -> list[float]:
    assert process.stdout is not None
    url = next(line for line in process.stdout if line.startswith("metrics: ")).split()[1]
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        told = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines())
    return [float(told[f"sightline_framequeue_{name}"]) for name in names]
