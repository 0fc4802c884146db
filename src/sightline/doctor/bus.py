"""Whether the broker of a site is there."""

from __future__ import annotations

from sightline.doctor.finding import Finding, note, ok, problem
from sightline.errors import ConfigError
from sightline.site import Site
from sightline.site.own_hub import answers, hub_of, may_begin


def look_at_bus(site: Site) -> Finding:
    """A finding on the bus of `site`: a hub is asked for its greeting, and nothing else."""
    address = hub_of(site.bus)
    if address is None:
        return ok("site", "bus", f"{site.bus} is within this process and needs no broker")
    try:
        if answers(address):
            return ok("site", "bus", f"a hub answers at {address.shown}")
    except ConfigError as error:
        return problem("site", "bus", error.message, "name the files of its certificates")
    told = f"no hub answers at {address.shown}"
    if may_begin(address):
        return note(
            "site", "bus", f"{told}; sightline up begins one there", "for other commands: sightline hub"
        )
    return problem("site", "bus", told, "begin one there with sightline hub, or mend the address")
