"""The NATS server: a broker of another make, which our hub is measured beside."""

from tools.services.service import Service, apt, on_path

NATS = Service(
    name="nats",
    purpose="a broker to be compared with",
    look=on_path("nats-server", "/usr/sbin/nats-server"),  # Debian's place, not on everybody's PATH
    install=(apt("nats-server"),),
    variable="SIGHTLINE_NATS_SERVER",
)
