"""Sizes are read as Neo4j and Java read them, and written as those, Kubernetes and people do."""

import pytest

from shared.sizes import format_size
from sidecar.sizes import jvm_size, mebibytes, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("512b", 512),
        ("1k", 1024),
        ("512m", 512 << 20),
        ("512MiB", 512 << 20),
        ("512 MB", 512 << 20),
        ("512Mi", 512 << 20),
        ("2G", 2 << 30),
        ("1GiB", 1 << 30),
        (" 3t ", 3 << 40),
    ],
)
def test_a_size_is_a_number_with_a_unit_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "1.5g", "-1m", "1 2m", "5%", "1x", "1kk", "٣m", "1" * 16, "1m\n2m"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="512m, 2g or 1GiB"):
        parse_size(text)


@pytest.mark.parametrize("text", ["64m", "1536m", "2g", "65k", "100000k"])
def test_what_is_written_for_the_jvm_is_read_as_the_same(text: str) -> None:
    assert jvm_size(parse_size(text)) == text


@pytest.mark.parametrize(
    ("size", "for_jvm"),
    [(0, "0k"), (1 << 30, "1g"), (1 << 20, "1m"), ((64 << 20) + 1, "65536k")],
)
def test_the_jvm_is_told_whole_units(size: int, for_jvm: str) -> None:
    assert jvm_size(size) == for_jvm


def test_kubernetes_is_told_what_is_enough() -> None:
    assert (mebibytes(500 << 20), mebibytes((500 << 20) + 1)) == ("500Mi", "501Mi")


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536 << 20, "1.5 GiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (5 << 60, "5120.0 PiB"),
    ],
)
def test_people_are_told_one_decimal(size: int, shown: str) -> None:
    assert format_size(size) == shown
