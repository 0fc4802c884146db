"""An application of DeepStream becomes a site, and what does not is told."""

import os
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from sightline.deepstream.findings import Severity
from sightline.deepstream.importing.logins import take_login
from sightline.deepstream.importing.site import Imported, import_file
from sightline.deepstream.refusal import Refused
from sightline.log import redact
from sightline.site import Site, parse_site

Make = Callable[..., Imported]

PGIE = """\
[property]
onnx-file=models/people.onnx
labelfile-path=labels.txt
model-engine-file=people.engine
custom-lib-path=libparser.so
net-scale-factor=0.00392156862745098
network-mode=2
num-detected-classes=2
infer-dims=3;544;960
maintain-aspect-ratio=1
cluster-mode=2
[class-attrs-all]
pre-cluster-threshold=0.4
nms-iou-threshold=0.6
topk=20
"""
APP = """\
[application]
enable-perf-measurement=1
[source0]
enable=1
type=4
uri=rtsp://viewer:p%40ss@10.0.0.5/stream1
[source1]
enable=0
type=4
uri=rtsp://10.0.0.6/off
[source2]
enable=1
type=2
uri=file://clips/gate.mp4
[streammux]
width=1280
height=720
batch-size=2
[primary-gie]
enable=1
config-file=pgie.txt
[tracker]
enable=1
ll-lib-file=/opt/libtracker.so
[secondary-gie0]
enable=1
config-file=sgie.txt
[sink0]
enable=1
type=6
msg-conv-config=msgconv.txt
msg-broker-proto-lib=/opt/libnvds_kafka_proto.so
msg-broker-conn-str=10.0.0.9;9092;people
[sink1]
enable=1
type=3
codec=2
output-file=out.mp4
[sink2]
enable=1
type=2
sync=1
[sink3]
enable=1
type=4
[tests]
file-loop=1
"""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The site of an application, with files beside it."""
    (tmp_path / "pgie.txt").write_text(PGIE)
    (tmp_path / "labels.txt").write_text("person\nbag\n")
    (tmp_path / "msgconv.txt").write_text("[sensor0]\nenable=1\nid=Main Gate/1\n[sensor2]\nid=yard\n")

    def run(text: str = APP, name: str = "app.txt", **files: str) -> Imported:
        for other, content in files.items():
            (tmp_path / other.replace("_txt", ".txt")).write_text(content)
        (tmp_path / name).write_text(text)
        return import_file(tmp_path / name)

    return run


def checked(made: Imported, folder: Path = Path()) -> Site:
    """As `sightline check` has it, with the variables set."""
    text = StringIO()
    YAML().dump(made.site, text)
    values = {name: "rtsp://h/" if name.endswith("_URL") else "secret" for name in made.variables}
    return parse_site(text.getvalue(), {**os.environ, **values}, name="site", folder=folder)


def told(made: Imported) -> str:
    return "\n".join(
        f"{Path(note.file).name + ': ' if note.file else ''}{note.message}" for note in made.notes
    )


def test_an_application_becomes_a_site(make: Make) -> None:
    made = make()
    assert made.site == {
        "cameras": {
            "Main-Gate-1": {
                "url": "rtsp://10.0.0.5/stream1",
                "username": "${MAIN_GATE_1_USERNAME}",
                "password": "${MAIN_GATE_1_PASSWORD}",
            },
            "yard": {"url": "clips/gate.mp4", "loop": True, "realtime": True},
        },
        "workers": {
            "primary-gie": {
                "size": "1280x720",
                "model": {
                    "kind": "onnx",
                    "path": "models/people.onnx",
                    "labels": "labels.txt",
                    "threshold": 0.4,
                    "nms": 0.6,
                    "size": "960x544",
                    "fit": "letterbox",
                },
                "track": True,
                "sinks": [
                    {"kind": "bus", "url": "kafka://10.0.0.9:9092", "results_topic": "people_:camera_id"},
                    {"kind": "video", "path": "out", "codec": "hevc"},
                    {"kind": "preview"},
                ],
            }
        },
    }
    assert set(made.variables) == {"MAIN_GATE_1_USERNAME", "MAIN_GATE_1_PASSWORD"}


def test_sightline_check_takes_it(make: Make, tmp_path: Path) -> None:
    site = checked(make(), tmp_path)
    assert list(site.cameras) == ["Main-Gate-1", "yard"]
    assert site.workers["primary-gie"].model.kind == "onnx"


def test_every_real_application_becomes_a_site_that_is_right(configs: Path, tmp_path: Path) -> None:
    sites = 0
    for path in sorted(configs.rglob("*.*")):
        if path.suffix in {".txt", ".yml"}:
            with suppress(Refused):  # those of other kinds
                assert checked(import_file(path, folder=tmp_path), tmp_path).cameras
                sites += 1
    assert sites == 27


def test_all_that_has_no_counterpart_is_told(make: Make) -> None:
    words = told(make())
    for part in (
        "[source1] is turned off, and left out",
        "pgie.txt: model-engine-file: people.engine runs on TensorRT alone",
        "pgie.txt: custom-lib-path: libparser.so is not used",
        "pgie.txt: [class-attrs-all] not taken over: topk",
        "[tracker] became Sightline's own tracker",
        "[secondary-gie0] has no counterpart, and is left out: enable, config-file",
        "[application] has no counterpart",
        "[streammux] not taken over: batch-size",
        "the sensor 'Main Gate/1' is called Main-Gate-1",
    ):
        assert part in words, part


def test_every_key_of_the_file_is_asked_for_or_told_of(make: Make) -> None:
    words = told(make(APP.replace("batch-size=2", "batch-size=2\nno-such-key=1\nlive-source=1")))
    assert "[streammux] not taken over: batch-size, no-such-key, live-source" in words


@pytest.mark.parametrize(
    "uri",
    [
        "rtsp://admin:p@ss/w#rd@10.0.0.5/s",
        "rtsp://admin:tulip%2377@10.0.0.5:554/s?a=@b",
        "rtsp://admin@tulip77@cam.example.org/s",
        "rtsp://tulip77@cam.example.org/s",
    ],
)
def test_no_login_is_in_the_site_or_in_the_notes(make: Make, uri: str) -> None:
    made = make(APP.replace("rtsp://viewer:p%40ss@10.0.0.5/stream1", uri))
    for secret in ("admin", "p@ss", "w#rd", "tulip", "ss/w"):
        assert secret not in str(made.site)
        assert secret not in told(made)
    assert "@" not in made.site["cameras"]["Main-Gate-1"]["url"].partition("?")[0]
    checked(made)


def test_an_address_with_a_token_becomes_a_variable(make: Make) -> None:
    made = make(APP.replace("rtsp://viewer:p%40ss@10.0.0.5/stream1", "rtsp://10.0.0.5/s?token=tulip77"))
    word = "addresses that seem to hold a secret are taken from variables: MAIN_GATE_1_URL"
    assert word in told(made)
    assert made.site["cameras"]["Main-Gate-1"]["url"] == "${MAIN_GATE_1_URL}"
    assert "tulip77" not in str(made.site) + told(made)
    checked(made)


def test_a_user_s_name_that_is_a_word_blots_out_no_other(make: Make) -> None:
    made = make(APP.replace("viewer:p%40ss", "user:tulip77"))
    assert "the username of Main-Gate-1" in map(redact, made.variables.values())


def test_no_two_cameras_share_a_variable(make: Make) -> None:
    sources = "".join(
        f"[source{n}]\nenable=1\ntype=4\nuri=rtsp://a:tulip{n}@h/1?token=x{n}\n" for n in range(3)
    )
    sinks = "[sink0]\nenable=1\ntype=6\nmsg-conv-config=sensors.txt\n"
    ids = ("gate-1", "gate.1", "gate_1")
    sensors = "".join(f"[sensor{n}]\nenable=1\nid={name}\n" for n, name in enumerate(ids))
    made = make("[application]\n" + sources + sinks, **{"sensors.txt": sensors})
    assert tuple(made.site["cameras"]) == ids
    used = [value for camera in made.site["cameras"].values() for value in camera.values()]
    assert len(set(used)) == len(used) == len(made.variables) == 9


words = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)


@given(user=words.filter(lambda user: ":" not in user), password=words, port=st.sampled_from(["", ":554"]))
def test_nothing_of_a_login_is_left_in_a_url(user: str, password: str, port: str) -> None:
    login = take_login(f"rtsp://{user}:{password}@10.0.0.5{port}/stream")
    assert login.url == f"rtsp://10.0.0.5{port}/stream"


def test_a_url_without_a_login_is_left() -> None:
    for url in ("rtsp://10.0.0.5/@a/b:c@d", "rtsp://10.0.0.5:554/x@y", "clips/a@b.mp4", "rtsp://cam.org/@a"):
        assert take_login(url) == (url, None, None)


def test_a_dollar_of_the_file_is_no_variable(make: Make) -> None:
    made = make(APP.replace("rtsp://viewer:p%40ss@10.0.0.5/stream1", "rtsp://10.0.0.5/${HOME}"))
    camera = checked(made).cameras["Main-Gate-1"]
    assert camera.url == "rtsp://10.0.0.5/${HOME}"


@pytest.mark.parametrize(
    ("keys", "model"),
    [
        ("net-scale-factor=1", {"std": [0.00392157] * 3}),
        ("net-scale-factor=0.0173520735728\noffsets=123.675;116.28;103.53", {
            "mean": [0.485, 0.456, 0.406],
            "std": [0.226, 0.226, 0.226],
        }),
        ("net-scale-factor=1\nmodel-color-format=1\noffsets=103.5;116.3;123.7", {
            "mean": [0.485098, 0.456078, 0.405882],
            "std": [0.00392157] * 3,
        }),
        ("net-scale-factor=0.0039215697906911373", {}),
    ],
)  # fmt: skip
def test_pictures_are_prepared_as_there(make: Make, keys: str, model: dict[str, Any]) -> None:
    made = make(pgie_txt=PGIE.replace("net-scale-factor=0.00392156862745098", keys))
    found = made.site["workers"]["primary-gie"]["model"]
    assert {key for key in ("mean", "std") if key in found} == model.keys()
    for key, expected in model.items():
        assert found[key] == pytest.approx(expected, rel=1e-3)
    checked(made)


@pytest.mark.parametrize(
    ("old", "new", "model", "word"),
    [
        ("cluster-mode=2", "cluster-mode=4", {"nms": None}, ""),
        ("cluster-mode=2", "", {"nms": None}, "cluster-mode 0 has no counterpart"),
        ("pre-cluster-threshold=0.4", "", {"threshold": 0.2}, ""),
        ("pre-cluster-threshold=0.4", "threshold=0.1", {"threshold": 0.1}, ""),
        ("pre-cluster-threshold=0.4", "pre-cluster-threshold=1.5", {"threshold": None}, "none from 0 to 1"),
        ("maintain-aspect-ratio=1", "", {"fit": "stretch"}, ""),
        ("infer-dims=3;544;960", "infer-dims=544;960;3\nnetwork-input-order=1", {"size": "960x544"}, ""),
        ("network-mode=2", "filter-out-class-ids=1", {"classes": ["person"]}, ""),
        ("network-mode=2", "is-classifier=1", {"head": "classifier", "threshold": 0.0}, ""),
        ("network-mode=2", "model-color-format=1", {}, "models are given RGB"),
        ("onnx-file=models/people.onnx", "", {"kind": "motion"}, "there is no onnx-file"),
        ("network-mode=2", "network-type=2", {"kind": "motion"}, "networks of type 2"),
    ],
)
def test_what_nvinfer_says_becomes_the_model_s(
    make: Make, old: str, new: str, model: dict[str, Any], word: str
) -> None:
    made = make(pgie_txt=PGIE.replace(old, new))
    found = made.site["workers"]["primary-gie"]["model"]
    assert {key: found.get(key) for key in model} == model
    assert word in told(made)
    checked(made)


def test_labels_of_a_classifier_become_a_list(make: Make, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("car;bus;$truck\n")
    made = make(pgie_txt=PGIE.replace("network-mode=2", "network-type=1"))
    assert made.site["workers"]["primary-gie"]["model"]["labels"] == ["car", "bus", "$$truck"]
    model = checked(made).workers["primary-gie"].model
    assert model.kind == "onnx"
    assert model.labels == ["car", "bus", "$truck"]


@pytest.mark.parametrize(
    ("source", "camera", "word"),
    [
        ("type=1\ncamera-v4l2-dev-node=2", {"url": "v4l2:///dev/video2"}, ""),
        ("type=4\nselect-rtp-protocol=4\nuri=rtsp://a/1", {"url": "rtsp://a/1"}, ""),
        ("type=2\nuri=file:///x/a.mp4", {"url": "/x/a.mp4"}, ""),
        ("type=2\nuri=https://a/b.m3u8", {"url": "https://a/b.m3u8"}, ""),
        ("type=5", None, "a CSI camera, which has no counterpart"),
        ("type=4\nuri=rtsp://a/x%2dy", {"url": "rtsp://a/x%2dy"}, ""),  # a hyphen, and no number's place
        ("type=2\nuri=srt://a/1", None, "srt:// is nothing that is opened here"),
        ("type=2", None, "has no uri"),
    ],
)
def test_sources_become_cameras(make: Make, source: str, camera: dict[str, Any] | None, word: str) -> None:
    made = make(f"[application]\n[source0]\nenable=1\n{source}\n")
    expected = {"source0": camera} if camera else {"camera": {"url": "synthetic://street"}}
    assert made.site["cameras"] == expected
    assert word in told(made)
    checked(made)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///clips/a%20b.mp4", "/clips/a b.mp4"),
        ("file://localhost/clips/a.mp4", "/clips/a.mp4"),
        ("FILE:///clips/50%25.mp4", "/clips/50%.mp4"),
    ],
)
def test_the_address_of_a_file_is_decoded(make: Make, uri: str, path: str) -> None:
    made = make(f"[application]\n[streammux]\n[source0]\nenable=1\ntype=2\nuri={uri}\n")
    assert made.site["cameras"]["source0"]["url"] == path


def test_a_source_of_several_uris_is_several_cameras(make: Make) -> None:
    made = make("[application]\n[source0]\nenable=1\ntype=3\nnum-sources=2\nuri=file:///x/%d.mp4\n")
    assert made.site["cameras"] == {"source0-0": {"url": "/x/0.mp4"}, "source0-1": {"url": "/x/1.mp4"}}


def test_a_list_of_sources_and_its_sensors_become_cameras(make: Make) -> None:
    head = "[application]\n[source-list]\nnum-source-bins=2\nlist=rtsp://a/1;rtsp://b/1;\n"
    tail = "sensor-id-list=north;north\nsensor-name-list=a;b\n[source-attr-all]\nenable=1\ntype=3\n"
    for extra in ("", "use-nvmultiurisrcbin=1\n"):
        made = make(head + extra + tail)
        assert made.site["cameras"] == {"north": {"url": "rtsp://a/1"}, "north-2": {"url": "rtsp://b/1"}}
        checked(made)


def test_a_table_of_sources_becomes_cameras(make: Make, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("enable,type,uri\n1,4,rtsp://a/1\n0,4,rtsp://a/2\n")
    made = make("application:\nsource:\n  csv-file-path: s.csv\n", "app.yml")
    assert made.site["cameras"] == {"source0": {"url": "rtsp://a/1"}}
    assert "[source1] is turned off" in told(made)
    (tmp_path / "s.csv").unlink()
    made = make("application:\nsource:\n  csv-file-path: s.csv\n", "app.yml")
    assert [note.severity for note in made.notes if "s.csv" in note.message] == [Severity.REFUSED]


@pytest.mark.parametrize(
    ("keys", "sinks", "word"),
    [
        ("type=1", None, "shows nothing"),
        ("type=6\nmsg-broker-proto-lib=libnvds_kafka_proto.so\nmsg-broker-conn-str=<host>;<port>", None,
         "expected host;port"),
        ("type=6\nmsg-broker-proto-lib=libnvds_amqp_proto.so", None, "libnvds_amqp_proto.so"),
        ("type=6\nmsg-broker-proto-lib=libnvds_kafka_proto.so\nmsg-broker-conn-str=k;9092\ntopic=t",
         [{"kind": "bus", "url": "kafka://k:9092", "results_topic": "t_:camera_id"}], "own results"),
        ("type=3\ncodec=3", [{"kind": "video", "path": "out"}], "became H.264"),
        ("type=9", None, "no counterpart"),
    ],
)  # fmt: skip
def test_sinks_become_sinks(make: Make, keys: str, sinks: list[Any] | None, word: str) -> None:
    made = make(f"[application]\n[source0]\nenable=1\ntype=4\nuri=rtsp://a/1\n[sink0]\nenable=1\n{keys}\n")
    assert made.site["workers"]["primary-gie"].get("sinks") == sinks
    assert word in told(made)
    checked(made)


def test_two_videos_do_not_have_one_folder(make: Make) -> None:
    sink = "[sink{}]\nenable=1\ntype=3\noutput-file=out.mp4\n"
    made = make(f"[application]\n{sink.format(0)}{sink.format(1)}")
    paths = [each["path"] for each in made.site["workers"]["primary-gie"]["sinks"]]
    assert paths == ["out", "out-2"]
    checked(made)


def test_a_test_program_s_file_becomes_a_site(make: Make) -> None:
    text = "source:\n  location: a.h264\nprimary-gie:\n  plugin-type: 0\n  config-file-path: pgie.txt\n"
    made = make(text, "test1.yml")
    assert made.site["cameras"] == {"source": {"url": "a.h264"}}
    assert made.site["workers"]["primary-gie"]["model"]["kind"] == "onnx"


def test_a_model_alone_comes_with_a_camera_to_try_it(make: Make) -> None:
    made = make(PGIE, "alone.txt")
    assert made.site["cameras"] == {"camera": {"url": "synthetic://street"}}
    assert made.site["workers"]["primary-gie"]["model"]["path"] == "models/people.onnx"
    checked(made)


def test_paths_are_meant_from_where_the_site_will_be(make: Make, tmp_path: Path) -> None:
    make()
    made = import_file(tmp_path / "app.txt", folder=tmp_path / "sites")
    assert made.site["cameras"]["yard"]["url"] == "../clips/gate.mp4"
    assert made.site["workers"]["primary-gie"]["model"]["path"] == "../models/people.onnx"


def test_another_kind_of_file_is_refused_with_the_kinds_that_are_taken(make: Make) -> None:
    with pytest.raises(Refused, match="deepstream-app, deepstream-test or nvinfer, got nvmsgconv"):
        make("[sensor0]\nenable=1\n")
