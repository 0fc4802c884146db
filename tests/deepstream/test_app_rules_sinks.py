"""What an application's sinks, its drawing and its messages come to."""

from collections.abc import Mapping

import pytest
from tests.deepstream.app_files import Case, Changes, each, judged

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Severity, What, would_load

REFUSED, WARNING, NOTE = Severity.REFUSED, Severity.WARNING, Severity.NOTE
TXT, YML = (Form.TXT,), (Form.YML,)
SINK, OSD, TILED = "sink0", "osd", "tiled-display"
FILE = {"type": "3", "output-file": "a.mp4", "bitrate": "2000000"}
RTSP = {"type": "4", "bitrate": "2000000"}
BROKER = {"type": "6", "msg-broker-proto-lib": "libnvds_kafka_proto.so"}
NOTHING = {"primary-gie": None, "secondary-gie0": None, "tracker": None}
TWO = {
    "source1": {"enable": "1", "type": "2", "uri": "file:///b.mp4"},
    "streammux": {"batch-size": "2", "batched-push-timeout": "40000"},
}
ENCODED = {"iframeinterval": "30"}


def sink(by: Mapping[str, str | None] | None = None, **keys: str | None) -> Changes:
    return {SINK: {**(by or {}), **{key.replace("_", "-"): value for key, value in keys.items()}}}


def osd(**keys: str | None) -> Changes:
    return {OSD: {key.replace("_", "-"): value for key, value in keys.items()}}


def tiled(**keys: str | None) -> Changes:
    return {TILED: {key.replace("_", "-"): value for key, value in keys.items()}}


