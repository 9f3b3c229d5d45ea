"""Logs: each record one line, as text or JSON, with the request's id."""

import json
import logging
import warnings
from datetime import UTC, datetime
from typing import Any

from serve.http.errors import request_id


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if own := request_id.get():
            line["request_id"] = own
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        own = request_id.get()
        return f"{record.levelname.lower()}: {super().format(record)}" + (f" [{own}]" if own else "")


FORMATS = {"text": Text, "json": Json}


def set_up(level: str, form: str) -> None:
    """All loggers, the server's too, to standard error; Pillow's remarks on odd files are not for it. `form`: a row of
    `FORMATS`.
    """
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[form]())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
