"""Whom a courier believes: the sidecar's own user, and nobody who only may write the request folder."""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.wire import Verb
from sidecar.courier import carry

NOBODY = 65534


@contextmanager
def listening(folder: Path) -> Iterator[socket.socket]:
    """Give a socket of our user's in the sidecar's place, to which everybody may connect."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "sidecar.sock"))
        (folder / "sidecar.sock").chmod(0o666)
        listener.listen()
        yield listener


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a short path that everybody can reach; a courier goes into it, and we come back."""
    monkeypatch.chdir("/")
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_socket_of_another_user_in_the_sidecar_s_place_is_not_believed(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    with listening(folder) as listener:
        os.seteuid(NOBODY)
        try:
            exit_code = carry(Verb.PROBE, None, str(folder))
        finally:
            os.seteuid(0)
        taken, _ = listener.accept()
        with taken:
            heard = taken.recv(1 << 16)

    error = json.loads(capfd.readouterr().out)["error"]
    assert (exit_code, error["code"], error["sent"]) == (12, "transport_error", False)
    assert f"is not the sidecar: it is of user 0, and the sidecar of user {NOBODY}" in error["message"]
    assert heard == b"", "it isn't even asked"
