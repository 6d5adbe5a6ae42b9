"""The soak's figures as a table, and its place in docs/faults.md."""

from datetime import date
from pathlib import Path

from shared.durations import format_duration
from tests.soak.soaking import FAULT_SECONDS, GROWTH_KIB, Figures
from tests.weight import Weight

BEGIN, END = "<!-- soak -->", "<!-- /soak -->"
_TITLE = "# Faults\n"


def table(figures: Figures, command: str, day: date) -> str:
    """Give the table as Markdown, with what it was measured by."""
    states, found, refused = figures.states, figures.findings, figures.refused
    accepted = sum(states.values()) - states["rejected"]
    ended = sum(states[state] for state in ("succeeded", "failed", "cancelled"))
    ends = ", ".join(f"{states[state]} {state}" for state in ("succeeded", "failed", "cancelled"))
    told = ", ".join(f"`{code}` {count}" for code, count in sorted(refused.items()))
    rows = [
        ("requests accepted, by couriers, commands, Jobs and the mailbox", accepted),
        ("of these ended", f"{ended}: {ends}"),
        ("**lost**", len(found.lost)),
        ("**ended twice**, or otherwise than somebody was told", len(found.ended_twice)),
        ("**wrong ends**", len(found.wrong_ends)),
        ("run twice", len(found.ran_twice)),
        ("letters refused", states["rejected"]),
        ("refusals that couriers were told", told),
        ("commands run as processes", figures.commands),
        ("runs that met a fault of neo4j-admin's own", figures.faulty_runs),
        ("defects in the sidecar's log", len(figures.defects)),
        ("faults", sum(figures.struck.values())),
        *((f"… {kind}", count) for kind, count in sorted(figures.struck.items())),
        *_weights(figures.first, figures.last),
    ]
    length, apart = format_duration(figures.seconds), format_duration(figures.weighed_apart)
    lines = [
        f"`{command}` on {day}, {length} long, beside a fault every {FAULT_SECONDS:.0f} s. An end is wrong where it",
        "is a success without a whole artifact of that very run, which code of the tests alone reads to its end;",
        "where it is a failure that nothing in the soak's books explains; or where an artifact lies in the target",
        "that no success names. In the first half the daemon is killed and restarted as well. What it holds is that",
        f"of the one daemon that lived through the second half, at rest, {apart} apart; allowed are",
        f"{GROWTH_KIB // 1024} MiB more, and no open file and no thread more.",
        "",
        "| what | |",
        "| --- | --- |",
        *(f"| {what} | {value} |" for what, value in rows),
    ]
    return "\n".join(lines) + "\n"


def put(text: str, into: Path) -> None:
    """Put the table between its two comments, and leave the rest of the file as it is."""
    page = into.read_text() if into.exists() else f"{_TITLE}\n{BEGIN}\n{END}\n"
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{into} has no place for the table: {BEGIN} and {END}")
    into.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


def _weights(first: Weight, last: Weight) -> list[tuple[str, str]]:
    return [
        (
            "resident memory at first, at last",
            f"{first.resident_kib / 1024:.1f} MiB, {last.resident_kib / 1024:.1f} MiB",
        ),
        ("open files at first, at last", f"{len(first.files)}, {len(last.files)}"),
        ("threads at first, at last", f"{first.threads}, {last.threads}"),
    ]
