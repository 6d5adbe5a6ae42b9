"""What Docker answers, in the user's words; against a scripted daemon, since a real one seldom says these things."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared.errors import ConfigurationError, TransportError
from tests.fakes.docker import UPGRADED, Answer, fake_docker, frame
from trigger.transport.docker import DockerTransport
from trigger.transport.protocol import Misdirected

pytest.importorskip("docker")

Answering = Callable[..., DockerTransport]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """Give a transport to a container behind a daemon with these answers."""
    with ExitStack() as stack:

        def make(**answers: Answer) -> DockerTransport:
            # A socket's path is short, and the test's own folder may be long.
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp"))
            named = {name.replace("_", "/"): answer for name, answer in answers.items()}
            monkeypatch.setenv("DOCKER_HOST", stack.enter_context(fake_docker(Path(folder), named)))
            return DockerTransport("neo4j")

        yield make


def lines(transport: DockerTransport) -> list[bytes]:
    with transport.run(["probe"]) as exchange:
        found = []
        while (line := exchange.read_line(5)) is not None:
            found.append(line)
        return found


def test_output_that_comes_with_the_answer_s_head_is_not_lost(answering: Answering) -> None:
    transport = answering(start=UPGRADED + frame(1, b"first\n") + frame(2, b"aside\n") + frame(1, b"second\n"))

    assert lines(transport) == [b"first", b"second"]


def test_frames_may_be_empty_and_cut_lines_anywhere(answering: Answering) -> None:
    transport = answering(start=UPGRADED + frame(1, b"fi") + frame(1, b"") + frame(2, b"x") + frame(1, b"rst\n"))

    assert lines(transport) == [b"first"]


def test_what_is_no_frame_is_told(answering: Answering) -> None:
    transport = answering(start=UPGRADED + b"<html>502 Bad Gateway</html>")

    with pytest.raises(TransportError, match="no frame of a command's output"):
        lines(transport)


def test_a_stream_that_ends_in_mid_frame_is_an_end_and_an_exit_status_may_be_missing(answering: Answering) -> None:
    transport = answering(
        start=UPGRADED + frame(1, b"first\n") + frame(1, b"second\n")[:12], exec_json=(404, {"message": "no such exec"})
    )

    with transport.run(["probe"]) as exchange:
        assert exchange.read_line(5) == b"first"
        assert exchange.read_line(5) is None
        assert exchange.exit_status is None


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Running": True, "Paused": True, "Status": "paused"}, "is paused"),
        ({"Running": False, "Paused": False, "Status": "exited"}, "is not running, it is exited"),
        ({"Running": True, "Paused": False, "Status": "restarting"}, "is not running, it is restarting"),
    ],
)
@pytest.mark.parametrize("status", [409, 500])
def test_a_container_that_takes_no_command_says_why(
    answering: Answering, state: dict[str, object], words: str, status: int
) -> None:
    transport = answering(exec=(status, {"message": "words that change"}), container=(200, {"State": state}))

    with pytest.raises(TransportError, match=f"the container neo4j {words}") as caught:
        transport.run(["probe"])

    assert not isinstance(caught.value, Misdirected)
    assert caught.value.hint
    assert caught.value.__cause__ is not None


def test_a_container_that_is_not_there_is_not_worth_another_try(answering: Answering) -> None:
    transport = answering(exec=(404, {"message": "No such container: neo4j"}))

    with pytest.raises(Misdirected, match="there is no container neo4j"):
        transport.run(["probe"])


@pytest.mark.parametrize("exit_code", [126, 127])
def test_a_newer_docker_that_refuses_the_start_has_no_such_command(answering: Answering, exit_code: int) -> None:
    transport = answering(
        start=(400, {"message": 'exec: "neo4j-backup-sidecar": executable file not found in $PATH'}),
        exec_json=(200, {"Running": False, "ExitCode": exit_code}),
    )

    with pytest.raises(Misdirected, match="the container neo4j has no neo4j-backup-sidecar"):
        transport.run(["probe"])


@pytest.mark.parametrize("words", ["resource temporarily unavailable", "chdir to cwd: permission denied"])
def test_a_container_that_can_not_start_a_program_for_now_is_worth_another_try(
    answering: Answering, words: str
) -> None:
    said = f"OCI runtime exec failed: exec failed: unable to start: {words}\r\n".encode()
    transport = answering(start=UPGRADED + frame(1, said))

    with pytest.raises(TransportError, match=words) as caught:
        lines(transport)

    assert not isinstance(caught.value, Misdirected)


def test_a_refusal_that_is_not_known_is_shown_as_it_is(answering: Answering) -> None:
    transport = answering(exec=(500, {"message": "the moon\x1b[2J is full"}))

    with pytest.raises(TransportError, match=r"the moon\\x1b\[2J is full"):
        transport.run(["probe"])


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", (500, {"message": "down"}), (200, {})])
def test_what_is_no_docker_is_told(answering: Answering, answer: Answer) -> None:
    with pytest.raises(TransportError, match="the Docker daemon at unix://"):
        answering(version=answer).run(["probe"])


# The library drops a socket that it couldn't connect; it goes with the next collection.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("unix:///nope/docker.sock", "no Docker daemon answers at unix:///nope/docker.sock"),
        ("tcp://127.0.0.1:1", "no Docker daemon answers at tcp://127.0.0.1:1"),
        ("tcp://me:secret@127.0.0.1:1", r"the Docker daemon at tcp://me:\*\*\*@127.0.0.1:1 can't be used"),
        ("gopher://x", "the Docker daemon at gopher://x can't be used"),
        ("ssh://nobody@127.0.0.1:1", "the Docker daemon at ssh://nobody@127.0.0.1:1 can't be used"),
    ],
)
def test_no_docker_is_told_with_where_it_was_looked_for(host: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)

    with pytest.raises(TransportError, match=words) as caught:
        DockerTransport("neo4j").run(["probe"])

    assert "docker ps" in caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("tcp://h:abc", "^DOCKER_HOST, tcp://h:abc, is no address: Port could not be cast"),
        ("tcp://h:99999", "^DOCKER_HOST, tcp://h:99999, is no address: Port out of range"),
        ("ssh://h:abc", "is no address: Port could not be cast"),
        ("tcp://[::1", "is no address: Invalid IPv6 URL"),
    ],
)
def test_a_docker_host_that_is_no_address_is_told_at_once(
    host: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)

    with pytest.raises(ConfigurationError, match=words) as caught:
        DockerTransport("neo4j").run(["probe"])

    assert "tcp://HOST:PORT" in caught.value.hint


def test_without_the_library_the_line_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)

    with pytest.raises(ConfigurationError) as caught:
        DockerTransport("neo4j").run(["probe"])

    assert caught.value.hint == "In a clone of neo4j-backup: pip install '.[docker]'"
