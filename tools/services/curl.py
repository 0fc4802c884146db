"""curl, which people ask our pages with."""

from tools.services.service import Service, apt, on_path

CURL = Service(
    name="curl",
    purpose="asks what speaks HTTP",
    look=on_path("curl"),
    install=(apt("curl"),),
)
