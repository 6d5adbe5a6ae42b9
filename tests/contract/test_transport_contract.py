"""What every transport promises: held against local processes, execs in a container, and the fake of the tests."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.errors import TransportError
from shared.wire import LINE_LIMIT
from tests import kube
from tests.fakes.transport import Echo, Exit, FakeTransport, Mutter, Quiet, Say, Step
from tests.peers import IMAGE, container, couriers_here, processes_in, until_none, write_peer
from trigger.transport.docker import DockerTransport
from trigger.transport.kubernetes import KubernetesTransport, Target
from trigger.transport.kubernetes_access import Access, open_access
from trigger.transport.local import LocalTransport
from trigger.transport.protocol import Exchange, Silence, Transport

PATIENCE = 15.0
FOREVER = Quiet(1e9)


@dataclass(frozen=True, slots=True)
class Subject:
    """A transport to the peer, and what lists the peer's processes that are there."""

    transport: Transport
    left: Callable[[], list[str]]


def _fake_peer(arguments: Sequence[str]) -> Sequence[Step]:
    match arguments:
        case ["lines"]:
            return [Say(b"line 1\nline 2\n"), Mutter(b"aside 1\naside 2\naside 3\n"), Say(b"line 3\n"), Exit(0)]
        case ["fails"]:
            return [Mutter(b"it went wrong\n"), Exit(7)]
        case ["echo", word]:
            return [Say(b"heard "), Echo(), Say(f", asked {word}\n".encode()), Exit(0)]
        case ["dies"]:
            return [Say(b"whole\nhal"), Exit(137)]
        case ["late"]:
            return [Quiet(0.4), Say(b"late\n"), FOREVER]
        case ["long"]:
            return [Say(b"x" * 1048576), Say(b"\nafter\n"), Exit(0)]
        case ["endless"]:
            return [Say(b"x" * 5_000_000), FOREVER]
        case ["cut"]:
            return [Say(b"gr\xc3"), Say(b"\xbcn"), Say(b"\n"), Exit(0)]
        case ["mutters"]:
            return [Mutter(b"y" * 20000 + b"the last words\n"), Say(b"done\n"), Exit(0)]
        case ["deaf"]:
            return [Say(b"gone\n"), Exit(0)]
        case _:
            return [Say(b"holding\n"), FOREVER]


@pytest.fixture(scope="module")
def docker_peer() -> Iterator[str]:
    with container() as name:
        yield name


@pytest.fixture(scope="module")
def kubernetes_peer() -> Iterator[str]:
    kube.load_image(IMAGE)
    with kube.namespace() as namespace:
        kube.apply(namespace, *kube.peer_documents("peer-0"))
        kube.await_running(namespace, "peer-0")
        yield namespace


@pytest.fixture(scope="module")
def cluster() -> Access:
    return open_access(None, {"KUBECONFIG": kube.kubeconfig()})


@pytest.fixture(
    params=[
        "local",
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("kubernetes", marks=pytest.mark.kubernetes),
        "fake",
    ]
)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    match request.param:
        case "local":
            program = write_peer(tmp_path / "peer")
            return Subject(LocalTransport(str(tmp_path), [str(program)]), lambda: couriers_here(str(program)))
        case "docker":
            name = request.getfixturevalue("docker_peer")
            return Subject(
                DockerTransport(name), lambda: [line for line in processes_in(name) if not line.startswith("sleep")]
            )
        case "kubernetes":
            namespace = request.getfixturevalue("kubernetes_peer")
            found: Access = request.getfixturevalue("cluster")
            return Subject(
                KubernetesTransport(Target(pod="peer-0", namespace=namespace), find=lambda: found),
                lambda: kube.processes_in(namespace, "peer-0"),
            )
        case _:
            fake = FakeTransport(script=_fake_peer)
            return Subject(fake, lambda: [] if fake.open == 0 else ["an exchange"])


def _rest(exchange: Exchange) -> list[bytes]:
    found = []
    while (line := exchange.read_line(PATIENCE)) is not None:
        found.append(line)
    return found


