"""Docker's compose, which reads a compose file and has a daemon run it: version 1, or newer as a plugin."""

from tools.services.service import Service, apt, on_path

_PLUGINS = ("/usr/libexec/docker", "/usr/lib/docker", "/usr/local/lib/docker")  # which are programs as well

COMPOSE = Service(
    name="compose",
    purpose="reads compose files",
    look=on_path("docker-compose", *(f"{place}/cli-plugins/docker-compose" for place in _PLUGINS)),
    install=(apt("docker-compose"),),
)
