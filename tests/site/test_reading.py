from pathlib import Path
from typing import Any

import pydantic
import pytest

from sightline.bus import PACKET_TOPICS
from sightline.capture import CameraInput
from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.site import Camera, Site, SiteError, load_site, parse_site
from sightline.site.model_kinds import HogModel
from sightline.site.sink_kinds import (
    JsonlSink,
    PreviewSink,
)

GOOD = """\
bus: memory://
cameras:
  gate:    {url: "rtsp://10.0.0.5/stream1", username: viewer, password: "${GATE_PASSWORD}"}
  parking: {url: clips/parking.mp4, loop: true, realtime: true}
workers:
  people:
    cameras: [gate, parking]
    rate: 10                 # frames/s a camera, to the model
    size: 1280x720
    model: {kind: hog}
    sinks: [{kind: jsonl, path: results.jsonl}, {kind: preview, port: 8765}]
"""
REST = "workers: {w: {model: {kind: motion}}}\n"
EXPECTED_BUS = "expected a URL such as memory://, hub://127.0.0.1:4820 or kafka://127.0.0.1:9092"
CAMERA = "cameras: {gate: {url: x.mp4}}\n"
FOLDER = Path("/sites")


def read(text: str, **environ: str) -> Site:
    return parse_site(text, environ, name="site.yaml", folder=FOLDER)


def mistakes(text: str, **environ: str) -> list[str]:
    with pytest.raises(SiteError) as caught:
        read(text, **environ)
    return [str(mistake) for mistake in caught.value.mistakes]


def of_camera(settings: str, **environ: str) -> list[str]:
    """The mistakes in one camera's settings, without where it stands."""
    found = mistakes(f"cameras:\n  gate: {{{settings}}}\n{REST}", **environ)
    return [line.partition(" cameras.gate")[2] for line in found]


def of_worker(settings: str) -> list[str]:
    found = mistakes(f"{CAMERA}workers:\n  w: {{{settings}}}\n")
    return [line.partition(" workers.w")[2] for line in found]


def test_the_example_is_read() -> None:
    site = read(GOOD, GATE_PASSWORD="p@$$:/#")

    gate, parking = site.cameras["gate"], site.cameras["parking"]
    people = site.workers["people"]
    assert gate.as_input("gate") == CameraInput(
        camera_id="gate", url="rtsp://10.0.0.5/stream1", username="viewer", password="p@$$:/#"
    )
    assert (parking.url, parking.loop, parking.realtime) == ("/sites/clips/parking.mp4", True, True)
    assert (people.rate, people.size) == (10.0, Size(1280, 720))
    assert isinstance(people.model, HogModel)
    assert isinstance(people.sinks[0], JsonlSink)
    assert people.sinks[0].path == Path("/sites/results.jsonl")
    assert isinstance(people.sinks[1], PreviewSink)


def test_a_worker_looks_at_all_enabled_cameras_unless_it_names_some() -> None:
    cameras = "cameras: {a: {url: a.mp4}, b: {url: rtsp://h/b}, c: {url: c.mp4, enabled: no}}\n"
    site = read(
        f"{cameras}workers:\n  one: {{model: {{kind: hog}}}}\n  two: {{model: {{kind: hog}}, cameras: all}}\n"
        "  three: {model: {kind: hog}, cameras: [b]}\n"
    )

    one, two, three = site.workers.values()
    assert list(site.cameras_of(one)) == list(site.cameras_of(two)) == ["a", "b"]
    assert list(site.cameras_of(three)) == ["b"]


HOOK = "kind: webhook, outbox: o.db"


@pytest.mark.parametrize(
    ("track", "lost_s"),
    [
        ("", None),
        ("track: false", None),
        ("track: true", 1.0),
        ("track: {}", 1.0),
        ("track: {lost_s: 3}", 3.0),
    ],
)
def test_tracking_is_asked_for_with_settings_or_without(track: str, lost_s: float | None) -> None:
    site = read(f"{CAMERA}workers: {{w: {{model: {{kind: motion}}, rate: 2, {track}}}}}\n")
    tracking = site.workers["w"].track
    assert (tracking and tracking.lost_s) == lost_s


