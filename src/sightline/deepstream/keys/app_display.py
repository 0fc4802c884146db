"""What deepstream-app knows of drawing, of tiling, and of keeping single pictures.

Facts from deepstream_config_file_parser.c (`parse_osd`, `parse_tiled_display`, `parse_image_save`), their
YAML twins, deepstream_osd_bin.c and deepstream_tiled_display_bin.c.

Deliberately not here: what the number of sources does to rows and columns (`rules.app_display`).
"""

from __future__ import annotations

from sightline.deepstream.keys.app_rows import (
    boolean,
    color,
    compute,
    enabled,
    gpu,
    integer,
    memory,
    number,
    path,
    string,
    switch,
    unsigned,
)
from sightline.deepstream.keys.key import GroupTable, Outside, Type

_PARSER = "src/apps/common/src/deepstream_config_file_parser.c"
_WHOLE = "YAML's parser takes whole numbers: 0.3 is 0"

OSD = GroupTable(
    name="osd",
    source=_PARSER,
    keys=(
        enabled("nothing is drawn"),
        gpu(),
        integer(
            name="process-mode",
            default="1",
            choices={0: "CPU", 1: "GPU", 2: "VIC, on Jetson"},
            outside=Outside.REPLACED,
            instead="the element's own 1",
        ),
        integer(name="border-width", default="0", low=0),
        integer(name="text-size", default="0", low=0),
        color(name="text-color", default="0;0;0;0, which nobody sees", note=_WHOLE),
        color(name="text-bg-color", default="none", note=_WHOLE),
        string(name="font"),
        switch("show-clock"),
        integer(name="clock-x-offset", default="0", low=0),
        integer(name="clock-y-offset", default="0", low=0),
        integer(name="clock-text-size", default="0", low=0),
        color(name="clock-color", default="0;0;0;1", note="its fourth number is taken as 1. " + _WHOLE),
        string(name="hw-blend-color-attr", note="with process-mode 2"),
        memory("of the converter in front of it"),
        boolean(name="display-text", default="1"),
        boolean(name="display-bbox", default="1"),
        boolean(name="display-mask", default="0"),
    ),
)

TILED_DISPLAY = GroupTable(
    name="tiled-display",
    source=_PARSER,
    keys=(
        integer(
            name="enable",
            default="0",
            choices={
                0: "a sink for each source",
                1: "tiled",
                2: "tiled, and single sources",
                3: "as it comes",
            },
            outside=Outside.REFUSED,
        ),
        unsigned(name="rows", default="0: as many as are needed", low=0),
        unsigned(name="columns", default="0: as many as are needed", low=0),
        unsigned(name="width", default="0: the tiler's own 1920", low=0),
        unsigned(name="height", default="0: the tiler's own 1080", low=0),
        gpu(),
        memory(),
        compute(note="Jetson's build alone uses it"),
        unsigned(name="buffer-pool-size", default="0: the tiler's own", low=0),
        boolean(name="square-seq-grid", default="0"),
    ),
)

IMAGE_SAVE = GroupTable(
    name="img-save",
    source=_PARSER,
    keys=(
        enabled("no pictures are kept"),
        unsigned(name="gpu-id", default="0: global-gpu-id does not reach it", low=0),
        path(name="output-folder-path", note="relative to the working directory"),
        path(name="frame-to-skip-rules-path", note="relative to the working directory"),
        number(name="save-img-full-frame", default="1", in_yaml=Type.INTEGER),
        number(name="save-img-cropped-obj", default="0", in_yaml=Type.INTEGER),
        number(name="second-to-skip-interval", default="600", in_yaml=Type.UNSIGNED),
        number(name="min-confidence", default="0"),
        number(name="max-confidence", default="1"),
        unsigned(name="min-box-width", default="1", low=0),
        unsigned(name="min-box-height", default="1", low=0),
    ),
)

TABLES = (OSD, TILED_DISPLAY, IMAGE_SAVE)
