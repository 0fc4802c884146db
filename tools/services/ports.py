"""Free TCP ports on the loopback address."""

import random
import socket

# Below Linux's range for outgoing connections (32768 on). A port in that range can be taken by
# somebody's client while its server is down for a restart, and a client that dials a closed port in
# it again and again ends up, sooner or later, connected to itself.
_FIRST, _LAST = 20_000, 32_000


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at the moment.

    Raises:
        OSError: none found in a hundred tries.
    """
    for port in random.sample(range(_FIRST, _LAST), 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port found on 127.0.0.1 between {_FIRST} and {_LAST}")