SINKS = (
    Case("a sink without a type", sink(type=None), SINK, "type", REFUSED, What.MISSING),
    Case("a sink of no known type", sink(type="7"), SINK, "type", REFUSED, What.VALUE),
    Case("Jetson's sink", sink(type="5"), SINK, "type", WARNING, What.VALUE, "Jetson"),
    Case("no sink that is on", sink(enable="0"), None, None, NOTE, What.DEFAULT, "no sink is on"),
    Case(
        "too many sinks",
        {f"sink{n}": {"enable": "1", "type": "1"} for n in range(1025)},
        None,
        None,
        REFUSED,
        What.VALUE,
        "1025",
    ),
    Case("a codec that is none", sink(FILE, codec="4"), SINK, "codec", REFUSED, What.VALUE),
    Case("MPEG-4 over RTSP", sink(RTSP, codec="3"), SINK, "codec", REFUSED, What.VALUE),
    Case("a container that is none", sink(FILE, container="3"), SINK, "container", REFUSED, What.VALUE),
    Case("a file without a name", sink(FILE, output_file=None), SINK, "output-file", REFUSED, What.MISSING),
    Case("a rate that is not set", sink(FILE, bitrate=None), SINK, "bitrate", NOTE, What.DEFAULT),
    Case(
        "an encoder of MPEG-4",
        sink(FILE, codec="3", enc_type="1"),
        SINK,
        "enc-type",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "a profile of software",
        sink(FILE, enc_type="1", profile="2"),
        SINK,
        "profile",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "a preset of hardware",
        sink(FILE, sw_preset="2"),
        SINK,
        "sw-preset",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case("a rate of a fake sink", sink(bitrate="2"), SINK, "bitrate", WARNING, What.INAPPLICABLE, "fake"),
    Case(
        "a port of a file",
        sink(FILE, rtsp_port="8554"),
        SINK,
        "rtsp-port",
        WARNING,
        What.INAPPLICABLE,
        "file",
    ),
    Case(
        "a topic of a window", sink(type="2", topic="a"), SINK, "topic", WARNING, What.INAPPLICABLE, "window"
    ),
    Case(
        "speeds without the log",
        sink(show_fps="1"),
        SINK,
        "show-fps",
        WARNING,
        What.INAPPLICABLE,
        "nvdslogger",
    ),
    Case(
        "messages that are not made",
        sink(BROKER, disable_msgconv="1", msg_conv_payload_type="1"),
        SINK,
        "msg-conv-payload-type",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "a single source where none is",
        sink(link_to_demux="1"),
        SINK,
        "link-to-demux",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "a second source of tiles",
        sink(source_id="1"),
        SINK,
        "source-id",
        WARNING,
        What.INAPPLICABLE,
        "tiled",
    ),
    Case(
        "a source that is not there",
        {**tiled(enable="0"), **sink(source_id="1")},
        SINK,
        "source-id",
        WARNING,
        What.INAPPLICABLE,
        "1 sources",
    ),
    Case("single sources without a sink", tiled(enable="2"), TILED, "enable", REFUSED, What.MISSING),
    Case(
        "a broker without its library",
        sink(BROKER, msg_broker_proto_lib=None),
        SINK,
        "msg-broker-proto-lib",
        REFUSED,
        What.MISSING,
    ),
    Case("a broker of another source", sink(BROKER, source_id="1"), SINK, "source-id", REFUSED, What.VALUE),
    Case("a broker with nothing to tell", {**NOTHING, **sink(BROKER)}, SINK, "type", REFUSED, What.VALUE),
    Case(
        "one port for two",
        {"sink0": RTSP, "sink1": {"enable": "1", **RTSP, "udp-port": "5001"}},
        "sink1",
        "rtsp-port",
        WARNING,
        What.DUPLICATE,
    ),
)
OTHERS = (
    Case(
        "too few tiles",
        {**TWO, **tiled(rows="1", columns="1")},
        TILED,
        "rows",
        WARNING,
        What.REPLACED,
        "2 rows and 1 columns",
    ),
    Case(
        "a clock that is not shown", osd(clock_text_size="3"), OSD, "clock-text-size", NOTE, What.INAPPLICABLE
    ),
    Case(
        "colours of Jetson",
        osd(hw_blend_color_attr="3,1.0,1.0,0.0,0.3"),
        OSD,
        "hw-blend-color-attr",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "colours that are cut",
        osd(text_bg_color="0.3;0.3;0.3;1"),
        OSD,
        "text-bg-color",
        WARNING,
        What.REPLACED,
        "0;0;0;1",
        TXT,
    ),
    Case("letters without a size", osd(text_size=None), OSD, "text-size", NOTE, What.DEFAULT),
    Case(
        "letters without a colour", osd(text_color=None), OSD, "text-color", NOTE, What.DEFAULT, "nobody sees"
    ),
    Case(
        "messages from nowhere",
        {"message-consumer0": {"enable": "1", "proto-lib": "a", "subscribe-topic-list": "a"}},
        "message-consumer0",
        "conn-str",
        REFUSED,
        What.MISSING,
    ),
    Case(
        "messages of no topic",
        {"message-consumer0": {"enable": "0", "subscribe-topic-list": ""}},
        "message-consumer0",
        "subscribe-topic-list",
        REFUSED,
        What.VALUE,
        "",
        YML,
    ),
    Case(
        "messages of nothing",
        {**NOTHING, "message-converter": {"enable": "1"}},
        "message-converter",
        None,
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "pictures that nobody keeps",
        {"img-save": {"enable": "1"}},
        "img-save",
        None,
        WARNING,
        What.INAPPLICABLE,
    ),
    Case("a group that nobody switched on", osd(enable=None), OSD, "enable", WARNING, What.DEFAULT),
    Case(
        "a switch that is no number",
        sink(enable="true"),
        SINK,
        "enable",
        WARNING,
        What.VALUE,
        "the group is off",
        YML,
    ),
    Case(
        "one GPU and a sink without a switch",
        {"application": {"global-gpu-id": "0"}, **sink(enable=None)},
        SINK,
        "enable",
        REFUSED,
        What.MISSING,
        "",
        TXT,
    ),
    Case("a group of one letter", {"x": {"enable": "1"}}, "x", None, REFUSED, What.UNKNOWN, "dewarper", YML),
    Case(
        "a group that begins as a dewarper",
        {"dewarpex": {"enable": "1"}},
        "dewarpex",
        None,
        REFUSED,
        What.UNKNOWN,
        "",
        YML,
    ),
)


@each((*SINKS, *OTHERS))
def test_what_leaves_is_judged(case: Case, form: Form) -> None:
    assert case.shown(form) is (form not in case.quiet)


@pytest.mark.parametrize(
    "by",
    [{**FILE, **ENCODED}, {**RTSP, **ENCODED}, BROKER, {"type": "2"}],
    ids=["a file", "RTSP", "a broker", "a window"],
)
@pytest.mark.parametrize("form", Form)
def test_a_sink_that_is_right_is_not_spoken_of(by: Mapping[str, str | None], form: Form) -> None:
    assert judged(sink(by), form) == ()


@pytest.mark.parametrize("form", Form)
def test_a_sink_that_is_off_may_be_wrong(form: Form) -> None:
    off = judged({"sink1": {"enable": "0", "type": "9", "codec": "7", "no-key": "1"}}, form)
    assert off == ()


@pytest.mark.parametrize("form", Form)
def test_tiles_of_two_sources_may_be_as_many_as_are_needed(form: Form) -> None:
    found = judged({**TWO, **tiled(rows="0", columns="2")}, form)
    assert [(each.group, each.what) for each in found] == [(TILED, What.REPLACED)]
    assert judged({**TWO, **tiled(rows="1", columns="2")}, form) == ()


def test_a_sink_may_have_any_name() -> None:
    found = judged({"sink-of-a-file": {"enable": "1", **FILE, **ENCODED}}, Form.TXT)
    assert found == ()
    assert not would_load(judged({"sink-of-a-file": {"enable": "1", "type": "9"}}, Form.TXT))
