"""``make demo``: a sidecar on a local folder with the stand-in, and what its users see of it, as it is."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.rig import Rig, a_rig
from tests.standin import server

COMMAND = str(Path(sys.executable).with_name("neo4j-backup"))


def say(text: str) -> None:
    print(f"\n\033[1m# {text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)


def run(rig: Rig, *words: str) -> int:
    """Print a command as one would type it, and run it."""
    print(f"$ neo4j-backup {shlex.join(words)}", flush=True)
    code = subprocess.run([COMMAND, *words], cwd=rig.folder, env=os.environ, check=False).returncode
    print(f"(exit code {code})", flush=True)
    return code


def trigger(rig: Rig, type_: str, path: Path, *words: str) -> int:
    return run(
        rig,
        "trigger",
        "--local",
        str(rig.requests),
        "--path",
        str(path),
        "--type",
        type_,
        "--database",
        "neo4j",
        *words,
    )


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="demo-") as folder, a_rig(Path(folder) / "neo4j") as rig:
        rig.set_knobs(rate=4_000_000)
        server.commit(rig.data, "neo4j", 41)
        say("A sidecar starts on a folder. neo4j-admin is a stand-in that writes whole artifacts of no data.")
        daemon = rig.start()

        say("A full backup, asked for by the command.")
        codes = [trigger(rig, "FULL", rig.target)]

        say("58 transactions later: a differential.")
        server.commit(rig.data, "neo4j", 58)
        codes.append(trigger(rig, "DIFF", rig.target))

        say("The same by a shell that only writes a file; backup.status tells what became of it.")
        request = json.dumps({"id": "by-hand", "path": str(rig.target), "type": "AUTO", "database": "neo4j"})
        print(f"$ echo {shlex.quote(request)} > {rig.requests}/backup.request")
        (rig.requests / "backup.request").write_text(request + "\n")
        rig.wait_for_end("by-hand")
        codes.append(run(rig, "status", "--local", str(rig.requests), "by-hand"))

        say("A target outside the allowed roots is refused, with what would be right.")
        refused = trigger(rig, "FULL", Path("/etc/neo4j"))

        say("What was asked, and what lies in the target now.")
        codes.append(run(rig, "list", "--local", str(rig.requests)))
        print(f"$ ls -l {rig.target}")
        for artifact in sorted(rig.target.glob("*.backup")):
            print(f"{artifact.stat().st_size:>10}  {artifact.name}")
        rig.stop(daemon)
    if any(codes) or refused != 4:
        print(f"\nThe demo went wrong: exit codes {codes}, and {refused} for the refused one.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