@pytest.mark.parametrize(
    ("settings", "live"),
    [
        ({"url": "a.mp4"}, False),
        ({"url": "a.mp4", "loop": True}, False),
        ({"url": "a.mp4", "realtime": True}, True),
        ({"url": "file:///a.mp4"}, False),
        ({"url": "rtsp://h/a"}, True),
        ({"url": "/dev/video0"}, True),
        ({"url": "synthetic://street"}, True),
        ({"url": "synthetic://street?frames=9"}, False),
        ({"url": "http://h/clip.MP4?token=1"}, False),
        ({"url": "http://h/clip.mp4", "realtime": True}, True),
        ({"url": "http://h/video.mjpg"}, True),
        ({"url": "https://h/live/index.m3u8"}, True),
        ({"url": "https://h/vod/index.m3u8", "realtime": False}, False),
        ({"url": "rtsp://h/a", "realtime": False}, True),
    ],
)
def test_only_recordings_at_no_pace_of_their_own_are_not_live(settings: dict[str, Any], live: bool) -> None:
    assert Camera.model_validate(settings).is_live is live


def test_what_may_be_a_recording_on_the_web_plays_at_the_pace_of_a_camera() -> None:
    assert Camera.model_validate({"url": "http://h/video"}).as_input("a").realtime
    assert not Camera.model_validate({"url": "http://h/clip.mp4"}).as_input("a").realtime
    assert not Camera.model_validate({"url": "rtsp://h/video"}).as_input("a").realtime


def test_every_mistake_is_told_at_once_with_line_column_and_nearest_word() -> None:
    text = """\
buss: memory://
cameras:
  gate:
    urll: rtsp://10.0.0.5/stream1
    transport: tpc
  park: {url: "rstp://10.0.0.5/x"}
  park: {url: x}
workers:
  people:
    cameras: [gat]
    rate: -1
    size: 1280
    model: {kind: hgo}
    sinks: [{kind: jsonl, path: r.jsonl}, {kind: jsonl, path: ./r.jsonl}, {kind: jsonl}]
"""
    assert mistakes(text) == [
        'site.yaml:1:1 buss: unknown key; did you mean "bus"?',
        'site.yaml:3:3 cameras.gate: missing key "url"',
        'site.yaml:4:5 cameras.gate.urll: unknown key; did you mean "url"?',
        'site.yaml:5:16 cameras.gate.transport: expected tcp or udp, got "tpc"; did you mean "tcp"?',
        (
            'site.yaml:6:15 cameras.park.url: unknown scheme "rstp": expected rtsp, rtsps, http, https, '
            'file, v4l2 or synthetic; did you mean "rtsp"?'
        ),
        "site.yaml:7:3 cameras.park: this key stands here a second time; the first is in line 6",
        'site.yaml:10:15 workers.people.cameras[0]: there is no camera "gat"; did you mean "gate"?',
        "site.yaml:11:11 workers.people.rate: expected a number above 0, got -1",
        (
            "site.yaml:12:11 workers.people.size: expected WIDTHxHEIGHT such as 1280x720, each 2 to 16384 "
            "pixels, got 1280"
        ),
        (
            'site.yaml:13:19 workers.people.model.kind: expected hog, motion, onnx or python, got "hgo"; '
            'did you mean "hog"?'
        ),
        "site.yaml:14:63 workers.people.sinks[1].path: this path is taken by workers.people.sinks[0] already",
        'site.yaml:14:75 workers.people.sinks[2]: missing key "path"',
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("url: [x]", ".url: expected text, got a list"),
        ("url: 5", ".url: expected text, got 5; put it in quotes"),
        ("url: ''", '.url: expected text that is not empty, got ""'),
        ("url: ", ".url: expected text, got nothing"),
        ("url: rtsp:/h/x", '.url: expected two slashes after "rtsp:"'),
        ("url: 'rtsp:///x'", '.url: expected a host after "rtsp://"'),
        ("url: x, loop: maybe", '.loop: expected true or false, got "maybe"'),
        ("url: x, stall_after_s: 0", ".stall_after_s: expected a number above 0, got 0"),
        ("url: x, stall_after_s: 4000", ".stall_after_s: expected a number of at most 3600, got 4000"),
        ("url: x, stall_after_s: .nan", ".stall_after_s: expected a finite number, got nan"),
        ("url: x, stall_after_s: ten", '.stall_after_s: expected a number, got "ten"'),
        ("url: rtsp://h/x, password: p", ": expected a username with the password, got none"),
        ("url: x, url:y: 1", ".url:…: unknown key; a key needs a space after its colon"),
        ('url: x, username: "\\ud800"', '.username: expected text in UTF-8, got "?"'),
    ],
)
def test_mistakes_in_a_camera(settings: str, said: str) -> None:
    assert of_camera(settings) == [said]


