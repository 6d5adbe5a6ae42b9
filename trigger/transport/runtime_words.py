"""What container runtimes say where a command can't be started: that it isn't there, or something else."""

import re

CANT_EXECUTE = frozenset({126, 127})
"""What a runtime, and a shell, ends with where the command can't be executed or isn't there."""


def lacks_command(said: str, command: str) -> bool:
    """Say whether a runtime's words mean that ``command`` isn't there or may not be executed.

    The same phrases come for a working folder, a cgroup or a pipe of the container: they have to be of the command.
    """
    name = re.escape(command)
    return re.search(rf"executable file .{{0,300}}not found|{name}[\"'`]?: ({_WHY})", said, re.IGNORECASE) is not None


_WHY = "executable file not found|no such file or directory|permission denied|exec format error"
