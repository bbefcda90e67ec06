"""Logs: a name and fields, one JSON object a line on stderr. Never bodies, variables, queries' strings or keys."""

import logging
import sys
import time
from typing import Any

import orjson

LOGGER = logging.getLogger("headwater")


def log(level: int, event: str, /, *, failure: BaseException | None = None, **fields: Any) -> None:
    """Writes one line: `event` names what happened, `fields` say the rest, `failure` adds its traceback."""
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, event, exc_info=failure, extra={"fields": fields})


class JsonFormatter(logging.Formatter):
    """A record as one JSON object; tracebacks are a field, so that a line stays a line."""

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        line = {"time": when, "level": record.levelname.lower(), "event": record.getMessage()}
        if record.name != LOGGER.name:
            line["logger"] = record.name
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure(level: str) -> None:
    """Sends what this process logs to stderr, ours from `level` on, other libraries' from warning on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOGGER.setLevel(level.upper())
