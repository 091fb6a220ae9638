"""Structured logs: one pipe to one stream for structlog's and the standard library's, as JSON or for people."""

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import nullcontext
from functools import lru_cache, partial
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

MASK = "***"
PASSWORD_IN_URL = re.compile(r"(://[^\s:/@'\"]*:)[^\s'\"]*@")
PASSWORD_IN_TEXT = re.compile(
    r"(?i)((?:password|passwd|secret|token|key\.pem)[\w.]*['\"]?\s*[=:]\s*['\"]?)[^\s,;'\"})]+"
)
PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|$)", re.DOTALL)
SECRET_KEY = re.compile(r"(?i)passw|secret|token|credential|\.pem$")

STAMP = "timestamp"
"""Put on each line here, whatever the caller gave: never a secret, though it has the colons that make one look."""
ENCODER = json.JSONEncoder()
"""`json.dumps` would make one for each line; by then there is nothing but what JSON knows."""

# One line per request, and statements with all their values, are more than a log can bear.
CHATTY = {"uvicorn.access": logging.WARNING, "sqlalchemy": logging.WARNING, "asyncio": logging.WARNING}


def configure(level: str, style: Literal["json", "console"], stream: TextIO | None = None, **context: str) -> None:
    """Send all logs of the process to `stream` (standard output), from `level` upwards, with `context` on each line.

    For librdkafka's logs give its clients `logger=logging.getLogger("librdkafka")`. Warnings become logs too.
    """
    shared, rendered = _shared(context), [mask_secrets, *_rendered(style)]
    handler = Lines(stream or sys.stdout)
    structlog.configure(
        processors=[*shared, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(Line, handler),
        cache_logger_on_first_use=False,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name, quiet in CHATTY.items():
        logging.getLogger(name).setLevel(max(quiet, logging.getLevelNamesMapping()[level]))


class Lines(logging.StreamHandler[TextIO]):
    """The one way out: of the standard library's records, and of lines that structlog has made by itself."""

    def line(self, text: str) -> None:
        """Write it, between others and never into them; what goes wrong is told as of a record, and not raised."""
        with self.lock or nullcontext():
            try:
                self.stream.write(f"{text}{self.terminator}")
                self.flush()
            except Exception:  # noqa: BLE001 - whoever logs goes on
                self.handleError(logging.makeLogRecord({"msg": text}))


class Line:
    """What structlog writes to, by the name of a logger. Half of the time of a line was a record's detour."""

    def __init__(self, lines: Lines, name: str = "") -> None:
        self.name = name
        self.debug = self.info = self.warning = self.error = self.critical = lines.line


def _shared(context: dict[str, str]) -> list[Processor]:
    def with_context(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**context, **event}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key=STAMP),
        with_context,
        structlog.processors.StackInfoRenderer(),
        # As text, without the values of variables: those may be secret.
        structlog.processors.format_exc_info,
    ]


def _rendered(style: Literal["json", "console"]) -> list[Processor]:
    if style == "console":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)]
    return [_as_json]


def _as_json(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    return ENCODER.encode(event)


def mask_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide passwords in URLs, in texts, and in what is called a password: a second net under the masked settings."""
    return {key: value if key == STAMP else MASK if _is_secret(key) else _masked(value) for key, value in event.items()}


@lru_cache(maxsize=1000)
def _is_secret(key: str) -> bool:
    return SECRET_KEY.search(key) is not None


def _masked(value: object) -> object:
    if isinstance(value, str):  # looked at closely only where the signs of a secret are: there is a line a request
        return _masked_text(value) if "=" in value or ":" in value or "-----BEGIN" in value else value
    match value:
        case None | int() | float():
            return value
        case dict():
            return {str(key): MASK if _is_secret(str(key)) else _masked(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(item) for item in value]
        case _:
            return _masked_text(str(value))


def _masked_text(text: str) -> str:
    text = PASSWORD_IN_URL.sub(rf"\1{MASK}@", text)
    text = PRIVATE_KEY.sub(rf"\1{MASK}", text)
    return PASSWORD_IN_TEXT.sub(rf"\1{MASK}", text)
