"""How much Sightline logs while a mux runs."""

from __future__ import annotations

import logging
from typing import Final

from sightline.errors import ConfigError

_LOGGER: Final = "sightline"


class LogLevel:
    """Sets the level of the logger `sightline`, until `put_back`.

    Args:
        name: such as "ERROR", in any case; None: as it is.

    Raises:
        ConfigError: there is no such level.
    """

    def __init__(self, name: object) -> None:
        self._logger = logging.getLogger(_LOGGER)
        self._before = self._logger.level
        self._level = self._before
        if name is None:
            return
        level = logging.getLevelNamesMapping().get(str(name).upper())
        if level is None:
            raise ConfigError(f"expected a log level such as ERROR, got {name!r}")
        self._level = level
        self._logger.setLevel(level)

    def put_back(self) -> None:
        """As it was, unless somebody else has set it meanwhile. Again is allowed."""
        if self._logger.level == self._level:
            self._logger.setLevel(self._before)
        self._level = self._before
