"""`--from` is a list of servers and can't be made into another option."""

import pytest

from sidecar.addresses import parse_addresses, split_address


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("localhost:6362", ("localhost:6362",)),
        ("localhost", ("localhost:6362",)),
        ("a.b-c.svc.cluster.local.:1", ("a.b-c.svc.cluster.local.:1",)),
        ("my_host:65535", ("my_host:65535",)),
        ("10.0.0.1:06362", ("10.0.0.1:6362",)),
        ("[::1]", ("[::1]:6362",)),
        ("[fe80::1%eth0]:7000", ("[fe80::1%eth0]:7000",)),
        ("a:1, b:2,a:1", ("a:1", "b:2")),
    ],
)
def test_servers_are_hosts_with_ports(text: str, addresses: tuple[str, ...]) -> None:
    assert parse_addresses(text) == addresses


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "a,,b",
        "--to-path=/etc",
        "-a:1",
        "@file",
        "a:0",
        "a:65536",
        "a:x",
        "a:",
        ":6362",
        "::1",
        "a b:1",
        "a:1 --type=FULL",
        "a\x00:1",
        "a:1\nb:2",
        "http://a:1",
        "a/b:1",
        "bücher:1",
        "a:\u0661",
        "a=b:1",
        "[--x]:1",
        "a" * 256,
    ],
)
def test_what_is_no_server_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="localhost:6362"):
        parse_addresses(text)


def test_an_address_is_parted_for_a_connection() -> None:
    assert split_address("[::1]:6362") == ("::1", 6362)
    assert split_address("db.example:7000") == ("db.example", 7000)


@pytest.mark.parametrize("text", ["neo4j:hunter,2@db", "neo4j://neo4j:hunter,2@db:6362", "db:1,u:hunter2@db,db:x"])
def test_no_part_of_a_password_is_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="is no server") as caught:
        parse_addresses(text)

    assert "hunter" not in str(caught.value)
