"""All files of an instance, made of its document.

Promises: `generate` gives the same set for the same document, whatever the order its mappings came in; its
`digest` is that of the files' bytes, the environment and the command: an instance is to be started again
where it changed. No name and no repr has it, because of the passwords in the files: who knows all the rest
can try guesses against it. What cannot be generated is refused with the field or the camera, and so is what
DeepStream would not load, as far as our linter knows.

Deliberately not here: the disk (`files`), running anything, and what is in the files that these name. Of
models, engines, labels and the tracker's file the digest has the paths alone: whoever puts another model in
the same place starts the instance again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Severity
from sightline.deepstream.generating import inference, messaging, references
from sightline.deepstream.generating.application import application
from sightline.deepstream.generating.choices import Debug, Layout, SourceStyle
from sightline.deepstream.generating.files import Content, Found, put
from sightline.deepstream.generating.pipelines import Pipeline, pipelines
from sightline.deepstream.generating.sources import TABLE, stop_at_errors, table, with_commas, with_secrets
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.models.instance import DsInstance
from sightline.deepstream.reading import keyfile, yamlfile
from sightline.errors import ConfigError

COMMAND: Final = "deepstream-app"
_TILED_TEXT: Final = "-t"
"""Without it deepstream-app draws no labels where more than one camera is in the picture."""


@dataclass(frozen=True, repr=False, eq=False)
class Generated(Mapping[str, ConfigFile]):
    """The files of an instance by their names, which are relative to one another.

    Attributes:
        tables: files that are no configuration of groups: YAML's table of sources.
        applications: the names of deepstream-app's own files, in the order it is given them.
        options: what deepstream-app is given besides its files.
        secret: the names of files that hold logins of cameras.
        environment: what DeepStream's process is to have in its environment.
        notes: what one would not expect, in sentences.
    """

    files: Mapping[str, ConfigFile]
    applications: tuple[str, ...]
    tables: Mapping[str, bytes] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    secret: frozenset[str] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> ConfigFile:
        return self.files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"Generated({', '.join([*self.files, *self.tables])})"

    @cached_property
    def contents(self) -> Mapping[str, Content]:
        """The bytes of every file and who may read it."""
        written = {name: _bytes(file) for name, file in self.files.items()} | dict(self.tables)
        return MappingProxyType(
            {
                name: Content(data, secret=name in self.secret, file=self.files.get(name))
                for name, data in sorted(written.items())
            }
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that an instance is started with, in hexadecimal."""
        files = {name: sha256(content.data).hexdigest() for name, content in self.contents.items()}
        whole = [files, dict(self.environment), self.command(Path())]
        return sha256(msgspec.json.encode(whole, order="sorted")).hexdigest()

    def command(self, folder: Path) -> tuple[str, ...]:
        """What to start, with the files in `folder`."""
        files = (part for name in self.applications for part in ("-c", str(folder / name)))
        return (COMMAND, *self.options, *files)

    def write(self, folder: Path) -> Found:
        """Puts all files there at once; see `files`.

        Raises:
            GeneratedMismatch: what was written reads as something else.
            ConfigError: there is something in the way.
            OSError: the disk refused.
        """
        return put(self.contents, folder, self.digest)


def generate(
    instance: DsInstance,
    *,
    form: Form = Form.TXT,
    debug: bool | Debug | None = None,
    layout: Layout | None = None,
) -> Generated:
    """The files of an instance; two pipelines, as `pipelines` says.

    Args:
        instance: what the fleet's document says of it.
        form: key files or YAML. What NVIDIA's YAML readers do not know stays a key file; a note says so.
        debug: debug mode, as `choices` says it; None is what the document's `app_type` says.
        layout: what the document leaves open.

    Raises:
        ConfigError: DeepStream could not be told of something in the document.
    """
    instance = references.check(instance)
    config, layout = instance.config, layout or Layout()
    shown = _shown(config.appconfig.app_type.debug if debug is None else debug)
    both = tuple(pipelines(config, form, layout, shown))
    files = dict(each for pipeline in both for each in _files(pipeline))
    _check_loadable(files)
    tables = {TABLE: table(both[0])} if any(each.app_form is Form.YML for each in both) else {}
    hidden = [each.app_name for each in both if each.app_form is Form.TXT] + list(tables)
    return Generated(
        files=MappingProxyType(files),
        applications=tuple(each.app_name for each in both),
        tables=MappingProxyType(tables),
        options=(_TILED_TEXT,) if shown else (),
        secret=frozenset(hidden if with_secrets(config.sourceconfig) else ())
        | messaging.broker_files(both[0]),
        environment=MappingProxyType(shown.environment if shown else {}),
        notes=tuple(_notes(both)),
    )


def _check_loadable(files: Mapping[str, ConfigFile]) -> None:
    """What single fields do not show: two that exclude one another, a key that another one asks for."""
    refused = [
        f"{name}: {finding.message}"
        for name, file in files.items()
        for finding in lint(file)
        if finding.severity is Severity.REFUSED
    ]
    if refused:
        raise ConfigError("expected files that DeepStream loads: " + "; ".join(refused))


def _shown(debug: bool | Debug) -> Debug | None:
    if isinstance(debug, Debug):
        return debug
    return Debug() if debug else None


def _files(pipeline: Pipeline) -> Iterator[tuple[str, ConfigFile]]:
    yield pipeline.app_name, application(pipeline)
    yield pipeline.name("pgie"), inference.primary(pipeline)
    yield pipeline.name("sgie"), inference.secondary(pipeline)
    if pipeline.align is not None:
        yield pipeline.name("align"), inference.aligning(pipeline, pipeline.align)
    yield from messaging.files(pipeline)


def _bytes(file: ConfigFile) -> bytes:
    return keyfile.write(file) if file.form is Form.TXT else yamlfile.write(file)


def _notes(both: tuple[Pipeline, ...]) -> Iterator[str]:
    yield "two pipelines: deepstream-app has one model for whole frames in each, and the document has two"
    if both[0].layout.converter_library is None:
        yield "NVIDIA's message converter leaves out the vectors of mot_sgie and face_sgie: Kafka has none"
    yield from _source_notes(both)
    for pipeline in both:
        if pipeline.app_form is not pipeline.form:
            yield (
                f"{pipeline.app_name} stays a key file: deepstream-app's YAML reader knows no "
                "secondary-pre-process, and would leave the alignment out without a word"
            )
        if pipeline.debug is not None and pipeline.debug.rtsp_port is not None:
            port = pipeline.debug.rtsp_port + pipeline.number
            yield f"whoever reaches port {port} sees {pipeline.word}'s pictures: its RTSP server has no login"


def _source_notes(both: tuple[Pipeline, ...]) -> Iterator[str]:
    sources = both[0].config.sourceconfig
    tabled = [each.app_name for each in both if each.app_form is Form.YML]
    listed = both[0].layout.sources is SourceStyle.LIST
    if tabled and listed:
        yield f"{', '.join(tabled)}: DeepStream's YAML has no list of sources, they are in {TABLE}"
    if stop_at_errors(sources) and (tabled or not listed):
        yield "a camera that fails ends its pipeline: deepstream-app connects again where the first is RTSP"
    commas = with_commas(sources)
    if commas and tabled:
        yield f"a comma in an address is %2C in {TABLE}: {', '.join(commas)}"
