"""The sidecar's own log: one line for each event on standard error, a phrase and its facts, UTC."""

import logging
import sys
import time
from collections.abc import Sequence

from sidecar.neo4j_admin.cleaning import clean

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_VALUE_LIMIT = 2048
# Enough to find each secret in what is shown of it.
_LOOKED_AT = 16 * _VALUE_LIMIT


class FactsFormatter(logging.Formatter):
    """``2026-11-23T02:15:00.123Z INFO request accepted id=nightly-1 type=FULL``.

    Whatever comes from outside is made printable, and ``secrets`` and what looks like one are masked.
    """

    converter = staticmethod(time.gmtime)

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Give the record as one line, and its traceback on those after it."""
        stamp = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        facts = "".join(
            f" {key}={self._shown(value)}"
            for key, value in record.__dict__.items()
            if key not in _PLAIN and value is not None
        )
        line = f"{stamp} {record.levelname} {self._clean(record.getMessage())}{facts}"
        if record.exc_info:
            # An exception may carry what a stranger wrote.
            line += "".join(f"\n{self._clean(each)}" for each in self.formatException(record.exc_info).split("\n"))
        return line

    def _shown(self, value: object) -> str:
        text = self._clean(str(value))
        return repr(text) if not text or " " in text else text

    def _clean(self, text: str) -> str:
        return clean(text[:_LOOKED_AT], self._secrets, _VALUE_LIMIT)


def start_logging(secrets: Sequence[str] = ()) -> None:
    """Send every log line to standard error, without ``secrets``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FactsFormatter(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
