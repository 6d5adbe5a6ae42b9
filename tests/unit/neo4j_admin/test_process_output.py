"""Output without measure is drained: in bounded memory, and the loop goes on."""

import asyncio
import os
import time
from pathlib import Path

from sidecar.neo4j_admin.processes import ProcessRunner
from sidecar.neo4j_admin.runner import LINE_LIMIT, Exit
from tests.unit.neo4j_admin.programs import Heard, in_a_loop, launch

MIB = 1024 * 1024


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class Ticker:
    """Measures, from inside the loop, the most processor time between two of its turns, and the highest memory."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.highest = 0
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            # Not the time that passes: of that, others on the machine have their share.
            before = time.process_time()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.process_time() - before)
            self.highest = max(self.highest, resident())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


def drain(folder: Path, program: str, taken: list[int]) -> tuple[Ticker, int]:
    """Run a program, count its lines and bytes, and return what was measured, and the memory before."""

    async def run() -> tuple[Ticker, int]:
        def take(line: bytes) -> None:
            taken[0] += 1
            taken[1] += len(line)

        before = resident()
        ticker = Ticker()
        how = await ProcessRunner().start(launch(folder, program), take).wait()
        await ticker.stop()
        assert how == Exit(status=0, signal=None)
        return ticker, before

    return asyncio.run(run())


def test_a_line_of_100_mb_is_drained_in_bounded_memory(tmp_path: Path) -> None:
    heard = Heard()
    program = "for _ in range(1600): os.write(1, b'x' * 65536)\nsay('\\nlast')"
    highest = 0

    async def run() -> None:
        nonlocal highest
        before = resident()
        ticker = Ticker()
        await ProcessRunner().start(launch(tmp_path, program), heard).wait()
        await ticker.stop()
        highest = ticker.highest - before

    in_a_loop(run)

    assert [len(line) <= LINE_LIMIT for line in heard.lines] == [True, True]
    assert heard.lines[0].endswith(b"more bytes of this line are left out]")
    assert heard.lines[1] == b"last"
    assert highest < 16 * MIB


def test_200_mb_of_lines_are_drained_in_bounded_memory_and_the_loop_goes_on(tmp_path: Path) -> None:
    program = "block = (b'x' * 255 + b'\\n') * 256\nfor _ in range(3200): os.write(1, block)"
    taken = [0, 0]

    ticker, before = drain(tmp_path, program, taken)

    assert taken == [3200 * 256, 3200 * 256 * 255]
    assert ticker.highest - before < 16 * MIB
    assert ticker.longest < 0.5


def test_a_million_empty_lines_do_not_hold_up_the_loop(tmp_path: Path) -> None:
    program = "for _ in range(16): os.write(1, b'\\n' * 65536)"
    taken = [0, 0]

    ticker, _ = drain(tmp_path, program, taken)

    assert taken == [16 * 65536, 0]
    assert ticker.longest < 0.5
