"""What is open when an instance is generated: how its sources stand in the file, where NVIDIA's files are,
and what a debug mode shows.

**Off** (`debug=False`, or the document's `app_type` is NORMAL): no on-screen display, no tiled display, no
measurement; a fake sink takes the pictures, broker sinks send the results, the environment is empty.

**On** (`debug=True` or `Debug(...)`, or the document's `app_type` is VISUAL): boxes, labels and a clock are
drawn (`[osd]`), all cameras stand in one picture (`[tiled-display]`), and that goes into an MP4 file or to an
RTSP server within DeepStream, in place of the fake sink; frame rates are printed every 5 seconds; GStreamer
logs at `gst_level` and the application and its parser of files at `app_level`, through the environment. The
broker sinks send what they send when it is off. An instance has two pipelines (`pipelines`): their files have
`-mot` and `-face` before the suffix, their RTSP servers `port` and `port + 1`.

The RTSP server is NVIDIA's: it listens on every interface and knows no login, so that anybody who reaches the
port sees the pictures. Latency is not measured: with NVIDIA's variables for that set, DeepStream writes the
stream of the file sink without its MP4 container.

Deliberately not here: the groups that all this becomes (`application`, `display`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath, PurePosixPath
from typing import Final

from sightline.errors import ConfigError

_INSTALLED: Final = PurePosixPath("/opt/nvidia/deepstream/deepstream")
_FILE: Final = PurePosixPath("debug.mp4")
_UP: Final = PurePosixPath("..")
_KAFKA: Final = _INSTALLED / "lib/libnvds_kafka_proto.so"
_TRACKER: Final = _INSTALLED / "lib/libnvds_nvmultiobjecttracker.so"
_TRACKER_CONFIG: Final = _INSTALLED / "samples/configs/deepstream-app/config_tracker_NvDCF_perf.yml"
_LARGEST_PORT: Final = 65_535
_LARGEST_LEVEL: Final = 9


class SourceStyle(StrEnum):
    """How sources stand in an application's key file. YAML has one way, a table beside it."""

    GROUPS = "groups"  # [source0], [source1], ...
    LIST = "list"  # [source-list] and [source-attr-all], for nvmultiurisrcbin


@dataclass(frozen=True, slots=True, kw_only=True)
class Debug:
    """What debug mode shows; see the module.

    Attributes:
        file: where the pictures go as MP4, relative to the folder that DeepStream runs in; None for none.
        rtsp_port: the port of the first RTSP server; None for none. One of the two must be there.
        gst_level: GST_DEBUG's level for everything, 0 (nothing) to 9.
        app_level: the level of deepstream-app and of its parser of files.
    """

    file: PurePath | None = _FILE
    rtsp_port: int | None = None
    gst_level: int = 3
    app_level: int = 5

    def __post_init__(self) -> None:
        if (self.file is None) == (self.rtsp_port is None):
            raise ConfigError("debug: expected either a file or an RTSP port, got both or neither")
        if self.rtsp_port is not None and not 0 < self.rtsp_port < _LARGEST_PORT:
            raise ConfigError(f"debug: expected an RTSP port of 1 to 65534, got {self.rtsp_port}")
        for name, level in (("gst_level", self.gst_level), ("app_level", self.app_level)):
            if not 0 <= level <= _LARGEST_LEVEL:
                raise ConfigError(f"debug: expected a {name} of 0 to {_LARGEST_LEVEL}, got {level}")

    @property
    def environment(self) -> dict[str, str]:
        """What DeepStream's process is to have in its environment."""
        app = f"NVDS_APP:{self.app_level},NVDS_CFG_PARSER:{self.app_level}"
        return {"GST_DEBUG": f"{self.gst_level},{app}", "GST_DEBUG_NO_COLOR": "1"}


DEBUG_TO_RTSP: Final = Debug(file=None, rtsp_port=8554)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the document leaves open.

    Attributes:
        sources: how sources stand in a key file.
        relative_to: what stands before a relative path of the document, as DeepStream reads each from the
            folder of the file it is in; `..` because `Generated.write` puts the files one folder deeper.
        kafka_library: the protocol adapter that the broker sinks load.
        converter_library: what makes messages of results, in place of NVIDIA's, which leaves out vectors.
        tracker_library, tracker_config: the low-level tracker and its file.
        tracker_width, tracker_height: the size that the tracker works in, multiples of 32.
        push_timeout_us: how long the muxer waits for a batch to be full.
    """

    sources: SourceStyle = SourceStyle.GROUPS
    relative_to: PurePosixPath = _UP
    kafka_library: PurePosixPath = _KAFKA
    converter_library: PurePosixPath | None = None
    tracker_library: PurePosixPath = _TRACKER
    tracker_config: PurePosixPath = _TRACKER_CONFIG
    tracker_width: int = 960
    tracker_height: int = 544
    push_timeout_us: int = 40_000

    def place(self, path: PurePath) -> str:
        """A path of the document as a file of the set is to have it."""
        return str(path if path.is_absolute() else self.relative_to / path)
