"""`sightline mux`: what it is told, by what, what it refuses, and how it runs and ends."""

import io
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console
from tests.cli.conftest import COMMAND, Invoke, Run
from tests.conftest import WaitFor
from tests.drawn import drawn_packets

from sightline import Size
from sightline.bus import Bus, Message, open_log, packet_of, publish_end, publish_packet, result_of
from sightline.cli.mux_run import RunningMux
from sightline.cli.mux_settings import MuxCamera, load_settings
from sightline.cli.mux_view import CameraFigures, mux_view
from sightline.errors import ConfigError
from sightline.hub import StreamServer
from sightline.mux import CameraSettings, ask
from sightline.site.model_kinds import HogModel, MotionModel, OnnxModel, PythonModel
from sightline.wire import result_from_json

FRAMES = 30
NAMES = ("gate", "yard")
BUS = {"bus": "memory://", "cameras": "gate", "model": "motion"}
ALIKE = {
    name: value
    for name, value in msgspec.to_builtins(CameraSettings(camera_id="any")).items()
    if name not in {"camera_id", "topic", "out_topic", "extradata"}
}


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "mux.yaml"
    path.write_text(text)
    return path


def mistakes(options: dict[str, Any], environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load_settings(options, environ or {})
    return str(error.value).splitlines()


def test_an_option_counts_more_than_a_variable_and_that_more_than_the_file(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "bus: memory://\ncameras: [gate]\nmodel: motion\nrate: 1\nmax_wait_s: 1\n")
    environ = {
        "SIGHTLINE_MUX_RATE": "2",
        "SIGHTLINE_MUX_SIZE": "64x36",
        "SIGHTLINE_MUX_CODEC": "",
        "OTHER": "x",
    }

    told = load_settings({"settings": file, "size": "128x72", "codec": None}, environ)

    assert (told.max_wait_s, told.rate, told.size, told.codec) == (1, 2, Size(128, 72), None)
    assert told.start == "latest"


def test_the_file_may_be_named_by_a_variable_and_use_variables(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "bus: memory://${SITE}\ncameras: gate, yard\nmodel: motion\n")

    told = load_settings({}, {"SIGHTLINE_MUX_SETTINGS": str(file), "SITE": "north"})

    assert (told.bus, list(told.cameras)) == ("memory://north", ["gate", "yard"])


def test_a_camera_may_have_settings_of_its_own(tmp_path: Path) -> None:
    file = settings_file(
        tmp_path,
        """
bus: memory://
model: motion
rate: 10
max_offset_diff: 50
forward: analysed
cameras:
  gate: {rate: 2, topic: north.gate, max_offset_diff: null}
  yard:
""",
    )

    told = load_settings({"settings": file}, {})

    assert told.shared() == ALIKE | {"rate": 10, "max_offset_diff": 50, "forward": "analysed"}
    assert told.cameras["yard"].own() == {}
    assert told.cameras["gate"].own() == {"rate": 2, "topic": "north.gate", "max_offset_diff": None}


def test_every_setting_of_a_camera_can_be_made_and_is_the_same_when_left_out() -> None:
    names = {*CameraSettings.__struct_fields__} - {"camera_id", "extradata"}
    assert names == MuxCamera.model_fields.keys()
    assert load_settings(BUS, {}).shared() == ALIKE


def test_where_nobody_looks_keyframes_alone_are_decoded() -> None:
    told = load_settings({**BUS, "model": None, "out_bus": "memory://", "pictures": "all"}, {})
    assert told.shared() == ALIKE | {"pictures": "key"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("motion", MotionModel),
        ("hog", HogModel),
        ("python:package.module:Mine", PythonModel),
        ("yolo11n.onnx", OnnxModel),
    ],
)
def test_a_model_may_be_a_word(name: str, kind: type) -> None:
    model = load_settings(BUS | {"model": name}, {}).model
    assert isinstance(model, kind)


def test_a_word_for_nothing_undoes_what_the_file_says(tmp_path: Path) -> None:
    file = settings_file(
        tmp_path,
        "bus: memory://\nout_bus: memory://\ncameras: gate\nmodel: {kind: hog}\nrate: 3\nsize: 64x36\n",
    )
    words = dict.fromkeys(("model", "rate", "size", "max_offset_diff"), "none")

    told = load_settings(
        {"settings": file}, {f"SIGHTLINE_MUX_{name.upper()}": text for name, text in words.items()}
    )

    assert (told.model, told.rate, told.size, told.max_offset_diff) == (None, None, None, None)


