"""Whatever lies in an artifact's place, it is a whole one or is refused, in bounded memory and time."""

import io
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import zstandard
from hypothesis import strategies as st

from shared.errors import ArtifactUnverified
from sidecar.artifact import DamagedArtifact, Head, UnknownFormat
from sidecar.artifact_names import is_of, parse_name
from sidecar.body import check_body
from sidecar.chain import chains
from sidecar.head import read_head
from sidecar.proof import Evidence, judge
from sidecar.target import open_target
from tests.fuzz.cases import BATCH, fuzzed
from tests.fuzz.corpus import TEXTS
from tests.fuzz.mutation import NUMBERS, STRINGS, changed_bytes
from tests.fuzz.shown import hold_text
from tests.unit.artifacts import FULL, Sample, block, field, pax, tar_entry, zstd_frame

MAGICS = ("BTV1", "BTV2", "BZV1", "BZV2", "BZV3", "BZV4", "BTMV1", "DZV1")
FRAME = b"\x28\xb5\x2f\xfd"
GROWN_KIB = 24 << 10
TOKENS = (FRAME, b"zstd", b"BZV2", b"ustar\x0000", b"\0" * 512, b"\xff" * 512, b"\x80" + b"\xff" * 11, b"7" * 12)
SAMPLES = st.builds(
    Sample,
    magic=st.sampled_from(MAGICS[:5]),
    database=st.sampled_from((b"neo4j", b"NEO4J", b"", b"\xff\xfe", b"\x1b[2J", "\u202e".encode(), b"a" * 255)),
    database_id=st.sampled_from((bytes(16), b"", b"x" * 255)),
    taken_at=st.sampled_from((0, 1 << 31, (1 << 63) - 1, -(1 << 63))),
    lowest=st.sampled_from((0, 1, 7, -1, (1 << 63) - 1)),
    highest=st.sampled_from((0, 1, 9, -1, (1 << 63) - 1)),
    flags=st.sampled_from((b"", b"\x07", b"\x02", b"\xff" * 9)),
    store_version=st.sampled_from((1, 1, 1, 2)),
    metadata_version=st.sampled_from((2, 2, 2, 9)),
    extras=st.sampled_from(
        (
            bytes(4),
            b"\0\0\0\1" + field(b"metadataScript", b"CREATE USER x"),
            b"\xff\xff\xff\xff",
            b"\0\0\0\1\xff\xff\xff\xff",
            b"\0\0\0\1\0\0\0\1a\xff\xff\xff\xff",
            b"\0\0\0\1" + field(b"\xff", b"x"),
        )
    ),
    files=st.lists(
        st.tuples(st.sampled_from(("a", "../../etc/passwd", "/etc/shadow")), st.sampled_from((b"", b"x" * 700))),
        max_size=3,
    ).map(tuple),
)


def torn(sample: Sample, seed: int) -> tuple[bytes, ...]:
    """Make a valid artifact and others that differ from it in their head, their frame or their tar stream."""
    random, whole = Random(seed), bytes(sample)
    found = [whole]
    while len(found) < BATCH:
        match random.randrange(6):
            case 0 if sample.magic in ("BZV1", "BZV2"):
                inner = changed_bytes(b"zstd" + sample.metadata() + sample.tar(), random, TOKENS)
                found.append(whole[:4] + zstd_frame(inner))
            case 1:
                found.append(whole[:4] + changed_bytes(sample.metadata(), random, TOKENS) + whole[-200:])
            case 2:
                number = random.choice(NUMBERS).to_bytes(8, "big")
                descriptor = random.randbytes(1) + random.choice((b"", random.randbytes(1))) + number
                found.append(whole[:4] + FRAME + descriptor + block(b"zstd") + whole[8:])
            case 3:
                entry = tar_entry("a", b"x" * 10, kind=random.choice((b"0", b"x", b"5", b"L", b"g", b"S")))
                found.append(
                    whole[:-1024] + binary_size(entry, random.choice(NUMBERS) << random.randrange(9)) + whole[-1024:]
                )
            case 4:
                found.append(whole[:-1024] + pax(changed_bytes(b"13 size=1234\n", random)) + whole[-1024:])
            case _:
                found.append(changed_bytes(whole, random, TOKENS))
    return tuple(found)


