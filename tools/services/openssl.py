"""The openssl program, which makes certificates: good ones, and such as nobody should believe."""

from tools.services.service import Service, apt, on_path

OPENSSL = Service(
    name="openssl",
    purpose="certificates for TLS servers",
    look=on_path("openssl"),
    install=(apt("openssl"),),
)
