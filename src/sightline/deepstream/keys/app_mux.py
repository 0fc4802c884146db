"""What deepstream-app knows of the mux.

Facts from deepstream_config_file_parser.c (`parse_streammux`), deepstream_streammux_yaml.cpp and, for what is
handed to which mux, deepstream_streammux.c. The YAML parser gives the whole file up at a key of this group
that it does not know, though it calls that a warning.

Deliberately not here: what beats batch-size (`rules.app_batches`).
"""

from __future__ import annotations

from sightline.deepstream.findings import Severity
from sightline.deepstream.keys.app_rows import (
    ONLY_TEXT,
    ONLY_YAML,
    boolean,
    compute,
    gpu,
    integer,
    long,
    memory,
    path,
    switch,
    unsigned,
)
from sightline.deepstream.keys.key import GroupTable, Type

STREAMMUX = GroupTable(
    name="streammux",
    source="src/apps/common/src/deepstream_config_file_parser.c",
    unknown_in_yaml=Severity.REFUSED,
    keys=(
        gpu(),
        switch("live-source"),
        integer(name="batch-size", default="0: the mux's own 1; with a source list the number of sources"),
        integer(name="batched-push-timeout", default="-1: it waits for a whole batch", note="microseconds"),
        integer(name="width", default="0: not set, which the old mux does not start with", low=0),
        integer(name="height", default="0: not set, which the old mux does not start with", low=0),
        switch("enable-padding"),
        integer(name="buffer-pool-size", default="the mux's own 4"),
        memory(),
        compute(in_yaml=Type.INTEGER),
        switch("attach-sys-ts-as-ntp", "1", forms=ONLY_TEXT, note="YAML calls it attach-sys-ts"),
        switch("attach-sys-ts", "1", forms=ONLY_YAML, note="text calls it attach-sys-ts-as-ntp"),
        boolean(name="frame-num-reset-on-eos", default="0"),
        boolean(name="frame-num-reset-on-stream-reset", default="0"),
        long(name="frame-duration", default="-1: from the streams", note="milliseconds"),
        path(name="config-file-path", note="for the new mux (USE_NEW_NVSTREAMMUX=yes)"),
        switch("sync-inputs"),
        switch("sync-inputs-ntp", forms=ONLY_TEXT),
        long(name="max-latency", default="0", note="nanoseconds"),
        boolean(name="async-process", default="1"),
        boolean(name="drop-pipeline-eos", default="0"),
        integer(name="num-surfaces-per-frame", default="1"),
        boolean(name="sort-batch", default="0", forms=ONLY_TEXT),
        boolean(name="cache-buffer", default="0", forms=ONLY_TEXT),
        integer(
            name="cache-buffer-timeout",
            default="-1 in text; in YAML 0",
            forms=ONLY_TEXT,
        ),
        switch("align-first-buffer", forms=ONLY_TEXT),
        unsigned(name="failsafe-flush-count", default="0", low=0),
        switch("drop-backward-sei", forms=ONLY_TEXT),
        switch("extract-sei-type5-data", forms=ONLY_TEXT),
        switch("extract-sei-sim-time", forms=ONLY_TEXT),
        integer(
            name="interpolation-method",
            default="0",
            forms=ONLY_YAML,
            note="read, and handed to no element",
        ),
    ),
)

TABLES = (STREAMMUX,)
