"""The log of a pipe to a receiver: `Pipe(logger=get_socket_logger("name", logging.INFO))`."""

from __future__ import annotations

import logging

from sightline.errors import ConfigError
from sightline.pipe.outside.log_address import LogAddress
from sightline.pipe.outside.log_link import socketio
from sightline.pipe.outside.socket_handler import SocketHandler


def get_socket_logger(name: str, level: int | str, *, url: str | None = None) -> logging.Logger:
    """The logger of that name, whose records go to a receiver over socket.io, and nowhere else.

    Nobody waits for the receiver; without one records are counted, and the oldest dropped. Called again for a
    name it gives the same logger, with this level and receiver.

    Args:
        name: of the logger; what a receiver calls the pipe.
        level: of the least records that are sent: `logging.INFO`, or `"INFO"`.
        url: of the receiver; None: `SOCKET_LOGGER_URL` of the environment, or of the file `.env` in the
            current folder. `?token=` in it is what the receiver wants to see.

    Raises:
        ConfigError: nothing says where the receiver is, or no URL, no name, no level.
        MissingExtra: `sightline[logs]` is not installed.
    """
    if not name or not isinstance(name, str):
        raise ConfigError(f"expected a name for the logger of a pipe, got {name!r}")
    socketio()
    address = LogAddress.of(url) if url is not None else LogAddress.from_surroundings()
    logger = logging.getLogger(name)
    try:
        logger.setLevel(level)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"expected a level such as logging.INFO, got {level!r}") from error
    logger.propagate = False
    there = [handler for handler in logger.handlers if isinstance(handler, SocketHandler)]
    useless = [handler for handler in there if handler.closed or handler.address != address]
    if useless == there:
        logger.addHandler(SocketHandler(address, name))
    for handler in useless:
        logger.removeHandler(handler)
        handler.close()
    return logger
