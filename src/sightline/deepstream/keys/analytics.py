"""What nvdsanalytics reads: `[property]` and four kinds of groups, one for each stream.

Read from gst-nvdsanalytics's property parser (text) and its YAML parser. Text must have `enable`,
`config-width` and `config-height`; YAML falls back to 1920x1080 without a word. Lists of YAML are cut at each
`;`: one at the end leaves an empty last number, and that ends the program.
"""

from __future__ import annotations

from sightline.deepstream.document import Form
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_PARSER = "src/gst-plugins/gst-nvdsanalytics/nvdsanalytics_property_parser.cpp"
_YAML_PARSER = "src/gst-plugins/gst-nvdsanalytics/nvdsanalytics_property_yaml_parser.cpp"
_TEXT, _YAML = (Form.TXT,), (Form.YML,)

OSD_MODES = {0: "nothing drawn", 1: "labels of objects", 2: "lines and regions too"}
MODES = ("loose", "balanced", "strict")
STREAM_GROUPS = (
    "roi-filtering-stream-",
    "overcrowding-stream-",
    "line-crossing-stream-",
    "direction-detection-stream-",
)


def _switch(name: str, default: str) -> Key:
    return Key(name=name, type=Type.BOOLEAN, default=default)


_PROPERTY = (
    _switch("enable", "1 in YAML; text must say"),
    Key(name="config-width", type=Type.INTEGER, in_yaml=Type.UNSIGNED, low=0, default="1920 in YAML"),
    Key(name="config-height", type=Type.INTEGER, in_yaml=Type.UNSIGNED, low=0, default="1080 in YAML"),
    Key(name="display-font-size", type=Type.INTEGER, in_yaml=Type.UNSIGNED, default="12"),
    Key(name="osd-mode", type=Type.INTEGER, choices=OSD_MODES, default="2", forms=_TEXT),
    Key(
        name="osd-mode",
        type=Type.UNSIGNED,
        choices=OSD_MODES,
        default="2",
        forms=_YAML,
        outside=Outside.REPLACED,
        instead="2",
    ),
    Key(name="obj-cnt-win-in-ms", type=Type.INTEGER, low=1, high=1e9, default="0, no smoothing", forms=_TEXT),
    Key(
        name="obj-cnt-win-in-ms",
        type=Type.UNSIGNED,
        low=1,
        high=1e9,
        default="0, no smoothing",
        forms=_YAML,
        outside=Outside.TAKEN,
    ),
    _switch("display-obj-cnt", "0"),
)
_EVERY = (
    _switch("enable", "0"),
    Key(name="class-id", type=Type.INTEGERS, default="all", note="-1 is every class"),
)


def _points(name: str, note: str) -> tuple[Key, Key]:
    """YAML's parser stops at a negative number without refusing the file; that is a rule."""
    text = Key(name=name, type=Type.INTEGERS, low=0, note=note, forms=_TEXT)
    return text, Key(name=name, type=Type.INTEGERS, note=note, forms=_YAML)


_CORNERS = _points("roi-{NAME}", "x;y for each corner")
_ROI = (*_EVERY, _switch("inverse-roi", "0"), *_CORNERS)


def _threshold(name: str, default: str) -> Key:
    return Key(name=name, type=Type.INTEGER, in_yaml=Type.UNSIGNED, low=0, default=default)


_OVERCROWDING = (
    *_EVERY,
    _threshold("object-threshold", "1"),
    _threshold("time-threshold", "2000"),
    *_CORNERS,
)
_LINE_CROSSING = (
    *_EVERY,
    _switch("extended", "1"),
    Key(name="mode", type=Type.STRING, default="loose"),
    *_points("line-crossing-{NAME}", "the direction's x1;y1;x2;y2 and the line's x1;y1;x2;y2"),
)
_DIRECTION = (
    *_EVERY,
    Key(name="mode", type=Type.STRING, default="balanced"),
    *_points("direction-{NAME}", "x1;y1;x2;y2"),
)

TABLES: tuple[GroupTable, ...] = (
    GroupTable(name="property", keys=_PROPERTY, required=True, source=_PARSER),
    GroupTable(name="roi-filtering-stream-{NAME}", keys=_ROI, source=_PARSER),
    GroupTable(name="overcrowding-stream-{NAME}", keys=_OVERCROWDING, source=_PARSER),
    GroupTable(name="line-crossing-stream-{NAME}", keys=_LINE_CROSSING, source=_PARSER),
    GroupTable(name="direction-detection-stream-{NAME}", keys=_DIRECTION, source=_PARSER),
)