def binary_size(entry: bytes, size: int) -> bytes:
    """Give a tar entry whose header tells ``size``, in the binary form where it is large."""
    header = bytearray(entry[:512])
    header[124:136] = b"\x80" + (size & (1 << 88) - 1).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + entry[512:]


ARTIFACTS = st.builds(torn, SAMPLES, st.integers(0, 1 << 64))
CORPUS = (*TEXTS, *(magic.encode() + data for magic in MAGICS for data in (b"", bytes(5000), FRAME, b"\xff" * 600)))


@fuzzed(18_000, ARTIFACTS, CORPUS)
def test_any_artifact_is_whole_or_refused_by_one_of_two_problems(case: bytes) -> None:
    file, began = io.BytesIO(case), time.process_time()
    try:
        head = read_head(file)
        check_body(file, head, len(case))
    except (UnknownFormat, DamagedArtifact) as problem:
        hold_text(problem.reason)
    else:
        assert head.body_offset <= len(case)
        assert 0 <= head.lowest <= head.highest
    assert time.process_time() - began < 20


@fuzzed(5_000, ARTIFACTS, CORPUS)
def test_no_artifact_proves_more_than_it_holds(case: bytes, fast_path: Path) -> None:
    name = "neo4j-2026-11-23T02-15-01.backup"
    (fast_path / name).write_bytes(case)
    with open_target(str(fast_path), (str(fast_path),), create=False) as target:
        examined = target.examine(name)
        after = target.listing("neo4j")

    evidence = Evidence("neo4j", "AUTO", True, (name,), frozenset(), after, {name: examined}, {})
    judged = judge(evidence)

    if isinstance(judged, ArtifactUnverified):
        hold_text(judged.message, judged.hint)
    else:
        assert isinstance(examined.head, Head)
        assert (examined.body, examined.head.database.lower(), judged.type) == (None, "neo4j", "FULL")
        assert chains({name: examined.head}, overlap_allowed=True)[0].restorable


def names(start: str, seed: int) -> tuple[str, ...]:
    random = Random(seed)
    made = [start]
    while len(made) < BATCH:
        at = random.randrange(len(start) + 1)
        made.append(
            start[:at] + random.choice((*STRINGS, "-", ".", "\u0661", "~", "\n")) + start[at + random.randrange(3) :]
        )
    return tuple(made)


@fuzzed(
    4_000,
    st.builds(
        names,
        st.sampled_from(("neo4j-2026-11-23T02-15-01.backup", "a.b-2026-11-23T02-15-01.backup.part1")),
        st.integers(0, 1 << 64),
    ),
)
def test_only_a_plain_name_of_this_database_is_an_artifact_of_it(case: str) -> None:
    parsed = parse_name(case)

    assert is_of("neo4j", case) is (parsed is not None and parsed.database == "neo4j")
    if is_of("neo4j", case):
        assert "/" not in case
        assert not case.startswith((".", "-"))
        assert case.isascii()
        assert case.isprintable()


# What costs a reader memory or time.


