"""Whether the broker of a site is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sightline.doctor.finding import Finding, note, ok, problem
from sightline.doctor.kafka import SCHEME, look_at_kafka
from sightline.errors import ConfigError, MissingExtra
from sightline.hub.address import HubAddress
from sightline.site import Site
from sightline.site.own_hub import hub_of, may_begin, why_silent

SOON: Final = timedelta(days=30)


def look_at_bus(site: Site) -> Finding:
    """A finding on the bus of `site`: a hub is asked for its greeting, a Kafka for its topics."""
    if site.bus.startswith(SCHEME):
        return look_at_kafka("bus", site.bus)
    address = hub_of(site.bus)
    if address is None:
        return ok("site", "bus", f"{site.bus} is within this process and needs no broker")
    try:
        why = why_silent(address)
    except ConfigError as error:
        return problem("site", "bus", error.message, "name the files of its certificates")
    if why is None:
        return _soon_over(address) or ok("site", "bus", f"a hub answers at {address.shown}")
    told = f"no hub answers at {address.shown}{f': {why}' if address.tls_ca else ''}"
    if may_begin(address):
        return note(
            "site", "bus", f"{told}; sightline up begins one there", "for other commands: sightline hub"
        )
    return problem("site", "bus", told, "begin one there with sightline hub, or mend the address")


def _soon_over(address: HubAddress) -> Finding | None:
    """A note on the first of our certificates that is over within a month, where we can read them."""
    files = [file for file in (address.tls_certificate, address.tls_ca) if file not in {None, "system"}]
    try:
        from sightline.hub.certificates import valid_until  # noqa: PLC0415 - needs an extra
    except MissingExtra:
        return None
    for file in map(Path, filter(None, files)):
        until = valid_until(file)
        if until - datetime.now(UTC) < SOON:
            told = f"a hub answers at {address.shown}, but {file} is valid until {until:%Y-%m-%d}"
            return note("site", "bus", told, "make it anew: sightline hub cert -h")
    return None
