"""What nvmsgconv's schema library reads: places, sensors and analytics modules by number.

Read from nvmsgconv's deepstream_schema. A group that is not enabled is passed over, and one that does not say
`enable` is not enabled.
"""

from __future__ import annotations

from sightline.deepstream.document import Form
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_SOURCE = "src/utils/nvmsgconv/deepstream_schema/deepstream_schema.cpp"
_YAML = (Form.YML,)

_ENABLE = (
    Key(
        name="enable",
        type=Type.BOOLEAN,
        default="0",
        forms=(Form.TXT,),
        unreadable=Outside.REPLACED,
        instead="0",
    ),
    Key(name="enable", type=Type.BOOLEAN, default="0", forms=_YAML),
)


def _word(name: str) -> Key:
    return Key(name=name, type=Type.STRING, default="empty")


_WHERE = (
    Key(name="location", type=Type.NUMBERS, count=3, default="0;0;0", note="latitude;longitude;altitude"),
    Key(name="coordinate", type=Type.NUMBERS, count=3, default="0;0;0", note="x;y;z"),
)
_SENSOR = (*_ENABLE, _word("id"), _word("type"), _word("description"), *_WHERE)
_PLACE = (
    *_ENABLE,
    _word("id"),
    _word("type"),
    _word("name"),
    *_WHERE,
    _word("place-sub-field1"),
    _word("place-sub-field2"),
    _word("place-sub-field3"),
)
_ANALYTICS = (*_ENABLE, _word("id"), _word("source"), _word("description"), _word("version"))
_DATAMAP = (
    _word("2d_objects_key"),
    _word("3d_objects_key"),
    _word("fused_detection_key"),
    _word("lidar_data_key"),
    Key(name="lidar_element_size", type=Type.UNSIGNED, default="4"),
    Key(name="lidar_element_max_points", type=Type.UNSIGNED, default="10"),
)

TABLES: tuple[GroupTable, ...] = (
    GroupTable(name="sensor{NAME}", keys=_SENSOR, source=_SOURCE),
    GroupTable(name="place{NAME}", keys=_PLACE, source=_SOURCE),
    GroupTable(name="analytics{NAME}", keys=_ANALYTICS, source=_SOURCE),
    GroupTable(name="ds3d::datamap", keys=_DATAMAP, source=_SOURCE, forms=_YAML),
)
