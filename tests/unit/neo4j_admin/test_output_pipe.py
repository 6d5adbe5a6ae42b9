"""The pipe's reader works in small steps, and the loop has its turn after each."""

import asyncio
import os

from sidecar.neo4j_admin.output_pipe import OutputPipe
from tests.unit.neo4j_admin.programs import in_a_loop


class Turns:
    """Counts the loop's turns."""

    def __init__(self) -> None:
        self.count = 0
        self._task = asyncio.create_task(self._take())

    async def _take(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.count += 1

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


def test_the_loop_has_its_turns_though_the_pipe_is_never_empty() -> None:
    async def run() -> None:
        chunks = 1

        def take(_: bytes) -> None:
            nonlocal chunks
            if chunks < 100:
                chunks += 1
                os.write(pipe.write_end, b"again\n")
            elif chunks == 100:
                chunks += 1
                os.close(pipe.write_end)

        pipe = OutputPipe(take)
        os.write(pipe.write_end, b"first\n")
        turns = Turns()

        await pipe.read()

        await turns.stop()
        pipe.close()
        assert turns.count >= 100

    in_a_loop(run)


def test_the_loop_has_its_turns_within_a_chunk_of_many_lines() -> None:
    async def run() -> None:
        lines = 0

        def take(_: bytes) -> None:
            nonlocal lines
            lines += 1

        pipe = OutputPipe(take)
        os.write(pipe.write_end, b"\n" * 65536)
        os.close(pipe.write_end)
        turns = Turns()

        await pipe.read()

        await turns.stop()
        pipe.close()
        assert lines == 65536
        assert turns.count >= 100

    in_a_loop(run)


def test_what_lies_in_the_pipe_is_read_and_its_end_is_not_waited_for() -> None:
    async def run() -> None:
        lines: list[bytes] = []
        pipe = OutputPipe(lines.append)
        reading = asyncio.create_task(pipe.read())
        os.write(pipe.write_end, b"one\ntwo")

        pipe.finish()
        await reading

        pipe.close()
        os.close(pipe.write_end)  # as one that escaped would hold it
        assert lines == [b"one", b"two"]

    in_a_loop(run)


def test_a_reader_that_sleeps_is_woken_to_finish() -> None:
    async def run() -> None:
        pipe = OutputPipe(lambda _: None)
        reading = asyncio.create_task(pipe.read())
        await asyncio.sleep(0.05)

        pipe.finish()
        await asyncio.wait_for(reading, 2)

        pipe.close()
        os.close(pipe.write_end)

    in_a_loop(run)
