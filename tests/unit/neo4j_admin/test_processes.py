"""What the real runner does with processes, beyond what every runner promises."""

import asyncio
import errno
import os
import secrets
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from shared.errors import BackupFailed, InternalError
from sidecar.neo4j_admin.processes import ProcessRunner
from sidecar.neo4j_admin.runner import Exit, Launch
from tests.unit.neo4j_admin.programs import (
    HANGS,
    IGNORES_SIGTERM,
    Heard,
    carrying,
    in_a_loop,
    is_alive,
    launch,
    until,
)

# Like neo4j-admin's: starts a worker, forwards no signal, waits for it and passes on its status.
LAUNCHER = f"""
worker = start({HANGS!r})
say("worker", worker.pid)
sys.exit(worker.wait() % 256)
"""


def refuse(_: int) -> int:
    raise OSError(errno.ENOSYS, "no pidfd here")


def test_it_sees_its_environment_and_the_word_and_nothing_else(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        environment = {"TZ": "UTC", "HEAP_SIZE": "512m"}

        await ProcessRunner().start(Launch(("/usr/bin/env",), environment, str(tmp_path), "abc"), heard).wait()

        assert sorted(heard.lines) == [b"HEAP_SIZE=512m", b"NEO4J_BACKUP_RUN=abc", b"TZ=UTC"]

    in_a_loop(run)


def test_it_runs_in_its_folder(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()

        await ProcessRunner().start(Launch(("/bin/pwd",), {}, str(tmp_path), "abc"), heard).wait()

        assert heard.lines == [os.fsencode(tmp_path)]

    in_a_loop(run)


def test_it_inherits_no_descriptor(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        with (tmp_path / "secret").open("w") as file:
            os.set_inheritable(file.fileno(), True)
            program = 'fds = "/proc/self/fd/"\nsay(sorted(n for n in os.listdir(fds) if os.path.exists(fds + n)))'

            await ProcessRunner().start(launch(tmp_path, program), heard).wait()

        assert heard.lines == [b"['0', '1', '2']"]

    in_a_loop(run)


def test_it_reads_nothing_of_the_daemons_standard_input(tmp_path: Path) -> None:
    (tmp_path / "input").write_text("for the daemon")
    heard = Heard()

    async def run() -> None:
        await ProcessRunner().start(launch(tmp_path, "say(repr(sys.stdin.read()))"), heard).wait()

    ours = os.dup(0)
    try:
        with (tmp_path / "input").open() as file:
            os.dup2(file.fileno(), 0)
        in_a_loop(run)
    finally:
        os.dup2(ours, 0)
        os.close(ours)

    assert heard.lines == [b"''"]


def test_standard_output_and_error_come_in_the_order_of_printing(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        program = "for n in range(200): os.write(1 + n % 2, b'%d\\n' % n)"

        await ProcessRunner().start(launch(tmp_path, program), heard).wait()

        assert heard.lines == [b"%d" % n for n in range(200)]

    in_a_loop(run)


def test_it_and_what_it_starts_run_at_low_priority(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        running = ProcessRunner().start(launch(tmp_path, LAUNCHER), heard)
        worker = await heard.pid("worker")

        priorities = {os.getpriority(os.PRIO_PROCESS, pid) for pid in (running.pid, worker)}

        await running.end(5)
        assert priorities == {min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)}

    in_a_loop(run)


def test_end_ends_the_worker_of_a_launcher_that_forwards_no_signal(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        running = ProcessRunner().start(launch(tmp_path, LAUNCHER), heard)
        worker = await heard.pid("worker")

        await running.end(5)

        assert not is_alive(worker)
        assert not is_alive(running.pid)

    in_a_loop(run)


def test_a_worker_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        running = ProcessRunner().start(launch(tmp_path, f"start({IGNORES_SIGTERM!r}).wait()"), heard)
        worker = await heard.pid("deaf")
        loop = asyncio.get_running_loop()
        asked = loop.time()

        await running.end(0.3)

        assert 0.29 <= loop.time() - asked < 3
        assert not is_alive(worker)

    in_a_loop(run)


def test_a_worker_has_the_whole_grace_also_when_its_launcher_ends_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        finishing = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.4), os.write(1, b"finished"), os._exit(0)))
os.write(1, b"up 1\\n")
time.sleep(60)
"""
        running = ProcessRunner(straggler_grace=0).start(launch(tmp_path, f"start({finishing!r}).wait()"), heard)
        await heard.pid("up")

        await running.end(5)

        assert heard.lines[-1] == b"finished"
        assert await running.wait() == Exit(status=None, signal=signal.SIGTERM)

    in_a_loop(run)


def test_when_the_launcher_alone_is_killed_its_worker_is_ended_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        heard = Heard()
        running = ProcessRunner().start(launch(tmp_path, LAUNCHER), heard)
        worker = await heard.pid("worker")

        os.kill(running.pid, signal.SIGKILL)

        assert await running.wait() == Exit(status=None, signal=signal.SIGKILL)
        assert not is_alive(worker)
        assert "left processes behind" in caplog.text

    in_a_loop(run)


@pytest.mark.parametrize("own_session", [False, True], ids=["in the group", "in a session of its own"])
def test_a_grandchild_that_holds_the_pipe_is_ended_when_the_launcher_has_exited(
    tmp_path: Path, own_session: bool
) -> None:
    async def run() -> None:
        heard = Heard()
        program = f"start({IGNORES_SIGTERM!r}, start_new_session={own_session})\nwait_for_up()\nsys.exit(4)"
        running = ProcessRunner(straggler_grace=0.1).start(launch(tmp_path, program), heard)

        how = await running.wait()

        assert how == Exit(status=4, signal=None)
        assert not is_alive(await heard.pid("deaf"))

    in_a_loop(run)


def test_a_grandchild_that_dropped_the_word_is_ended_as_one_of_the_session(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        program = f"start({IGNORES_SIGTERM!r}, env={{}}, process_group=0)\nwait_for_up()"
        running = ProcessRunner(straggler_grace=0.1).start(launch(tmp_path, program), heard)

        await running.wait()

        assert not is_alive(await heard.pid("deaf"))

    in_a_loop(run)


def test_a_process_that_escaped_and_prints_without_end_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        chatter = "import os, time; os.write(1, b'free %d\\n' % os.getpid())\n"
        chatter += "open('up', 'w').close()\nend = time.time() + 15\n"
        chatter += "while time.time() < end: os.write(1, b'x' * 1000 + b'\\n')"
        program = f"start({chatter!r}, env={{}}, start_new_session=True)\nwait_for_up()"
        running = ProcessRunner().start(launch(tmp_path, program), heard)
        escaped = await heard.pid("free")

        try:
            async with asyncio.timeout(5):
                how = await running.wait()
        finally:
            with suppress(ProcessLookupError):
                os.kill(escaped, signal.SIGKILL)

        assert how == Exit(status=0, signal=None)

    in_a_loop(run)


def test_the_last_words_of_a_worker_are_heard_that_outlived_its_launcher(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        worker = "import os, signal, time\n"
        worker += "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'z' * 60000 + b'last words'), os._exit(0)))\n"
        worker += "os.write(1, b'up 1\\n'); time.sleep(60)"
        running = ProcessRunner().start(launch(tmp_path, f"start({worker!r}).wait()"), heard)
        await heard.pid("up")

        os.kill(running.pid, signal.SIGKILL)
        await running.wait()

        assert heard.lines[-1] == b"z" * 60000 + b"last words"

    in_a_loop(run)


def test_nothing_of_a_run_is_left_in_proc(tmp_path: Path) -> None:
    async def run() -> None:
        heard, word = Heard(), secrets.token_hex(8)
        program = f"start({HANGS!r}, start_new_session=True)\n" + LAUNCHER
        running = ProcessRunner().start(launch(tmp_path, program, word=word), heard)
        await heard.pid("worker")
        # One that is just executing its program has no environment, and is not seen by every look.
        until(lambda: len(carrying(word)) == 3)

        await running.end(5)

        assert carrying(word) == ()
        assert not Path(f"/proc/{running.pid}").exists()

    in_a_loop(run)


def test_runs_beside_each_other_end_only_their_own(tmp_path: Path) -> None:
    async def run() -> None:
        runner, first_heard, second_heard = ProcessRunner(), Heard(), Heard()
        first = runner.start(launch(tmp_path, LAUNCHER), first_heard)
        second = runner.start(launch(tmp_path, LAUNCHER), second_heard)
        await first_heard.pid("worker")
        worker = await second_heard.pid("worker")

        await first.end(5)

        assert is_alive(second.pid)
        assert is_alive(worker)
        await second.end(5)

    in_a_loop(run)


def test_the_exit_is_found_where_pidfd_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        heard = Heard()
        runner = ProcessRunner(pidfd_open=refuse)

        how = await runner.start(launch(tmp_path, "say('hello'); sys.exit(9)"), heard).wait()
        hanging = runner.start(launch(tmp_path, LAUNCHER), heard)
        worker = await heard.pid("worker")
        await hanging.end(5)

        assert how == Exit(status=9, signal=None)
        assert heard.lines[0] == b"hello"
        assert not is_alive(worker)

    in_a_loop(run)


def test_what_survives_sigkill_is_told_and_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        heard = Heard()
        program = f"start({HANGS!r}, start_new_session=True)\nsay('up 1')\ntime.sleep(60)"
        running = ProcessRunner(unkillable_after=0.1).start(launch(tmp_path, program, word="unkillable"), heard)
        await heard.pid("up")
        # No process can be made to hang in the kernel here; one that gets no signal looks the same.
        monkeypatch.setattr(signal, "pidfd_send_signal", lambda *_: None)

        with pytest.raises(BackupFailed, match="did not end") as caught:
            await running.end(0.05)

        (left,) = carrying("unkillable")
        os.kill(left, signal.SIGKILL)
        assert f"pid {left}" in caught.value.message
        with pytest.raises(BackupFailed, match="did not end"):
            await running.wait()

    in_a_loop(run)


def test_a_status_that_somebody_else_took_is_not_made_up(tmp_path: Path) -> None:
    async def run() -> None:
        running = ProcessRunner().start(launch(tmp_path, "sys.exit(3)"), Heard())

        os.waitpid(running.pid, 0)

        with pytest.raises(InternalError, match="taken by somebody else"):
            await running.wait()
        await running.end(1)

    in_a_loop(run)


def test_a_loop_that_is_closed_takes_the_run_with_it(tmp_path: Path) -> None:
    async def run() -> tuple[int, int]:
        heard = Heard()
        running = ProcessRunner().start(launch(tmp_path, LAUNCHER), heard)
        return running.pid, await heard.pid("worker")

    launcher, worker = asyncio.run(run())

    assert not Path(f"/proc/{launcher}").exists()
    # It was sent SIGKILL, and only the launcher is waited for.
    until(lambda: not is_alive(worker))


def test_a_loop_that_is_closed_right_after_the_start_takes_the_run_with_it(tmp_path: Path) -> None:
    async def run() -> int:
        return ProcessRunner().start(launch(tmp_path, HANGS), Heard()).pid

    launcher = asyncio.run(run())

    assert not Path(f"/proc/{launcher}").exists()


def test_without_a_loop_nothing_is_started(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        ProcessRunner().start(launch(tmp_path, HANGS, word="unstarted"), Heard())

    assert carrying("unstarted") == ()


def test_a_start_that_fails_leaves_no_descriptor(tmp_path: Path) -> None:
    async def run() -> None:
        before = len(os.listdir("/proc/self/fd"))

        for arguments in [("/nowhere/neo4j-admin",), ("/bin/true", "\0")]:
            with pytest.raises(Exception, match=r"no program|null byte"):
                ProcessRunner().start(Launch(arguments, {}, str(tmp_path), "abc"), Heard())

        assert len(os.listdir("/proc/self/fd")) == before

    in_a_loop(run)


# The daemon as PID 1 of its container: orphans become its children.
AS_PID_1 = """
import asyncio, ctypes, os, subprocess, sys
from pathlib import Path
from sidecar.neo4j_admin.processes import ProcessRunner
from tests.unit.neo4j_admin.programs import HANGS, PYTHON, launch
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
program = f'''
start({HANGS!r})                             # a worker that outlives its launcher
start({HANGS!r}, start_new_session=True)     # and one that went its own way
start("pass")                                # one that has ended, and nobody asked for its status
time.sleep(0.2)
'''
async def run():
    await ProcessRunner().start(launch(Path(sys.argv[1]), program), lambda line: None).wait()
mine = [subprocess.Popen([*PYTHON, "import sys; sys.exit(7)"], start_new_session=new) for new in (False, True)]
asyncio.run(run())
children = Path("/proc/thread-self/children").read_text().split()
print(sorted(map(int, children)) == sorted(p.pid for p in mine), [p.wait() for p in mine])
"""


def test_as_pid_1_it_reaps_what_the_run_left_and_steals_no_status(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_PID_1, str(tmp_path)], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.stdout == "True [7, 7]\n", done.stderr
