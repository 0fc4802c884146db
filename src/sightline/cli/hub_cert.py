"""What `sightline hub cert` makes and says: which file goes where, and the commands that use it."""

from __future__ import annotations

import contextlib
import shlex
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import typer

from sightline.errors import ConfigError
from sightline.hub.certificates import LOOPBACK, Authority, Certificate, names_in
from sightline.loopback import is_loopback

_FAR: Final = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))
"""Addresses of documents (RFC 5737, RFC 3849): nothing is sent there; the system says from where it would."""


def make_certificates(
    folder: Path, hosts: Sequence[str], clients: Sequence[str], *, days: int, renew: bool
) -> None:
    """Make what is missing, and say what there is and how it is used. Raises ConfigError."""
    try:
        authority = Authority(folder)
        made = []
        if hosts or not clients:
            made.append(_hub(authority, hosts, days=days, renew=renew))
        made += [authority.client(name, days=days, renew=renew) for name in dict.fromkeys(clients)]
    except OSError as error:
        raise ConfigError(f"cannot write certificates into {folder}: {error}") from error
    for one in (authority.certificate, *made):
        _say(one)
    ca = authority.certificate.file
    typer.echo(f"\n{authority.certificate.key} signs others: it stays here, and nobody else is to have it.")
    for one in made:
        _say_hub(one, ca) if one.names else _say_client(one, ca)


def _hub(authority: Authority, hosts: Sequence[str], *, days: int, renew: bool) -> Certificate:
    there = (authority.certificate.file.parent / "hub.pem").exists()
    return authority.hub(hosts or (() if there else own_names()), days=days, renew=renew)


def _say(one: Certificate) -> None:
    state = "made" if one.new else "kept"
    if one.until <= datetime.now(UTC):
        state = "over"
    names = f"  for {', '.join(one.names)}" if one.names else ""
    typer.echo(f"{state}  {one.file}  valid until {one.until:%Y-%m-%d}{names}")
    if state == "over":
        typer.echo("      it is made anew with --renew")


def _say_hub(hub: Certificate, ca: Path) -> None:
    files = {"--tls-certificate": hub.file, "--tls-key": hub.key, "--tls-client-ca": ca}
    options = " ".join(f"{option} {shlex.quote(str(file))}" for option, file in files.items())
    typer.echo("\nThe hub, which needs these three files:\n")
    typer.echo(f"    sightline hub --host 0.0.0.0 {options}")


def _say_client(client: Certificate, ca: Path) -> None:
    names = [file.name for file in (ca, client.file, client.key)]
    host = next((name for name in _hosts_of(ca.parent) if name not in LOOPBACK), "HOST")
    host = f"[{host}]" if ":" in host else host
    query = "&".join(
        f"{option}={quote(name)}"
        for option, name in zip(("tls_ca", "tls_certificate", "tls_key"), names, strict=True)
    )
    typer.echo(f"\nThe client {client.file.stem.removeprefix('client-')}, which needs {', '.join(names)}")
    typer.echo("where it runs; the URL is for `bus:` of a site file and `--bus` as well:\n")
    typer.echo(f"    sightline hub top {shlex.quote(f'hub://{host}?{query}')}")


def _hosts_of(folder: Path) -> tuple[str, ...]:
    """Of the hub's certificate, whose key may be where the hub runs, and there alone."""
    hub = folder / "hub.pem"
    return names_in(hub) if hub.exists() else ()


def own_names() -> list[str]:
    """By which names and addresses other machines may know this one."""
    name = socket.gethostname()
    found = [name, socket.getfqdn(name), *_addresses()]
    return [one for one in dict.fromkeys(found) if not is_loopback(one)]


def _addresses() -> Iterator[str]:
    for far, family in _FAR:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((far, 9))
            yield asking.getsockname()[0]
