"""Logs: a name and fields, one JSON object a line on stderr. Never bodies, variables, queries' strings or keys."""

import logging
import sys
import time
from functools import lru_cache
from typing import Any

import orjson

LONGEST_TRACEBACK = 1_400
"""Characters of a traceback, from its end: nobody who sends something short should have much written."""
LOGGER = logging.getLogger("headwater")


def log(level: int, event: str, /, *, failure: BaseException | None = None, **fields: Any) -> None:
    """Writes one line: `event` names what happened, `fields` say the rest, `failure` adds its traceback."""
    if LOGGER.isEnabledFor(level):
        # A record without the place that it was made at: to find that takes longer than all the rest of a line.
        raised = (type(failure), failure, failure.__traceback__) if failure is not None else None
        record = logging.LogRecord(LOGGER.name, level, "", 0, event, None, raised)
        record.fields = fields
        LOGGER.handle(record)


class JsonFormatter(logging.Formatter):
    """A record as one JSON object; tracebacks are a field, so that a line stays a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": f"{_second(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if record.name != LOGGER.name:
            line["logger"] = record.name
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)[-LONGEST_TRACEBACK:]
        return orjson.dumps(line, default=str).decode()


@lru_cache(2)
def _second(when: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when))


def configure(level: str) -> None:
    """Sends what this process logs to stderr, ours from `level` on, other libraries' from warning on."""
    # What no line tells is not found out.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOGGER.setLevel(level.upper())