def test_a_wrong_drawn_camera_is_told_before_it_runs() -> None:
    (said,) = of_camera('url: "synthetic://street?sed=1&fps=999"')

    assert said.startswith('.url: synthetic URL: sed: no such setting; did you mean "seed"?')
    assert "fps: expected a whole number from 1 to 240, got 999" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("model: hog", ['.model: expected a mapping (lines of key: value), got "hog"']),
        ("model: {}", ['.model: missing key "kind": hog, motion, onnx or python']),
        ("cameras: all", [': missing key "model"']),
        ("model: {kind: hog, stride: 7}", [".model.stride: expected 4, 8 or 16, got 7"]),
        ("model: {kind: hog, nmss: 1}", ['.model.nmss: unknown key; did you mean "nms"?']),
        ("model: {kind: python}", ['.model: missing key "class"']),
        (
            "model: {kind: python, class: people}",
            ['.model.class: expected "package.module:Class", got "people"'],
        ),
        (
            "model: {kind: hog}, cameras: []",
            [".cameras: expected at least one camera name, or the word all, got an empty list"],
        ),
        (
            "model: {kind: hog}, cameras: gate",
            [
                (
                    ".cameras: expected a list of camera names such as [gate, parking], or the word all, got "
                    '"gate"'
                )
            ],
        ),
        (
            "model: {kind: hog}, cameras: [gate, gate]",
            ['.cameras[1]: the camera "gate" stands in this list twice'],
        ),
        (
            "model: {kind: hog}, track: walkers",
            ['.track: expected true, false or a mapping of settings, got "walkers"'],
        ),
        (
            "model: {kind: hog}, track: {lost: 2, match_iou: 1}",
            [
                '.track.lost: unknown key; did you mean "lost_s"?',
                ".track.match_iou: expected a number below 1, got 1",
            ],
        ),
        (
            "model: {kind: hog}, track: {low: 0.6}",
            [".track: expected low to be at most high, 0.5, got 0.6"],
        ),
        (
            "rate: 1, model: {kind: hog}, track: true",
            [".track: expected lost_s above 1, the seconds between two pictures at rate 1, got 1"],
        ),
        (
            "rate: 0.1, model: {kind: hog}, track: {lost_s: 9}",
            [".track: expected lost_s above 10, the seconds between two pictures at rate 0.1, got 9"],
        ),
        ("model: {kind: hog}, sinks: {kind: jsonl}", [".sinks: expected a list, got a mapping"]),
        (
            "model: {kind: hog}, sinks: [{kind: preview}, {kind: preview, host: localhost}]",
            [".sinks[1].port: this port is taken by workers.w.sinks[0] already"],
        ),
        (
            f"model: {{kind: hog}}, sinks: [&a {{{HOOK}, url: http://h/, secret: 0123456789abcdef}}, *a]",
            [".sinks[1].outbox: this outbox is taken by workers.w.sinks[0] already"],
        ),
        (
            f"model: {{kind: hog}}, sinks: [{{{HOOK}, url: ftp://hunter2/, secret: hunter2}}]",
            [
                (
                    ".sinks[0].url: expected a url of http:// or https:// with a host, such as "
                    "https://example.org/hook"
                ),
                ".sinks[0].secret: expected at least 16 letters, got a value that is not shown",
            ],
        ),
        (
            "model: {kind: hog}, sinks: [{kind: preview, port: 65536}]",
            [".sinks[0].port: expected a number of at most 65535, got 65536"],
        ),
        (
            "model: {kind: hog}, sinks: [{kind: preview, port: 80.5}]",
            [".sinks[0].port: expected a whole number, got 80.5"],
        ),
        (
            "model: {kind: hog}, sinks: [{kind: preview, host: 0.0.0.0}]",
            [
                (
                    ".sinks[0]: expected a token with a host that others can reach, such as token: "
                    '"${PREVIEW_TOKEN}"'
                )
            ],
        ),
        (
            "model: {kind: hog}, sinks: [{kind: preview, token: hunter2}]",
            [".sinks[0].token: expected at least 8 letters, got a value that is not shown"],
        ),
        (
            "model: {kind: hog}, sinks: [{kind: bus, url: memory, results_topic: seen}]",
            [
                f'.sinks[0].url: {EXPECTED_BUS}, got "memory"',
                (
                    ".sinks[0].results_topic: expected a topic with :camera_id in it once, such as "
                    "raw_:camera_id, got 'seen'"
                ),
            ],
        ),
        (
            "model: {kind: hog}, sinks: [{kind: bus, url: 'memory://', results_topic: 'seen_:camera_id'}]",
            [".sinks[0]: expected two topics, one for results and one for packets"],
        ),
        (
            (
                "model: {kind: hog}, sinks: [{kind: bus, url: 'memory://', packets: all, "
                "packets_topic: 'raw_:camera_id'}]"
            ),
            [
                (
                    ".sinks[0].packets_topic: expected another topic than the cameras' own on the same bus, "
                    'got "raw_:camera_id"'
                )
            ],
        ),
    ],
)
def test_mistakes_in_a_worker(settings: str, said: list[str]) -> None:
    assert of_worker(settings) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["site.yaml:1:1: the file is empty: expected cameras and workers"]),
        ("[]", ["site.yaml:1:1: expected a mapping (lines of key: value), got an empty list"]),
        (
            "cameras: {}\nworkers: {}\n",
            [
                "site.yaml:1:10 cameras: expected at least 1 entry, got an empty mapping",
                "site.yaml:2:10 workers: expected at least 1 entry, got an empty mapping",
            ],
        ),
        (
            f"cameras: {{b d: {{url: x}}}}\n{REST}",
            [
                (
                    "site.yaml:1:11 cameras.b d: expected a name of 1 to 64 letters, digits, - _ or ., with "
                    "a letter or digit first"
                )
            ],
        ),
        (
            f"bus: kafak://h\n{CAMERA}{REST}",
            [
                (
                    'site.yaml:1:6 bus: unknown scheme "kafak": expected memory, hub or kafka; '
                    'did you mean "kafka"?'
                )
            ],
        ),
        (
            f"bus: hub://127.0.0.1:70000\n{CAMERA}{REST}",
            [
                (
                    "site.yaml:1:6 bus: expected the address of a hub such as hub://127.0.0.1:4820 or "
                    "hub:///run/hub.sock, with a port of 1 to 65535"
                )
            ],
        ),
        (
            f"bus: memory\n{CAMERA}{REST}",
            [f'site.yaml:1:6 bus: {EXPECTED_BUS}, got "memory"'],
        ),
        (
            f"topics: {{main: 'cam_:camera_id', detect: raw}}\n{CAMERA}{REST}",
            [
                (
                    "site.yaml:1:42 topics.detect: expected a topic with :camera_id in it once, such as "
                    "raw_:camera_id, got 'raw'"
                )
            ],
        ),
        (
            (
                f"topics: {{detect: 'raw_d_:camera_id'}}\n"
                f"cameras: {{d_x: {{url: a.mp4}}, x: {{url: b.mp4, detect_url: c.mp4}}}}\n{REST}"
            ),
            [
                (
                    "site.yaml:1:18 topics.detect: the packets of x, detect, would be in the topic of d_x, "
                    'main: "raw_d_x"'
                )
            ],
        ),
        ("a: [", ["site.yaml:1:5: the file ends before this bracket or brace is closed"]),
    ],
)
def test_mistakes_in_the_whole(text: str, said: list[str]) -> None:
    assert mistakes(text) == said


