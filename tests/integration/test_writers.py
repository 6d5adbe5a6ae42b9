"""The mailbox of a running daemon, written by everything that people write files with."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.integration.serving import lent, serving
from tests.rig import FINAL, Rig, wait_for

STILL = 2.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("writers") / "rig", "neo4j") as rig:
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    with lent(served) as rig:
        yield rig


def text(rig: Rig, name: str, **changes: object) -> str:
    return json.dumps({"id": name, "path": str(rig.target), "type": "full", "database": "neo4j"} | changes)


def mailbox(rig: Rig) -> Path:
    return rig.requests / "backup.request"


def refusals(rig: Rig) -> list[dict[str, Any]]:
    return [document for document in rig.documents() if document["state"] == "rejected"]


def refusal_after(rig: Rig, write: Callable[[], object], seconds: float = 5) -> dict[str, Any]:
    """Write and give the refusal that comes of it."""
    before = len(refusals(rig))
    write()
    wait_for(lambda: len(refusals(rig)) > before, seconds)
    return refusals(rig)[-1]


def by_echo(rig: Rig, name: str) -> None:
    line = text(rig, name)
    subprocess.run(["sh", "-c", 'echo "$1" > backup.request', "sh", line], cwd=rig.requests, check=True)


def by_cp(rig: Rig, name: str) -> None:
    (rig.folder / "mine").write_text(text(rig, name))
    subprocess.run(["cp", rig.folder / "mine", mailbox(rig)], check=True)


def by_tar(rig: Rig, name: str) -> None:
    """As kubectl cp does it."""
    (rig.folder / "backup.request").write_text(text(rig, name))
    subprocess.run(["sh", "-c", f"tar cf - -C {rig.folder} backup.request | tar xmf - -C {rig.requests}"], check=True)


def by_rename(rig: Rig, name: str) -> None:
    rig.post(name)


def by_rename_from_beside(rig: Rig, name: str) -> None:
    (rig.requests / "mine").write_text(text(rig, name))
    (rig.requests / "mine").rename(mailbox(rig))


def by_link(rig: Rig, name: str) -> None:
    """A second name for one file, as ``ln`` makes it."""
    (rig.folder / f"{name}.mine").write_text(text(rig, name))
    os.link(rig.folder / f"{name}.mine", mailbox(rig))


def in_pieces(rig: Rig, name: str) -> None:
    with mailbox(rig).open("w") as file:
        for piece in text(rig, name).partition('"path"'):
            file.write(piece)
            file.flush()
            time.sleep(0.4)


def in_place(rig: Rig, name: str) -> None:
    """Truncate and write again, as an editor does."""
    mailbox(rig).write_text('{"id": "half')
    time.sleep(0.2)
    mailbox(rig).write_text(text(rig, name))


def with_spaces_around(rig: Rig, name: str) -> None:
    mailbox(rig).write_text("\n\n  " + text(rig, name) + "\r\n\n")


WAYS = [by_echo, by_cp, by_tar, by_rename, by_rename_from_beside, by_link, in_pieces, in_place, with_spaces_around]


@pytest.mark.parametrize("write", WAYS, ids=lambda way: way.__name__)
def test_a_request_is_taken_whoever_writes_it(rig: Rig, write: Callable[[Rig, str], None]) -> None:
    write(rig, write.__name__)

    document = rig.wait_for_end(write.__name__)

    assert document["state"] == "succeeded"
    assert document["request"] == {"path": str(rig.target), "type": "FULL", "database": ["neo4j"]}
    assert len(rig.invocations()) == 1


def test_a_writer_that_pauses_longer_than_2_s_gets_a_refusal_and_no_backup(rig: Rig) -> None:
    with mailbox(rig).open("w") as file:
        file.write(text(rig, "paused")[:20])
        file.flush()
        refused = refusal_after(rig, lambda: None)
        file.write(text(rig, "paused")[20:] * 1000)

    assert (refused["code"], refused["exit_code"]) == ("request_rejected", 4)
    assert "not valid JSON" in refused["message"]
    assert rig.document("paused") is None
    wait_for(lambda: not list(rig.requests.glob("taken-*")), 5)
    kept = max((rig.requests / "refused").iterdir())
    assert kept.read_text() == text(rig, "paused")[:20], "what its writer added later is not ours to keep"


def test_a_request_that_is_there_before_the_start_is_taken(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        rig.stop(rig.daemons[-1])
        rig.post("early")
        rig.start()

        assert rig.wait_for_end("early")["state"] == "succeeded"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"path": None}, "'path' is missing"),
        ({"typ": "FULL"}, "'typ' is not a key that is known"),
        ({"type": "WHOLE"}, "'type' has to be FULL, DIFF or AUTO"),
        ({"type": 1}, "'type' has to be FULL, DIFF or AUTO"),
        ({"path": 5}, "'path' has to be a string"),
        ({"database": {"a": 1}}, "'database'"),
        ({"database": []}, "at least one"),
        ({"database": [1]}, "has to be a string"),
        ({"database": ["neo4j"] * 300}, "at most 256"),
        ({"id": "../x"}, "an id is 1 to 128"),
        ({"id": 7}, "'id' has to be a string"),
        ({"word": "0123456789"}, "'word' is not a key that is known"),
    ],
)
def test_a_letter_that_is_no_request_is_refused_by_what_is_wrong_with_it(
    rig: Rig, changes: dict[str, object], says: str
) -> None:
    asked = json.loads(text(rig, "wrong")) | changes
    refused = refusal_after(
        rig, lambda: mailbox(rig).write_text(json.dumps({k: v for k, v in asked.items() if v is not None}))
    )

    assert (refused["code"], refused["exit_code"], refused["retryable"]) == ("request_rejected", 4, False)
    assert says in refused["message"]
    assert refused["hint"]
    assert set(refused["request"]) <= set(asked)
    assert rig.invocations() == []


RAW = {
    "deep nesting": (b'{"path": ' + b"[" * 30_000, "nested too deeply"),
    "1 MiB of junk": (os.urandom(1 << 20), "longer than 65536 bytes"),
    "1 MiB of a request": (b'{"path": "' + b"x" * (1 << 20) + b'"}', "longer than 65536 bytes"),
}


@pytest.mark.parametrize("name", RAW)
def test_raw_bytes_that_are_no_request_are_refused_and_kept_bounded(rig: Rig, name: str) -> None:
    raw, says = RAW[name]

    refused = refusal_after(rig, lambda: mailbox(rig).write_bytes(raw))

    assert refused["code"] == "request_rejected"
    assert says in refused["message"]
    assert len(refused["message"]) < 2000
    assert refused["message"].isprintable()
    wait_for(lambda: not list(rig.requests.glob("taken-*")), 5)
    assert max(path.stat().st_size for path in (rig.requests / "refused").iterdir()) <= 64 * 1024


def make_fifo(rig: Rig) -> None:
    os.mkfifo(mailbox(rig))


def make_link(rig: Rig) -> None:
    (rig.folder / "secret").write_text(text(rig, "by-a-link"))
    mailbox(rig).symlink_to(rig.folder / "secret")


@pytest.mark.parametrize(("make", "kind"), [(make_fifo, "a FIFO"), (make_link, "a symbolic link")])
def test_what_is_no_file_is_refused_and_got_out_of_the_way(rig: Rig, make: Callable[[Rig], None], kind: str) -> None:
    refused = refusal_after(rig, lambda: make(rig))

    assert f"is {kind}, where a file is wanted" in refused["message"]
    assert not os.path.lexists(mailbox(rig))
    assert rig.document("by-a-link") is None


def test_a_folder_in_the_mailboxs_place_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        rig.stop(rig.daemons[-1])
        mailbox(rig).mkdir()
        (mailbox(rig) / "file").touch()

        rig.start()

        wait_for(lambda: bool(refusals(rig)), 5)
        assert "is a folder, where a file is wanted" in refusals(rig)[0]["message"]
        wait_for(lambda: not mailbox(rig).exists(), 5)


def test_of_many_refusals_a_bounded_number_is_kept(rig: Rig) -> None:
    for number in range(125):
        (rig.requests / "mine").write_text(json.dumps({"number": number}))
        (rig.requests / "mine").rename(mailbox(rig))
        wait_for(lambda: not mailbox(rig).exists() and not list(rig.requests.glob("taken-*")), 5)

    wait_for(lambda: len(refusals(rig)) <= 120, 5, lambda: str(len(refusals(rig))))
    assert len(list((rig.requests / "refused").iterdir())) <= 20
    assert refusals(rig)[-1]["request"] == {"number": 124}


def test_racing_writers_lose_only_to_each_other_and_half_of_none_is_taken(rig: Rig) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            own = rig.requests / f"writer-{writer}"
            own.write_text(text(rig, f"race-{writer}-{number}", path=str(rig.target / str(writer))))
            own.rename(mailbox(rig))
            time.sleep(0.005)

    before = len(refusals(rig))
    threads = [Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: not mailbox(rig).exists() and not list(rig.requests.glob("taken-*")), 5)
    mine = [document for document in rig.documents() if document["id"].startswith("race-")]
    for document in mine:
        rig.lines("cancel", document["id"])
    wait_for(lambda: all((rig.document(document["id"]) or {})["state"] in FINAL for document in mine), 30)

    assert mine, "some were taken"
    assert {document["code"] for document in refusals(rig)[before:]} <= {"sidecar_busy"}
    for document in mine:
        _, writer, _ = document["id"].split("-")
        assert document["request"]["path"] == str(rig.target / writer)


def test_in_the_mailbox_an_id_that_exists_is_refused_and_the_refusal_repeats_what_was_asked(rig: Rig) -> None:
    rig.post("again")
    first = rig.wait_for_end("again")

    refused = refusal_after(rig, lambda: rig.post("again"))

    assert (refused["code"], refused["exit_code"]) == ("id_taken", 4)
    assert refused["id"] != "again"
    assert refused["request"]["id"] == "again"
    assert rig.document("again") == first


def test_a_seventeenth_waiting_request_is_told_that_the_sidecar_is_busy(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "hang"}])
    rig.submit("busy-running")
    rig.wait_for_state("busy-running", "running")
    for number in range(16):
        assert rig.submit(f"busy-{number}")["status"]["state"] == "queued"

    told = rig.submit("busy-16")
    refused = refusal_after(rig, lambda: rig.post("busy-17"))
    rig.lines("cancel", "busy-3")
    after = rig.submit("busy-18")

    assert (told["error"]["code"], told["error"]["exit_code"], told["error"]["retryable"]) == ("sidecar_busy", 10, True)
    assert (refused["code"], refused["exit_code"], refused["retryable"]) == ("sidecar_busy", 10, True)
    assert after["status"]["state"] == "queued"
    waiting = [document["id"] for document in rig.documents() if document["state"] == "queued"]
    assert waiting == [*(f"busy-{number}" for number in range(16) if number != 3), "busy-18"]
    for name in (*waiting, "busy-running"):
        rig.lines("cancel", name)
    rig.wait_for_end("busy-running")
    shutil.rmtree(rig.target, ignore_errors=True)
