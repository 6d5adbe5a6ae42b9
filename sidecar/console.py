"""The sidecar's own log: one line for each event on standard error, a phrase and its facts, UTC."""

import logging
import sys
import time

from shared.text import printable

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_VALUE_LIMIT = 2048


class FactsFormatter(logging.Formatter):
    """``2026-11-23T02:15:00.123Z INFO request accepted id=nightly-1 type=FULL``."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """Give the record as one line, and its traceback on those after it."""
        stamp = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        facts = "".join(
            f" {key}={_shown(value)}"
            for key, value in record.__dict__.items()
            if key not in _PLAIN and value is not None
        )
        line = f"{stamp} {record.levelname} {printable(record.getMessage(), _VALUE_LIMIT)}{facts}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def start_logging() -> None:
    """Send every log line to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FactsFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _shown(value: object) -> str:
    text = printable(str(value), _VALUE_LIMIT)
    return repr(text) if not text or " " in text else text