def test_a_missing_variable_is_one_mistake_with_the_nearest_name() -> None:
    text = f'cameras: {{gate: {{url: "${{GATE_URL}}", loop: "${{GATE_LOOP}}"}}}}\n{REST}'

    assert mistakes(text, GATE_URI="x", GATE_LOOP="maybe") == [
        'site.yaml:1:23 cameras.gate.url: the variable GATE_URL is not set; did you mean "GATE_URI"?',
        "site.yaml:1:44 cameras.gate.loop: expected true or false, got what the variable GATE_LOOP holds",
    ]


def test_variables_give_numbers_and_truths_too() -> None:
    text = f'cameras: {{gate: {{url: x, loop: "${{L}}", stall_after_s: "${{S:-20}}"}}}}\n{REST}'

    gate = read(text, L="true").cameras["gate"]

    assert (gate.loop, gate.stall_after_s) == (True, 20.0)


def test_keys_that_begin_with_x_are_a_place_for_anchors() -> None:
    site = read(
        f"x-clip: &clip {{loop: true, realtime: true}}\ncameras: {{a: {{<<: *clip, url: a.mp4}}}}\n{REST}"
    )

    assert site.cameras["a"].loop


def test_a_site_made_in_python_is_checked_for_conflicts_too() -> None:
    with pytest.raises(pydantic.ValidationError, match='there is no camera "b"'):
        Site.model_validate(
            {
                "cameras": {"a": {"url": "x"}},
                "workers": {"w": {"cameras": ["b"], "model": {"kind": "hog"}}},
            }
        )


