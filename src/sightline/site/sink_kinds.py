"""The sinks of a site file, a class a kind.

What an option may be is said by the class that takes it, in `sightline.sink`; here it stands once more,
with its description, so that a file can be checked, and completed by an editor, without opening anything.
Tests hold the two together.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, SecretStr, model_validator

from sightline.errors import ConfigError
from sightline.loopback import is_loopback
from sightline.sink.target import parse_target
from sightline.sink.viewed import topics_of
from sightline.site.section import BusUrl, Section, SitePath, Text, TopicPattern, complete


class JsonlSink(Section):
    """Every result as a line of JSON."""

    kind: Literal["jsonl"]
    path: SitePath = Field(description="The file that lines are added to; from the site file's folder.")


class PreviewSink(Section):
    """A page with the annotated pictures, moving."""

    kind: Literal["preview"]
    host: Text = Field(
        "127.0.0.1", description="The address to serve at; any but this machine's own needs a token."
    )
    port: int = Field(8765, ge=0, le=65535, description="The TCP port to serve at; 0 for any free one.")
    token: SecretStr | None = Field(
        None, min_length=8, description="What a visitor must know: ?token= or Authorization: Bearer."
    )
    max_fps: float = Field(10, gt=0, le=60, description="Pictures a second of one camera, at most.")
    max_width: int = Field(960, ge=64, le=4096, description="Width of a picture at most, in pixels.")
    quality: int = Field(80, ge=1, le=100, description="Quality of the JPEGs.")

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.token is None and not is_loopback(self.host):
            raise complete(
                'expected a token with a host that others can reach, such as token: "${PREVIEW_TOKEN}"'
            )
        return self


class ContactSheetSink(Section):
    """One PNG of annotated moments, spread over the run."""

    kind: Literal["contact_sheet"]
    path: SitePath = Field(description="The PNG file, replaced at the end; from the site file's folder.")
    columns: int = Field(4, ge=1, le=32, description="Moments of each camera.")
    tile_width: int = Field(320, ge=64, le=1920, description="Width of each picture in it, in pixels.")


class CsvSink(Section):
    """Every detection as a row of a CSV file."""

    kind: Literal["csv"]
    path: SitePath = Field(description="The file that rows are added to; from the site file's folder.")
    empty_frames: bool = Field(
        False, description="Whether a picture in which nothing was seen is a row too, without a label."
    )


class ParquetSink(Section):
    """Every detection as a row of a folder of Parquet files. Needs `sightline[parquet]`."""

    kind: Literal["parquet"]
    path: SitePath = Field(description="The folder that files are added to; from the site file's folder.")
    max_rows: int = Field(
        20_000,
        ge=1,
        le=1_000_000,
        description="Rows of a file. They wait in memory until it is written: 20,000 are about 10 MB.",
    )
    max_age_s: float = Field(
        300, gt=0, le=86_400, description="Seconds after which a file is written with fewer rows."
    )
    empty_frames: bool = Field(
        False, description="Whether a picture in which nothing was seen is a row too, without a label."
    )


class VideoSink(Section):
    """Annotated MP4 files of each camera. Needs `sightline[supervision]`."""

    kind: Literal["video"]
    path: SitePath = Field(description="The folder that files are added to; from the site file's folder.")
    codec: Literal["h264", "hevc"] = Field(
        "h264", description="What it is encoded as; hevc is a quarter smaller for three times the work."
    )
    max_width: int = Field(1280, ge=64, le=4096, description="Width of a picture at most, in pixels.")
    quality: int = Field(
        23, ge=0, le=51, description="The encoder's constant rate factor; less is better and larger."
    )
    max_file_s: float = Field(3600, gt=0, le=86_400, description="Seconds of a file, at most.")


class BusSink(Section):
    """Every result as a message on a bus; if asked to, the packets with their results."""

    kind: Literal["bus"]
    url: BusUrl = Field(description="The bus to publish on.")
    results_topic: TopicPattern = Field(
        "results_:camera_id",
        description="Topic of a camera's results; :camera_id in it is the camera's name.",
    )
    packets: Literal["none", "all", "with_results"] = Field(
        "none",
        description="Which packets are published as well: all, each with its result where that came in time, "
        "or only those that have one.",
    )
    packets_topic: TopicPattern = Field(
        "seen_:camera_id", description="Topic of a camera's packets; :camera_id in it is the camera's name."
    )
    wait_s: float = Field(
        1,
        ge=0,
        le=60,
        description="Seconds that a packet waits for its result, at most; in order, so all do.",
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.results_topic == self.packets_topic:
            raise complete("expected two topics, one for results and one for packets")
        return self


class ClipSink(Section):
    """The packets around a detection as a video file, not encoded again."""

    kind: Literal["clip"]
    path: SitePath = Field(
        description="Where clips go, each camera's into a folder of its name; from the site file's folder."
    )
    pre_s: float = Field(5, ge=0, le=600, description="Seconds before the first detection, at the least.")
    post_s: float = Field(5, ge=0, le=600, description="Seconds after the last detection.")
    max_s: float = Field(
        60,
        gt=0,
        le=3600,
        description="The longest that a clip is wanted to be; what is seen later begins another.",
    )
    labels: tuple[str, ...] = Field((), description="Labels of detections that ask for a clip; none: any.")
    min_score: float | None = Field(
        None, description="The least score of a detection that asks for a clip; left out: any."
    )
    container: Literal["mp4", "mkv"] = Field("mp4", description="The kind of file.")
    ring_mb: int = Field(
        32, ge=1, le=4096, description="MiB of memory for the packets of one camera, at most."
    )

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.max_s < self.pre_s + self.post_s:
            raise complete(f"expected max_s of at least pre_s + post_s, {self.pre_s + self.post_s:g}")
        return self


def _view_prefix(prefix: str) -> str:
    try:
        topics_of(prefix)
    except ConfigError as error:
        raise complete(error.message) from None
    return prefix


def _webhook_url(url: SecretStr) -> SecretStr:
    try:
        parse_target(url.get_secret_value())
    except ConfigError as error:
        raise complete(error.message.removeprefix("webhook: ")) from None
    return url


class WebhookSink(Section):
    """Results as signed JSON to a URL, from an outbox on disk, until they are taken."""

    kind: Literal["webhook"]
    url: Annotated[SecretStr, AfterValidator(_webhook_url)] = Field(
        description="Where they are posted to, http:// or https://. A user and password in it are a login."
    )
    outbox: SitePath = Field(
        description="The file that results wait in until they are taken; from the site file's folder."
    )
    secret: SecretStr = Field(min_length=16, description="What both sides know: requests are signed with it.")
    batch: int = Field(1, ge=1, le=1000, description="Results in one request, at most.")
    batch_s: float = Field(1.0, ge=0, le=3600, description="Seconds that a request waits to be full.")
    labels: tuple[Text, ...] = Field((), description="Labels of the detections sent; all when left out.")
    min_score: float | None = Field(None, description="The least score of a detection that is sent.")
    only_detections: bool = Field(
        True, description="Whether results without such a detection are passed over."
    )
    every_s: float | None = Field(
        None,
        gt=0,
        le=86400,
        description="Seconds between two results of a camera, by the pictures' time; all when left out.",
    )
    timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds for one attempt as a whole.")
    max_results: int = Field(
        100_000, ge=1, le=10_000_000, description="Results that the outbox holds at most; the oldest go."
    )
    max_bytes: int = Field(
        1 << 26, ge=65_536, le=1 << 40, description="Bytes of the results that the outbox holds at most."
    )
    max_age_s: float = Field(
        86_400.0, gt=0, le=31_536_000, description="Seconds after which a result is no longer tried."
    )
    verify_tls: bool = Field(True, description="Whether a receiver by https must prove who it is.")
    ca_file: SitePath | None = Field(
        None, description="Certificates to be trusted in place of the usual ones, PEM."
    )

    @model_validator(mode="after")
    def _trust_is_clear(self) -> Self:
        if self.ca_file is not None and not self.verify_tls:
            raise complete("expected verify_tls with a ca_file, which is for nothing else")
        return self


class ViewSink(Section):
    """Packets and results on a bus while somebody looks. A fleet adds it by itself."""

    kind: Literal["view"]
    url: BusUrl | None = Field(None, description="The bus of those who look; the site's own when left out.")
    prefix: Annotated[str, AfterValidator(_view_prefix)] = Field(
        "", description="What the names of the topics view_wanted and view begin with there."
    )


Sink: TypeAlias = Annotated[
    JsonlSink
    | PreviewSink
    | ContactSheetSink
    | CsvSink
    | ParquetSink
    | VideoSink
    | BusSink
    | WebhookSink
    | ClipSink
    | ViewSink,
    Field(discriminator="kind"),
]
