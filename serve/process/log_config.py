"""Logging: one line for each record, as text or JSON, with the id of its request."""

import json
import logging
import warnings
from datetime import UTC, datetime
from typing import Any

from serve.http.errors import request_id


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        current = request_id.get()
        return f"{record.levelname.lower()}: {super().format(record)}" + (f" [{current}]" if current else "")


FORMATS = {"text": TextFormatter, "json": JsonFormatter}


def configure_logging(level: str, form: str) -> None:
    """Send the records of all loggers, the server's too, to standard error. `form`: a row of `FORMATS`.

    Pillow's warnings about unusual image files are left out.
    """
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[form]())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
