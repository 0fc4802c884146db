"""A site file to a `Site`, or to every mistake in it at once.

The file is YAML in UTF-8 of at most `MAX_BYTES`. Relative paths in it are meant from its own folder,
`${NAME}` is read from the environment, and what stands in its secret fields is told to the redactor of logs
before anyone can print it. Nothing that the file names is opened: whether its cameras answer is for others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, SecretStr, ValidationError

from sightline.log import hide_secret
from sightline.site.conflicts import conflicts
from sightline.site.document import Document, parse
from sightline.site.mistakes import Finding, Mistake, Place, SiteError, mistakes_of
from sightline.site.model import Site
from sightline.site.syntax import NotYaml
from sightline.site.wording import finding_of

MAX_BYTES: Final = 1 << 20


class ReadSite(NamedTuple):
    """A site, and the values that it was made of: variables filled in, secrets in the clear."""

    site: Site
    document: dict[str, Any]

    def __repr__(self) -> str:
        return f"ReadSite({len(self.site.cameras)} cameras)"


def load_site(path: str | os.PathLike[str], environ: Mapping[str, str] = os.environ) -> Site:
    """Read the site file at `path`.

    Raises:
        SiteError: it cannot be read, or something in it is wrong; `mistakes` has all that is.
    """
    return read_site(path, environ).site


def read_site(path: str | os.PathLike[str], environ: Mapping[str, str] = os.environ) -> ReadSite:
    """The same, with what stands in the file."""
    name = os.fspath(path)
    return _read(_text_of(name), environ, name=name, folder=Path(name).absolute().parent)


def parse_site(text: str, environ: Mapping[str, str], *, name: str, folder: Path) -> Site:
    """Read the text of a site file; `name` is what its mistakes call it. Raises SiteError."""
    return _read(text, environ, name=name, folder=folder).site


def _read(text: str, environ: Mapping[str, str], *, name: str, folder: Path) -> ReadSite:
    try:
        document = parse(text, environ)
    except NotYaml as error:
        raise SiteError(mistakes_of(name, [error.finding])) from None
    _drop_anchor_places(document)
    site, findings = _validated(document, folder)
    if site is None or findings:
        raise SiteError(mistakes_of(name, findings))
    for secret in _secrets(site):
        hide_secret(secret)
    assert isinstance(document.value, dict)  # it made a site
    return ReadSite(site, dict(document.value))


def _text_of(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not the name of a file"
        raise SiteError([Mistake(name, None, None, "", f"cannot be read: {reason}")]) from None
    if len(data) > MAX_BYTES:
        raise SiteError(
            [Mistake(name, None, None, "", f"larger than {MAX_BYTES >> 20} MiB: this is no site file")]
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SiteError([Mistake(name, line, None, "", "expected text in UTF-8")]) from None


def _drop_anchor_places(document: Document) -> None:
    """Keys at the top that begin with `x-` are a place for anchors, and mean nothing else."""
    if isinstance(document.value, dict):
        document.value = {key: value for key, value in document.value.items() if not key.startswith("x-")}


def _validated(document: Document, folder: Path) -> tuple[Site | None, list[Finding]]:
    findings = list(document.findings)
    if document.value is None:
        return None, [*findings, Finding(Place(1, 1), (), "the file is empty: expected cameras and workers")]
    not_understood = {finding.place for finding in findings}
    site = None
    try:
        site = Site.model_validate(document.value, context={"folder": folder})
    except ValidationError as error:
        # What a `Site` says of itself as a whole is its conflicts, which come with their places below. And a
        # value that could not be read in the first place is one mistake, not two.
        parts = (
            part for part in error.errors(include_url=False) if part["loc"] or part["type"] != "complete"
        )
        told = (finding_of(part, document) for part in parts)
        findings += [finding for finding in told if finding.place not in not_understood]
    findings += [Finding(document.place(found.where), *found) for found in conflicts(document.value, folder)]
    return site, findings


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from _secrets(dict(value))
    elif isinstance(value, dict | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _secrets(item)