def test_paths_are_meant_from_the_file_or_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    file = settings_file(
        folder,
        "bus: memory://\ncameras: gate\nmodel: {kind: onnx, path: a.onnx}\npid_file: pid\nlog_file: log\n",
    )

    told = load_settings({"settings": file.relative_to(tmp_path), "log_file": Path("log")}, {})

    assert isinstance(told.model, OnnxModel)
    assert (told.model.path, told.pid_file, told.log_file) == (
        folder / "a.onnx",
        folder / "pid",
        tmp_path / "log",
    )
    here = load_settings({"settings": file}, {"SIGHTLINE_MUX_MODEL": "b.onnx"}).model
    assert isinstance(here, OnnxModel)
    assert here.path == tmp_path / "b.onnx"


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    file = settings_file(
        tmp_path,
        """
bus: memory://
cameras:
  gate: {rate: -5, sizee: 64x36}
  yard: 7
model: {kind: motion, min_area: 2}
ratee: 10
size: 5
forward: some
""",
    )
    environ = {"SIGHTLINE_MUX_RATE": "x", "SIGHTLINE_MUX_TOPICK": "a"}

    told = mistakes({"settings": file, "max_offset_diff": "0", "log_level": "loud"}, environ)

    assert sorted(told) == sorted(
        [
            f'{file}:4:16 cameras.gate.rate: expected a number above 0, got "-5"',
            f'{file}:4:27 cameras.gate.sizee: there is no such setting; did you mean "size"?',
            f'{file}:5:9 cameras.yard: expected a mapping (lines of key: value), got "7"',
            f'{file}:6:33 model.min_area: expected a number of at most 1, got "2"',
            f'{file}:7:8 ratee: there is no such setting; did you mean "rate"?',
            f'{file}:8:7 size: expected WIDTHxHEIGHT such as 1280x720, each 2 to 16384 pixels, got "5"',
            f"{file}:9:10 forward: expected 'all' or 'analysed', got \"some\"",
            'SIGHTLINE_MUX_RATE: expected a number, got "x"',
            'SIGHTLINE_MUX_TOPICK: there is no such setting; did you mean "topic"?',
            '--max-offset-diff: expected a number of at least 1, got "0"',
            '--log-level: expected debug, info, warning, error or critical, got "loud"',
        ]
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "expected --bus, the variable SIGHTLINE_MUX_BUS, or bus in a file of settings"),
        ({"cameras": None}, "expected cameras, or a control_topic on which they are added"),
        ({"model": None}, "nothing to do: expected a model, or an out_bus to which packets go on"),
        (
            {"model": None, "out_bus": "x", "output": "result"},
            "expected a model where only results, or packets",
        ),
        (
            {"model": None, "out_bus": "x", "forward": "analysed"},
            "expected a model where only results, or pa",
        ),
        ({"cameras": "a,,b"}, '--cameras: expected text that is not empty, got ""'),
        ({"cameras": "a,b,a"}, '--cameras: expected each camera once, got "a,b,a"'),
        ({"cameras": "c" * 65}, "--cameras: expected text of at most 64 letters, got"),
        (
            {"model": "motoin"},
            '--model: expected motion, hog, onnx or python, got "motoin"; did you mean "motion"?',
        ),
        ({"model": "python:mine"}, '--model: expected "package.module:Class", got "mine"'),
        ({"topic": "raw"}, "--topic: expected a topic with :camera_id in it once, such as raw_:camera_id"),
        ({"control_topic": "a b"}, "--control-topic: expected a topic of 1 to 249 letters"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_told(options: dict[str, Any], told: str) -> None:
    (line,) = mistakes(BUS | options if options else {"cameras": "gate", "model": "motion"})
    assert line.startswith(told)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    assert mistakes({"settings": tmp_path / "none"}) == [
        f"{tmp_path}/none: cannot be read: No such file or directory"
    ]
    path = tmp_path / "mux.yaml"
    for text, told in {
        b"\xff": ": expected text in UTF-8",
        b"- a": ": expected lines of name: value, such as bus: kafka://127.0.0.1:9092",
        b"a: [": ":1: the file ends before this bracket or brace is closed",
        b"bus: ${NO_SUCH}": ":1:6 bus: the variable NO_SUCH is not set",
        b"#" * (1 << 20) + b"\n": ": larger than 1 MiB: this is no file of settings",
    }.items():
        path.write_bytes(text)
        assert mistakes({"settings": path}) == [f"{path}{told}"]


def test_no_password_is_shown(tmp_path: Path) -> None:
    file = settings_file(
        tmp_path, "bus: [kafka://user:pl4nted@a]\nout_bus: [kafka://user:pl4nted@a]\nsize: a://b:pl4nted\n"
    )
    assert "pl4nted" not in "".join(mistakes({"settings": file, "topic": "kafka://user:pl4nted@a"}))


# Running


class Broken:
    """A model that cannot."""

    name, version = "broken", "1"

    def load(self) -> None: ...
    def warm_up(self) -> None: ...
    def close(self) -> None: ...

    def predict(self, frames: object) -> Any:
        raise LookupError("no weights")


@pytest.fixture
def url() -> Iterator[str]:
    """A log with 30 packets of each of two cameras, which are over."""
    url = f"memory://{secrets.token_hex(4)}?history=16MiB"
    with open_log(url) as log:
        publish(log, end=True)
        yield url


def publish(log: Bus, *, end: bool = False) -> None:
    for number, name in enumerate(NAMES):
        for packet in drawn_packets(number, FRAMES):
            publish_packet(log, msgspec.structs.replace(packet, camera_id=name))
        if end:
            publish_end(log, name)


def read(url: str, *topics: str) -> list[Message]:
    with open_log(url) as log, log.consume(topics, start="earliest") as consumer:
        assert consumer.ready(20)
        found = consumer.poll(1000, 20)
        while got := consumer.poll(1000, 0.5):
            found += got
    return found


def figures(line: str) -> Any:
    return json.loads(line)["cameras"]


def test_every_packet_goes_on_with_its_result(invoke: Invoke, url: str) -> None:
    result = invoke(
        "mux", "--bus", url, "--cameras", "gate,yard", "--model", "motion", "--start", "earliest",
        "--max-offset-diff", "none", "--out-bus", url, "--json",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    for name in NAMES:
        came, went = read(url, f"raw_{name}"), read(url, f"stream_{name}")
        assert [message.value for message in went] == [message.value for message in came]
        results = [found for message in went if (found := result_of(message))]
        assert [found.identity for found in results] == [packet_of(message).identity for message in came[:-1]]
        assert {found.model for found in results} == {"motion"}
        told = figures(result.stdout.splitlines()[-1])[name]
        assert (told["packets"], told["results"], told["behind"], told["dropped"]) == (FRAMES, FRAMES, 0, {})


def test_without_a_model_packets_only_go_on(invoke: Invoke, url: str) -> None:
    result = invoke("mux", "--bus", url, "--cameras", "gate", "--start", "earliest", "--out-bus", url)

    assert result.exit_code == 0, result.output
    came, went = read(url, "raw_gate"), read(url, "stream_gate")
    assert [(m.value, m.headers) for m in went] == [(m.value, m.headers) for m in came]
    assert "gate: running, 30 packets, 0 results, 0.0 results/s" in result.stdout.splitlines()[-1]


def test_without_an_output_results_are_counted_and_nothing_fails(invoke: Invoke, url: str) -> None:
    result = invoke("mux", "--bus", url, "--cameras", "gate", "--model", "motion", "--start", "earliest",
                    "--max-offset-diff", "none", "--json")  # fmt: skip

    assert result.exit_code == 0, result.output
    told = figures(result.stdout.splitlines()[-1])["gate"]
    assert (told["results"], told["sent"], told["dropped"]) == (FRAMES, 0, {})


def test_results_may_go_alone_and_at_another_rate(invoke: Invoke, url: str, tmp_path: Path) -> None:
    file = settings_file(
        tmp_path,
        f"""
bus: {url}
out_bus: {url}
out_topic: results.:camera_id
output: result
model: {{kind: motion, history: 100}}
start: earliest
max_offset_diff: null
rate: 5
cameras: {{gate: {{rate: null}}, yard: }}
""",
    )

    assert invoke("mux", "--settings", file).exit_code == 0

    assert len([result_from_json(message.value) for message in read(url, "results.gate")]) == FRAMES
    assert len(read(url, "results.yard")) in range(5, 9)  # of 1.2 s


def test_a_model_that_fails_is_counted_and_ends_nothing(
    invoke: Invoke, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "broken", types.SimpleNamespace(Broken=Broken))

    result = invoke(
        "mux", "--bus", url, "--cameras", "gate", "--model", "python:broken:Broken", "--start", "earliest",
        "--max-offset-diff", "none", "--out-bus", url, "--json", "--log-file", tmp_path / "log",
        "--max-wait-s", "0.05",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    told = figures(result.stdout.splitlines()[-1])["gate"]
    assert (told["results"], told["dropped"]) == (0, {"failed": FRAMES})
    assert len(read(url, "stream_gate")) == FRAMES + 1
    assert "LookupError: no weights" in (tmp_path / "log").read_text()


def interrupt(pid: int, _file: Path) -> None:
    os.kill(pid, signal.SIGINT)


def terminate(_pid: int, file: Path) -> None:
    subprocess.run([sys.executable, "-m", "sightline.mux.terminate", file], check=True, timeout=30)


@pytest.mark.parametrize(
    ("end", "command"),
    [(interrupt, (*COMMAND, "mux")), (terminate, (sys.executable, "-m", "sightline.mux"))],
)
def test_a_signal_ends_it_cleanly(
    tmp_path: Path, end: Callable[[int, Path], None], command: tuple[str, ...]
) -> None:
    with StreamServer(port=0) as server, open_log(f"{server.url}?history=16MiB") as log:
        publish(log)
        environ = {"SIGHTLINE_MUX_BUS": f"{server.url}?history=16MiB", "SIGHTLINE_MUX_CAMERAS": "gate,yard"}
        options = ["--model", "motion", "--start", "earliest", "--pid-file", tmp_path / "pid", "--json"]
        options += [
            "--out-bus",
            environ["SIGHTLINE_MUX_BUS"],
            "--max-offset-diff",
            "none",
            "--log-topic",
            "logs",
        ]
        words = [*command, *map(str, options)]
        with subprocess.Popen(
            words, env=os.environ | environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as mux:
            assert mux.stdout is not None
            lines = (figures(line) for line in mux.stdout)
            # The decoder holds the last ones until it hears that no more come.
            assert any(all(of["results"] > FRAMES - 6 for of in told.values()) for told in lines)
            end(mux.pid, tmp_path / "pid")
            out, err = mux.communicate(timeout=20)
        assert (mux.returncode, err) == (0, "")
        last = figures(out.splitlines()[-1])
        assert {name: of["sent"] for name, of in last.items()} == dict.fromkeys(NAMES, FRAMES)
        assert not (tmp_path / "pid").exists()
        assert len(read(environ["SIGHTLINE_MUX_BUS"], "stream_gate", "stream_yard")) == 2 * FRAMES
        kept = [json.loads(message.value)["event"] for message in read(environ["SIGHTLINE_MUX_BUS"], "logs")]
        assert (kept[0], kept[-1]) == ("started", "ended")


def test_cameras_may_be_added_by_command_while_it_runs(wait_for: WaitFor) -> None:
    url = f"memory://{secrets.token_hex(4)}?history=16MiB"
    words = {"bus": url, "model": "motion", "control_topic": "control", "max_offset_diff": "none"}
    chosen = load_settings(words | {"rate": 5, "name": "east"}, {})
    with open_log(url) as log, RunningMux(chosen) as running:
        assert not running.wait(0)
        (reply,) = ask(log, "control", "create", {"camera_id": "gate", "rate": None}, to="east")
        assert reply.ok, reply
        publish(log, end=True)
        wait_for(lambda: running.figures()["gate"].results == FRAMES, 10, "all pictures to be seen")
        assert not running.wait(0)  # more may come
        running.request_stop()
        assert running.wait(0)
    assert running.figures()["gate"].results == FRAMES


def test_a_hub_that_is_not_there_is_one_line(sightline_command: Run, free_port: Callable[[], int]) -> None:
    url = f"hub://127.0.0.1:{free_port()}?history=1MiB"

    done = sightline_command("mux", "--bus", url, "--cameras", "gate", "--model", "motion")

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "Connection refused" in line


@pytest.mark.needs("kafka")
def test_a_server_will_do_for_all_that_goes_to_a_bus(invoke: Invoke, kafka: str) -> None:
    name = f"gate-{secrets.token_hex(4)}"

    result = invoke(
        "mux", "--bus", kafka, "--cameras", name, "--model", "motion", "--out-bus", kafka,
        "--log-topic", f"logs-{name}", "--control-topic", f"control-{name}", "--seconds", "0.1",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert b'"started"' in read(f"kafka://{kafka}", f"logs-{name}")[0].value


def test_a_file_that_cannot_be_written_is_told(invoke: Invoke, url: str) -> None:
    for option in ("--pid-file", "--log-file"):
        result = invoke(
            "mux", "--bus", url, "--cameras", "gate", "--model", "motion", option, "/no/such/file"
        )
        assert result.exit_code == 1
        assert re.search(r"/no/such/file:? cannot be written: No such file or directory", result.output)


def test_a_terminal_gets_a_table() -> None:
    camera = CameraFigures(
        state="failing", reason="the broker is away", packets=1234, results=5, results_per_s=2.5,
        detections=6, sent=78, behind=90, unwanted=11, dropped={"behind": 12},
    )  # fmt: skip
    view = mux_view(lambda: {"gate": camera})
    with Console(width=120, file=io.StringIO()) as console, console.capture() as shown:
        console.print(view.table())

    lines = shown.get().splitlines()
    assert "results/s" in lines[1]
    row = next(line for line in lines if "gate" in line)
    assert all(word in row for word in ("failing", "1234", "2.5", "78", "90", "not asked for 11"))
    told = " ".join(shown.get().replace("│", " ").split())
    assert "dropped: behind 12" in told
    assert "the broker is away" in told
    figures = "1234 packets, 5 results, 2.5 results/s, 6 seen now, 78 sent on, 90 behind, 11 not asked for"
    assert list(view.lines()) == [f"gate: failing (the broker is away), {figures}, dropped behind 12"]


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sightline.mux", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "Usage: sightline mux" in done.stdout
