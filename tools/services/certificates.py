"""The files that a server speaks TLS with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """A server's certificate and key, and the certificate of the authority that signed it; all PEM."""

    authority: Path
    certificate: Path
    key: Path
