"""neo4j-backup-sidecar: looks at its first word before it imports anything that the word doesn't need."""

import os
import sys

from shared.wire import TAKES_ID, Verb

USAGE_ERROR = 2
CONFIGURATION_ERROR = 5
_USAGE = """\
usage: neo4j-backup-sidecar run              watch the request folder and run backups
       neo4j-backup-sidecar settings         print the settings that hold, and where from
       neo4j-backup-sidecar version          print this program's version
       neo4j-backup-sidecar VERB [ID]        ask the daemon that runs: one line of JSON on standard
                                             input, lines of JSON on standard output
  verbs: submit ID, follow ID, get ID, cancel ID, log ID, list, facts, probe, drain
"""


def main() -> None:
    """Run the program and exit; nothing else in the package exits."""
    sys.exit(_main(sys.argv[1:]))


def _main(arguments: list[str]) -> int:
    match arguments:
        case ["run" | "settings" as word]:
            return _with_the_extra(word)
        case ["version" | "--version"]:
            from importlib.metadata import version

            print(version("neo4j-backup"))  # noqa: T201
            return 0
        case ["help" | "--help" | "-h"]:
            sys.stdout.write(_USAGE)
            return 0
        case [verb] if verb in _PLAIN:
            return _carry(Verb(verb), None)
        case [verb, request_id] if verb in TAKES_ID:
            return _carry(Verb(verb), request_id)
        case _:
            sys.stderr.write(_USAGE)
            return USAGE_ERROR


def _with_the_extra(word: str) -> int:
    try:
        if word == "settings":
            from sidecar.settings import print_settings

            return print_settings(os.environ)
        _end_by_sigterm()
        from sidecar.daemon import run
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"Error: the library {error.name}, which `{word}` needs, is not installed [configuration_error]\n"
            "  In a clone of neo4j-backup: pip install '.[sidecar]'\n"
        )
        return CONFIGURATION_ERROR
    return run(os.environ)


def _end_by_sigterm() -> None:
    """Have SIGTERM end this process until the daemon has a handler of its own; nothing is begun before that.

    PID 1 of a container is spared a signal that it doesn't handle: a stop in the 3 s that the imports take
    on a tenth of a core would be lost, and the container killed after its grace.
    """
    import signal

    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))


def _carry(verb: Verb, request_id: str | None) -> int:
    from sidecar.courier import carry
    from sidecar.folder_setting import requests_folder

    return carry(verb, request_id, requests_folder(os.environ))


_PLAIN = frozenset(set(Verb) - TAKES_ID)