def test_lines_come_in_order_and_standard_error_apart(subject: Subject) -> None:
    with subject.transport.run(["lines"]) as exchange:
        lines = _rest(exchange)

        assert lines == [b"line 1", b"line 2", b"line 3"]
        assert exchange.stderr == "aside 1\naside 2\naside 3\n"
        assert exchange.exit_status == 0


def test_the_end_is_told_again_to_who_asks_again(subject: Subject) -> None:
    with subject.transport.run(["lines"]) as exchange:
        _rest(exchange)

        assert exchange.read_line(PATIENCE) is None


def test_a_command_that_fails_tells_its_status_and_what_it_said(subject: Subject) -> None:
    with subject.transport.run(["fails"]) as exchange:
        assert _rest(exchange) == []
        assert exchange.exit_status == 7
        assert exchange.stderr == "it went wrong\n"


def test_arguments_and_standard_input_reach_the_command(subject: Subject) -> None:
    word = "; $(reboot) 'ü' \\ *"

    with subject.transport.run(["echo", word]) as exchange:
        exchange.send("grün".encode() + (b"\n" if not isinstance(subject.transport, FakeTransport) else b""))

        assert _rest(exchange) == [f"heard grün, asked {word}".encode()]


def test_a_command_that_dies_in_mid_line_leaves_its_whole_lines_and_its_signal(subject: Subject) -> None:
    with subject.transport.run(["dies"]) as exchange:
        assert _rest(exchange) == [b"whole"]
        assert exchange.exit_status == 128 + 9


def test_a_silent_command_is_told_within_the_time_given_and_may_be_heard_later(subject: Subject) -> None:
    with subject.transport.run(["late"]) as exchange:
        began = time.monotonic()
        with pytest.raises(Silence):
            exchange.read_line(0.1)
        took = time.monotonic() - began
        exchange.send(b"now\n")
        line = exchange.read_line(PATIENCE)

    assert took < PATIENCE
    assert line == b"late"


def test_the_end_of_standard_input_at_close_ends_the_command(subject: Subject) -> None:
    exchange = subject.transport.run(["holds"])
    assert exchange.read_line(PATIENCE) == b"holding"
    assert subject.left()

    exchange.close()

    assert until_none(subject.left) == []


def test_standard_input_stays_open_until_close(subject: Subject) -> None:
    with subject.transport.run(["holds"]) as exchange:
        exchange.send(b"a line\n")
        assert exchange.read_line(PATIENCE) == b"holding"

        with pytest.raises(Silence):
            exchange.read_line(0.3)
        assert exchange.exit_status is None


def test_a_line_of_a_mebibyte_comes_whole(subject: Subject) -> None:
    with subject.transport.run(["long"]) as exchange:
        assert _rest(exchange) == [b"x" * 1048576, b"after"]


def test_a_line_over_the_limit_is_a_broken_peer(subject: Subject) -> None:
    with subject.transport.run(["endless"]) as exchange, pytest.raises(TransportError, match=str(LINE_LIMIT)):
        exchange.read_line(PATIENCE)

    assert until_none(subject.left) == []


def test_characters_that_are_cut_between_chunks_come_whole(subject: Subject) -> None:
    with subject.transport.run(["cut"]) as exchange:
        assert _rest(exchange) == ["grün".encode()]


def test_of_standard_error_the_last_8_kib_are_kept(subject: Subject) -> None:
    with subject.transport.run(["mutters"]) as exchange:
        assert _rest(exchange) == [b"done"]
        assert len(exchange.stderr) == 8192
        assert exchange.stderr.endswith("the last words\n")


def test_what_a_command_said_is_heard_though_it_reads_nothing(subject: Subject) -> None:
    with subject.transport.run(["deaf"]) as exchange:
        first = exchange.read_line(PATIENCE)
        exchange.send(b"x" * 60_000 + b"\n")

        assert first == b"gone"
        assert _rest(exchange) == []


def test_many_quick_exchanges_leave_nothing_behind(subject: Subject) -> None:
    for _ in range(15):
        with subject.transport.run(["lines"]) as exchange:
            assert exchange.read_line(PATIENCE) == b"line 1"

    assert until_none(subject.left) == []


def test_closing_twice_is_closing_once(subject: Subject) -> None:
    exchange = subject.transport.run(["holds"])

    exchange.close()
    exchange.close()

    assert until_none(subject.left) == []