def zeros(size: int) -> bytes:
    writer = zstandard.ZstdCompressor(level=1).compressobj()
    return b"".join(writer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + writer.flush()


def window(descriptor: int) -> bytes:
    """A frame without a size that asks for a window by this byte."""
    return FRAME + b"\0" + bytes([descriptor]) + block(b"zstd" + FULL.metadata())


def content_size(size: int) -> bytes:
    """A frame of one segment that tells a size of content in 8 bytes."""
    return FRAME + b"\xe0" + size.to_bytes(8, "little") + block(b"zstd", last=True)


def repeated(blocks: int) -> bytes:
    """A frame of blocks that each say 128 KiB of one byte in four bytes."""
    header = (128 << 10) << 3 | 1 << 1
    return FRAME + b"\0\x58" + block(b"zstd" + FULL.metadata()) + (header.to_bytes(3, "little") + b"A") * blocks


HEAD = FULL.but(magic="BTV2").metadata()
BOMBS: dict[str, Callable[[], bytes]] = {
    "1 GiB of zeros": lambda: b"BZV2" + zeros(1 << 30),
    "1 GiB of zeros behind the word": lambda: b"BZV3" + FULL.metadata() + zeros(1 << 30),
    "a window of 128 MiB": lambda: b"BZV2" + window(17 << 3),
    "a window of 256 MiB": lambda: b"BZV2" + window(18 << 3),
    "a window of 4 TiB": lambda: b"BZV2" + window(0xFF),
    "4 GiB of content": lambda: b"BZV2" + content_size(1 << 32),
    "16 EiB of content": lambda: b"BZV2" + content_size((1 << 64) - 1),
    "64 GiB in blocks of one byte": lambda: b"BZV2" + repeated(1 << 19),
    "64 GiB in blocks of one byte behind a head": lambda: b"BZV3" + FULL.metadata() + repeated(1 << 19),
    "a script of 4 GiB": lambda: b"BTV2" + HEAD[:-4] + b"\0\0\0\1\0\0\0\1a\xff\xff\xff\xff" + bytes(1 << 20),
    "a name of 4 GiB": lambda: b"BTV2" + HEAD[:-4] + b"\0\0\0\1\xff\xff\xff\xff" + bytes(1 << 20),
    "4 GiB of fields": lambda: b"BTV2" + HEAD[:-4] + b"\xff\xff\xff\xff" + bytes(1 << 20),
    "sixteen scripts of 1 MiB": lambda: b"BTV2" + HEAD[:-4] + b"\0\0\0\x10" + field(b"k", bytes(1 << 20)) * 16,
    "sixteen scripts of 1 MiB in a frame": lambda: (
        b"BZV2" + zstd_frame(b"zstd" + HEAD[:-4] + b"\0\0\0\x10" + field(b"k", bytes(1 << 20)) * 16)
    ),
    "a text that isn't UTF-8": lambda: bytes(FULL.but(database=b"\xff\xfe\xfd")),
    "a file of 8 EiB": lambda: b"BTV2" + HEAD + binary_size(tar_entry("a", b""), 1 << 63) + bytes(1024),
    "a header of 8 EiB": lambda: b"BTV2" + HEAD + binary_size(tar_entry("a", b"", kind=b"x"), 1 << 63) + bytes(1024),
    "extended headers of 1 MiB": lambda: b"BTV2" + HEAD + pax(b"1048576 k=" + b"v" * 1048565 + b"\n") * 20,
    "a hole of 64 GiB in a frame": lambda: b"BZV3" + FULL.metadata() + FRAME + b"\0\x58",
    "a hole of 64 GiB in a tar stream": lambda: b"BTV2" + HEAD,
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Examine every bomb in one process that may have 1 GiB of address space."""
    folder = tmp_path_factory.mktemp("bombs")
    for number, (name, made) in enumerate(BOMBS.items()):
        path = folder / f"{number:02d}"
        path.write_bytes(made())
        if "hole" in name:
            os.truncate(path, 64 << 30)
    did = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.measured", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )
    assert did.returncode == 0, did.stderr
    return dict(zip(BOMBS, map(str.split, did.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_bounded_memory_and_time(name: str, measured: dict[str, list[str]]) -> None:
    _, problem, grown, seconds = measured[name]

    assert problem in ("DamagedArtifact", "UnknownFormat")
    assert int(grown) < GROWN_KIB
    assert float(seconds) < 30
