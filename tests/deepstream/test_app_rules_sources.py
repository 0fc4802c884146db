"""What an application's sources and dewarpers come to."""

from pathlib import Path

from tests.deepstream.app_files import Case, Changes, each, judged

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Severity, What, would_load

REFUSED, WARNING, NOTE = Severity.REFUSED, Severity.WARNING, Severity.NOTE
TXT, YML = (Form.TXT,), (Form.YML,)
CAMERA = {"type": "4", "uri": "rtsp://a/b"}


def source(**keys: str) -> Changes:
    return {"source0": {key.replace("_", "-"): value for key, value in keys.items()}}


CASES = (
    Case(
        "a source without a number",
        {"sourceX": {"enable": "1"}},
        "sourceX",
        None,
        REFUSED,
        What.UNKNOWN,
        "",
        YML,
    ),
    Case(
        "two groups of one number",
        {"source00": {"enable": "1", **CAMERA}},
        "source00",
        None,
        REFUSED,
        What.DUPLICATE,
        "",
        YML,
    ),
    Case(
        "[source] without its table",
        {"source0": None, "source": {"a": "1"}},
        "source",
        "csv-file-path",
        REFUSED,
        What.MISSING,
        "",
        TXT,
    ),
    Case(
        "too many sources",
        source(type="3", num_sources="1025"),
        None,
        None,
        REFUSED,
        What.VALUE,
        "at most 1024",
    ),
    Case("no source", {"source0": None}, None, None, WARNING, What.MISSING, "no source is on"),
    Case(
        "no source that is on",
        {"source0": {"enable": "0"}},
        None,
        None,
        WARNING,
        What.MISSING,
        "no source is on",
    ),
    Case(
        "a source without a URI",
        {"source0": {"uri": None}},
        "source0",
        "uri",
        REFUSED,
        What.MISSING,
        "type 2",
        YML,
    ),
    Case(
        "a source of a table without a URI",
        {"source0": {"uri": None}},
        "source",
        "uri",
        REFUSED,
        What.MISSING,
        "type 2",
        TXT,
    ),
    Case(
        "a source without a type",
        {"source0": {"type": None}},
        "source0",
        "type",
        REFUSED,
        What.MISSING,
        "",
        YML,
    ),
    Case(
        "a source of a table without a type",
        {"source0": {"type": None}},
        "source",
        "type",
        REFUSED,
        What.MISSING,
        "",
        TXT,
    ),
    Case("a source of no known type", source(type="99"), "source0", "type", REFUSED, What.VALUE, "", YML),
    Case(
        "a source of a table of no known type",
        source(type="99"),
        "source",
        "csv-file-path",
        REFUSED,
        What.VALUE,
        "",
        TXT,
    ),
    Case(
        "a URI that printf reads more of",
        source(type="3", uri="file:///%s.mp4"),
        "source0",
        "uri",
        WARNING,
        What.VALUE,
        "printf",
        YML,
    ),
    Case("a camera without a size", source(type="1"), "source0", "type", WARNING, What.MISSING, "V4L2", YML),
    Case("a camera of Jetson", source(type="5"), "source0", "type", NOTE, What.VALUE, "Jetson", YML),
    Case(
        "a latency of a camera",
        source(type="1", latency="3"),
        "source0",
        "latency",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "a protocol of a file",
        source(select_rtp_protocol="4"),
        "source0",
        "select-rtp-protocol",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "a width of a file",
        source(camera_width="4"),
        "source0",
        "camera-width",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "a key of nvmultiurisrcbin alone",
        source(leaky="2"),
        "source0",
        "leaky",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "surfaces that no decoder has",
        source(num_decode_surfaces="2"),
        "source0",
        "num-decode-surfaces",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "a folder of recordings that are off",
        {"source0": {**CAMERA, "smart-rec-cache": "3"}},
        "source0",
        "smart-rec-cache",
        WARNING,
        What.INAPPLICABLE,
        "smart-record is 0",
        YML,
    ),
    Case(
        "an interval of recordings by message",
        {"source0": {**CAMERA, "smart-record": "1", "smart-rec-interval": "3"}},
        "source0",
        "smart-rec-interval",
        WARNING,
        What.INAPPLICABLE,
        "2 alone",
        YML,
    ),
    Case(
        "attempts without an interval",
        {"source0": {**CAMERA, "rtsp-reconnect-attempts": "3"}},
        "source0",
        "rtsp-reconnect-attempts",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "no source of several",
        source(type="3", num_sources="0"),
        "source0",
        "num-sources",
        WARNING,
        What.REPLACED,
        "taken as 1",
        YML,
    ),
    Case(
        "a key that its parser cannot find",
        source(extract_sei_type5_data="1"),
        "source0",
        "extract-sei-type5-data",
        REFUSED,
        What.VALUE,
        "",
        YML,
    ),
    Case(
        "a dewarper of two digits",
        {"dewarper10": {"enable": "1"}},
        "dewarper10",
        None,
        WARNING,
        What.INAPPLICABLE,
        "two digits",
        YML,
    ),
    Case(
        "more dewarpers than sources",
        {"dewarper0": {"enable": "1"}, "dewarper1": {"enable": "1"}},
        "dewarper1",
        None,
        REFUSED,
        What.VALUE,
        "",
        YML,
    ),
    Case(
        "a dewarper without a number",
        {"dewarper": {"enable": "1"}},
        "dewarper",
        None,
        REFUSED,
        What.UNKNOWN,
    ),
    Case(
        "a dewarper of no source",
        {"dewarper1024": {"enable": "1"}},
        "dewarper1024",
        None,
        REFUSED,
        What.UNKNOWN,
        "",
        TXT,
    ),
)


@each(CASES)
def test_sources_are_judged(case: Case, form: Form) -> None:
    assert case.shown(form) is (form not in case.quiet)


def test_several_sources_are_not_refused() -> None:
    assert would_load(judged(source(type="3", uri="file:///%d.mp4", num_sources="1"), Form.TXT))


def test_a_source_that_is_off_may_be_wrong() -> None:
    found = judged({"source1": {"enable": "0", "type": "nothing", "no-key": "1"}}, Form.TXT)
    assert not [each for each in found if each.group == "source1"]


def test_a_source_of_the_table_that_is_off_must_have_numbers_all_the_same() -> None:
    off = {"source1": {"enable": "0", "type": "nothing", "uri": "file:///a.mp4"}}
    assert would_load(judged(off, Form.TXT))
    assert not would_load(judged(off, Form.YML))


def test_a_folder_to_record_to_that_is_not_here_is_told(tmp_path: Path) -> None:
    rtsp = {"type": "4", "uri": "rtsp://a/b", "smart-record": "1"}
    here, gone = ({**rtsp, "smart-rec-dir-path": str(folder)} for folder in (tmp_path, tmp_path / "gone"))
    right, wrong = (judged({"source0": keys}, Form.TXT) for keys in (here, gone))
    (found,) = set(wrong) - set(right)
    assert (found.severity, found.what, found.key) == (Severity.WARNING, What.MISSING, "smart-rec-dir-path")
    assert "refuses the file where it cannot write there" in found.message
    off = {**gone, "enable": "0"}
    assert not any(each.key == "smart-rec-dir-path" for each in judged({"source0": off}, Form.TXT))