def test_one_hub_is_one_bus_however_it_is_called() -> None:
    sink = "{kind: bus, url: 'hub://127.0.0.1', results_topic: 'raw_:camera_id'}"
    text = f"bus: hub://127.0.0.1:4820\n{CAMERA}workers: {{w: {{model: {{kind: hog}}, sinks: [{sink}]}}}}"

    (mistake,) = mistakes(text)
    assert "expected another topic than the cameras' own on the same bus" in mistake


def test_packets_may_go_to_another_bus_under_the_cameras_own_topics() -> None:
    sink = "{kind: bus, url: 'memory://there', packets: all, packets_topic: 'raw_:camera_id'}"
    site = read(f"{CAMERA}workers: {{w: {{model: {{kind: hog}}, sinks: [{sink}]}}}}")

    assert site.topics.of_packets() == PACKET_TOPICS


def test_a_file_is_read_from_where_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sites"
    folder.mkdir()
    (folder / "site.yaml").write_text(CAMERA + REST, encoding="utf-8-sig")
    monkeypatch.chdir(tmp_path)

    assert load_site("sites/site.yaml").cameras["gate"].url == str(folder / "x.mp4")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a: \xff", ":1: expected text in UTF-8"),
        (b"a: 1\nb: \xe4\n", ":2: expected text in UTF-8"),
        (b"#" * (1 << 20) + b"#", ": larger than 1 MiB: this is no site file"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_words(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(data)

    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert str(caught.value) == f"{path}{said}"


def test_what_is_no_file_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="none.yaml: cannot be read: No such file or directory"):
        load_site(tmp_path / "none.yaml")
    with pytest.raises(SiteError, match="cannot be read: Is a directory"):
        load_site(tmp_path)
    with pytest.raises(SiteError, match="cannot be read: not the name of a file"):
        load_site("a\0b")
