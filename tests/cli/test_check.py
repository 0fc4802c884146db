import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke, Run

from sightline.hub.broker.server import StreamServer

SITE = """\
cameras:
  gate: {url: "rtsp://10.0.0.5/stream1", username: viewer, password: "${GATE_PASSWORD:-Tulip-77}"}
  yard: {url: yard.mp4}
  roof: {url: roof.mp4, enabled: false}
workers:
  people:
    rate: 10
    size: 1280x720
    model: {kind: hog}
    sinks: [{kind: jsonl, path: results.jsonl}, {kind: preview}]
  cars: {cameras: [yard], model: {kind: motion}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.yaml"
    path.write_text(SITE.replace("rate: 10", "rat: 10").replace("kind: hog", "kind: hgo"))
    return path


def test_a_right_site_is_summed_up(sightline_command: Run, site: Path) -> None:
    done = sightline_command("check", site)

    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout == (
        f"{site}: ok\n"
        "  2 cameras (1 more not enabled)\n"
        "  people: hog looks at 10 pictures/s at 1280x720 of gate, yard; results to jsonl, preview\n"
        "  cars: motion looks at every picture of yard; results to no sink\n"
    )


def test_a_wrong_site_is_refused_with_every_mistake(sightline_command: Run, wrong: Path) -> None:
    done = sightline_command("check", wrong)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f'{wrong}:7:5 workers.people.rat: unknown key; did you mean "rate"?',
        (
            f'{wrong}:9:19 workers.people.model.kind: expected hog, motion, onnx or python, got "hgo"; '
            'did you mean "hog"?'
        ),
    ]


def test_the_frame_queue_is_told_without_its_passwords(invoke: Invoke, tmp_path: Path) -> None:
    site = tmp_path / "queued.yaml"
    site.write_text(
        "cameras: {gate: {url: a.mp4}, yard: {url: b.mp4, enabled: false}}\n"
        'frame_queue: {store: "redis://:sw0rdfish@h/0", queue: "amqp://me:b1ackbeard@h/", rate: 0.5}\n'
    )
    shown = "frame queue: 0.5 pictures/s of 1 camera, to redis://***@h/0 and amqp://***@h/\n"
    assert invoke("check", site).stdout.endswith(shown)
    assert json.loads(invoke("check", site, "--json").stdout)["frame_queue"] == {
        "store": "redis://***@h/0",
        "queue": "amqp://***@h/",
        "cameras": ["gate"],
    }


def test_programs_get_json(invoke: Invoke, site: Path, wrong: Path) -> None:
    right = invoke("check", site, "--json")
    assert right.exit_code == 0
    assert json.loads(right.stdout) == {
        "ok": True,
        "cameras": ["gate", "yard", "roof"],
        "workers": ["people", "cars"],
        "bus": {"url": "memory://", "answers": None},
        "frame_queue": None,
    }

    refused = invoke("check", wrong, "--json")
    assert refused.exit_code == 1
    answer = json.loads(refused.stdout)
    assert answer["ok"] is False
    assert answer["mistakes"][0] == {
        "path": str(wrong),
        "line": 7,
        "column": 5,
        "where": "workers.people.rat",
        "message": 'unknown key; did you mean "rate"?',
    }


def test_a_file_that_is_not_there_is_one_line(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("check", tmp_path / "none.yaml")

    assert result.exit_code == 1
    assert result.stderr == f"{tmp_path}/none.yaml: cannot be read: No such file or directory\n"


def test_the_schema_is_printed(invoke: Invoke) -> None:
    result = invoke("check", "--schema")

    assert result.exit_code == 0
    schema = json.loads(result.stdout)
    assert schema["required"] == ["cameras"]
    assert schema["anyOf"] == [{"required": ["workers"]}, {"required": ["frame_queue"]}]


def test_without_a_site_it_is_wrong_usage(invoke: Invoke) -> None:
    result = invoke("check")

    assert result.exit_code == 2
    assert "name a site file, or ask for --schema" in result.stderr


def test_it_says_whether_the_hub_answers(invoke: Invoke, site: Path, free_port: Callable[[], int]) -> None:
    port = free_port()
    site.write_text(f"bus: 'hub://:Tulip-77@127.0.0.1:{port}'\n{SITE}")
    shown = f"hub://127.0.0.1:{port}"
    assert f"  a hub does not answer at {shown}\n" in invoke("check", site).stdout
    with StreamServer(port=port, token="Tulip-77"):
        assert f"  a hub answers at {shown}\n" in invoke("check", site).stdout
        assert json.loads(invoke("check", site, "--json").stdout)["bus"] == {"url": shown, "answers": True}
