"""What goes where: the answer to standard output, as text or one JSON object; all else to standard error."""

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from shared.errors import BackupError, error_line
from shared.text import printable
from trigger.answers import Told
from trigger.summary import summary


def say(*lines: str) -> None:
    """Write to standard error, with nothing that drives a terminal; what can't be written is let go."""
    with contextlib.suppress(OSError):
        sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
        sys.stderr.flush()


def answer(lines: Iterable[str]) -> None:
    """Write lines to standard output, with nothing that drives a terminal.

    A reader that has gone, as ``head`` does, changes no verdict, nor does a disk that is full: that is told.
    """
    try:
        for line in lines:
            sys.stdout.write(f"{printable(line)}\n")
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more as it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            say(f"The answer could not be written to standard output: {error.strerror or error}")


# Any: a JSON document.
def answer_json(document: Mapping[str, Any] | list[Any]) -> None:
    """Write one JSON document to standard output, on one line of ASCII."""
    answer([json.dumps(document)])


def tell_status(told: Told, output: str) -> None:
    """Answer with a status."""
    if output == "json":
        answer_json(told.document)
    else:
        answer(summary(told.status))


def tell_error(error: BackupError, output: str, last: Told | None = None) -> int:
    """Tell an error, and give the exit code.

    As JSON it is the key ``error`` of one object, which else is the last status where there is one.
    """
    say(f"Error: {error.message} [{error.code}]", *([f"  {error.hint}"] if error.hint else []))
    if output == "json":
        answer_json({**({} if last is None else last.document), **error_line(error)})
    return error.exit_code
