"""kcat, a client of Kafka that shares no code with ours: it writes and reads topics as plain bytes."""

from tools.services.service import Service, apt, on_path

KCAT = Service(
    name="kcat",
    purpose="an independent client of Kafka",
    look=on_path("kcat"),
    install=(apt("kcat"),),
    variable="SIGHTLINE_KCAT",
)
