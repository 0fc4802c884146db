"""Groups that NVIDIA's TAO apps have beside those of deepstream-test1 and its like.

Facts from nvds_sink_parse.cpp (a sink that is named after its element) and from the apps' ds_yml_parse.cpp.

Deliberately not here: what a single app of them reads beside these.
"""

from __future__ import annotations

from sightline.deepstream.keys.app_rows import ONLY_YAML
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_SINKS = "src/utils/nvds_ymlparser/nvds_sink_parse.cpp"
_APPS = "src/apps/tao_apps/apps/tao_others/common/ds_yml_parse.cpp"


def _key(name: str, kind: Type, note: str = "") -> Key:
    return Key(name=name, type=kind, outside=Outside.TAKEN, forms=ONLY_YAML, note=note)


def _group(name: str, source: str, *keys: Key) -> GroupTable:
    return GroupTable(name=name, source=source, forms=ONLY_YAML, keys=keys)


_ENABLE = _key("enable", Type.INTEGER, "1 where it is not set; the first sink that is on is taken")
_ENCODER = _key("enc-type", Type.UNSIGNED, "0 hardware, and software where there is none; 1 software")
_ANY_SINK = (
    _ENABLE,
    *(_key(name, Type.INTEGER) for name in ("async", "enable-last-sample", "qos", "sync")),
)

FILE_SINK = _group("filesink", _SINKS, *_ANY_SINK, _key("location", Type.STRING), _ENCODER)
FAKE_SINK = _group("fakesink", _SINKS, *_ANY_SINK)
OUTPUT = _group(
    "output",
    _APPS,
    _key("type", Type.UNSIGNED, "1 file, 2 fake, 3 window"),
    _key("codec", Type.UNSIGNED, "0 H.264, 1 H.265"),
    _ENCODER,
    _key("filename", Type.STRING, "without its end"),
    *(_key(name, Type.UNSIGNED) for name in ("bitrate", "iframeinterval", "udpport")),
    _key("rtspport", Type.STRING),
)
VIDEO_TEMPLATE = _group(
    "video-template",
    _APPS,
    _key("customlib-name", Type.PATH),
    _key("customlib-props", Type.ANY, "a text, or a list of them"),
)
POSTPROCESS = _group(
    "secondary-postprocess{N}", _APPS, _key("config-file-path", Type.PATH), _key("lib-name", Type.PATH)
)
PREPROCESS = _group("secondary-preprocess{N}", _APPS, _key("config-file-path", Type.PATH))

TABLES = (FILE_SINK, FAKE_SINK, OUTPUT, VIDEO_TEMPLATE, POSTPROCESS, PREPROCESS)
