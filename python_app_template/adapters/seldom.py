"""A log's filter for who repeats: librdkafka tells a refused login a dozen times a second, with each client."""

import logging
import re
import time
from typing import Final

_VARIES: Final = re.compile(r"\d+")
_REMEMBERED: Final = 1000


class Seldom(logging.Filter):
    """Lets a text through once in so many seconds; texts that differ in numbers alone are the same."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is news."""
        text, now = _VARIES.sub("#", record.getMessage()), time.monotonic()
        if now - self._told.get(text, -self._seconds) < self._seconds:
            return False
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[text] = now
        return True
