"""Whoever can't start neo4j-admin is told why, and what to do."""

import asyncio
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from sidecar.neo4j_admin.processes import ProcessRunner
from sidecar.neo4j_admin.runner import Launch


def nothing(program: Path) -> None:
    pass


def not_executable(program: Path) -> None:
    program.write_text("#!/bin/sh\n")


def no_interpreter(program: Path) -> None:
    program.write_text("#!/nowhere/sh\n")
    program.chmod(0o755)


def no_program(program: Path) -> None:
    program.write_text("not a program\n")
    program.chmod(0o755)


def a_folder(program: Path) -> None:
    program.mkdir()


def below_a_file(program: Path) -> None:
    program.parent.rmdir()
    program.parent.write_text("")


def start(*arguments: str, folder: str) -> ConfigurationError:
    async def run() -> ConfigurationError:
        with pytest.raises(ConfigurationError) as caught:
            ProcessRunner().start(Launch(arguments, {}, folder, "abc"), lambda _: None)
        return caught.value

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("make", "said", "hinted"),
    [
        (nothing, "there is no program {}", "NEO4J_BACKUP_NEO4J_ADMIN"),
        (below_a_file, "there is no program {}", "NEO4J_BACKUP_NEO4J_ADMIN"),
        (not_executable, "{} may not be executed", "noexec"),
        (a_folder, "{} may not be executed", "noexec"),
        (no_interpreter, "{} could not be started: the interpreter", "image"),
        (no_program, "{} is no program", "platform"),
    ],
)
def test_a_program_that_cannot_be_executed(
    tmp_path: Path, make: Callable[[Path], None], said: str, hinted: str
) -> None:
    program = tmp_path / "bin" / "neo4j-admin"
    program.parent.mkdir()
    make(program)

    error = start(str(program), folder=str(tmp_path))

    assert error.message.startswith(said.format(program))
    assert hinted in error.hint


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    error = start("/bin/true", folder=str(tmp_path / "gone"))

    assert "in its temporary folder" in error.message
    assert "NEO4J_BACKUP_TEMP" in error.hint


def test_arguments_that_are_too_long(tmp_path: Path) -> None:
    error = start("/bin/true", "x" * 3_000_000, folder=str(tmp_path))

    assert "Argument list too long" in error.message


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def run() -> ConfigurationError:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), hard))
        try:
            with pytest.raises(ConfigurationError) as caught:
                ProcessRunner().start(Launch(("/bin/true",), {}, str(tmp_path), "abc"), lambda _: None)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return caught.value

    error = asyncio.run(run())

    assert "Too many open files" in error.message
    assert "limit" in error.hint
