"""A log whose lines a test can look at."""

import logging
from itertools import count

_NUMBERS = count()


class Lines(logging.Handler):
    """What came out in the parent, as "name: message" without the name of the logger."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name.partition('.')[2]}: {record.getMessage()}")

    def of(self, name: str) -> list[str]:
        return [line.partition(": ")[2] for line in self.lines if line.startswith(f"{name}: ")]

    def logger(self) -> logging.Logger:
        """Another one that writes here, and nowhere else."""
        logger = logging.getLogger(f"test{next(_NUMBERS)}")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(self)
        return logger
