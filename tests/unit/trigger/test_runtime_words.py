"""Which words of a container runtime mean that our program isn't in the container."""

import pytest

from trigger.transport.runtime_words import lacks_command

OURS = "neo4j-backup-sidecar"
RUNC = "OCI runtime exec failed: exec failed: unable to start container process: "


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        (f'{RUNC}exec: "{OURS}": executable file not found in $PATH: unknown', True),
        (f'{RUNC}exec: "{OURS}": permission denied: unknown', True),
        (f"{RUNC}exec /usr/local/bin/{OURS}: no such file or directory", True),
        (f'exec failed: exec: "/usr/local/bin/{OURS}": stat /usr/local/bin/{OURS}: no such file or directory', True),
        (f"OCI runtime exec failed: executable file `{OURS}` not found in $PATH: No such file or directory", True),
        (f"{RUNC}exec /usr/local/bin/{OURS}: exec format error", True),
        (f'{RUNC}chdir to cwd ("/var/lib/neo4j") set in config.json failed: no such file or directory', False),
        (f'{RUNC}chdir to cwd ("/root") set in config.json failed: permission denied', False),
        (
            f"{RUNC}error adding pid 7 to cgroups: write 7: open cgroup.procs: no such file or directory",
            False,
        ),
        (f"{RUNC}open /proc/self/attr/exec: permission denied", False),
        (f"{RUNC}read init-p: connection reset by peer", False),
        ("container not found", False),
        ("fork: resource temporarily unavailable", False),
        ("", False),
    ],
)
def test_a_program_that_is_not_there_is_told_from_all_else_that_hinders_a_start(said: str, lacks: bool) -> None:
    assert lacks_command(said, OURS) is lacks
