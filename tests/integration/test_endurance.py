"""After hundreds of requests of every kind the daemon is as large as before, and holds as many files and threads."""

from pathlib import Path

from tests.integration.serving import asked, serving, talk
from tests.rig import FINAL, Rig, wait_for
from tests.weight import weigh

WARM_UP = 24
ROUNDS = 80
RUNS_EVERY = 4
GROWTH_KIB = 2 * 1024


def test_the_daemon_does_not_grow(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        for number in range(WARM_UP):
            make_a_round(rig, number)
        settle(rig)
        before = weigh(rig.daemons[-1].pid)

        for number in range(WARM_UP, WARM_UP + ROUNDS):
            make_a_round(rig, number)
        settle(rig)

        after = weigh(rig.daemons[-1].pid)
        assert after.holds == before.holds
        assert after.resident_kib - before.resident_kib < GROWTH_KIB
        assert after.resident_kib < 64 * 1024


def make_a_round(rig: Rig, number: int) -> None:
    """Have a letter refused and a request cancelled, now and then a backup run, well or not, and look at all."""
    faults = [["fail"], ["grandchild"], []][number // RUNS_EVERY % 3]
    rig.set_knobs(faults=faults)
    request = {"path": str(rig.backups / str(number)), "type": "FULL", "database": "neo4j"}
    for name in [f"run-{number}", f"cancelled-{number}"][number % RUNS_EVERY > 0 :]:
        talk(rig, asked("submit", name, {"request": request, "word": "0123456789abcdef"}))
    talk(rig, asked("cancel", f"cancelled-{number}"))
    (rig.requests / "mine").write_text('{"type": "nothing"}')
    (rig.requests / "mine").rename(rig.requests / "backup.request")
    talk(rig, b"garbage\n")
    talk(rig, asked("follow", f"run-{number}"))
    talk(rig, asked("log", f"run-{number}"))
    talk(rig, asked("list", None, {"limit": 5}))


def settle(rig: Rig) -> None:
    wait_for(lambda: all(document["state"] in FINAL for document in rig.documents()), 30)
    wait_for(lambda: rig.leftovers() == [] and rig.processes() == [], 5)
    talk(rig, asked("list"))
