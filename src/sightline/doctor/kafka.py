"""Whether the Kafkas of a site are there, and take the login and the certificates that are named.

Deliberately not here: topics, which whoever publishes may be allowed to make; and rights to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sightline.bus.kafka_address import KafkaAddress
from sightline.doctor.finding import Finding, ok, problem
from sightline.errors import BusError, ConfigError, MissingExtra
from sightline.site import Site

SCHEME: Final = "kafka://"
_ANSWER_S: Final = 5.0


def look_at_kafka(name: str, url: str) -> Finding:
    """A finding on the one at `url`: it is asked which topics there are."""
    try:
        from sightline.bus.kafka_topics import KafkaTopics  # noqa: PLC0415 - few sites have one

        address = KafkaAddress.of(url)
        KafkaTopics(address, timeout_s=_ANSWER_S).names()
    except MissingExtra as error:
        return problem("site", name, str(error), "install it")
    except (BusError, ConfigError) as error:
        return problem("site", name, str(error), "begin it, or mend address, login or certificates")
    how = address.admin()["security.protocol"]
    return ok("site", name, f"a Kafka answers at {address.shown}, by {how}")


def look_at_sinks(site: Site) -> Iterator[Finding]:
    """Findings on those that sinks publish to, once each; that of the bus is looked at as such."""
    seen = {site.bus}
    for worker_name, worker in site.workers.items():
        for sink in worker.sinks:
            url = str(getattr(sink, "url", ""))
            if url.startswith(SCHEME) and url not in seen:
                seen.add(url)
                yield look_at_kafka(f"{worker_name}, {sink.kind}", url)
