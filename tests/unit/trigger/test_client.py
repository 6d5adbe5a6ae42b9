"""The client against a scripted place: nothing is asked for twice, no wait is without an end, no peer is trusted."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from shared.errors import (
    BackupError,
    BackupInterrupted,
    ConfigurationError,
    Drained,
    IdTaken,
    InternalError,
    RequestRejected,
    SidecarBusy,
    TransportError,
    WaitTimedOut,
    error_line,
)
from shared.wire import encode
from tests.fakes.daemon import status, succeeded
from tests.fakes.time import FakeTime
from tests.fakes.transport import END, Break, Exit, FakeTransport, Mutter, Quiet, Say, Slow, Step, say
from trigger.answers import Told
from trigger.client import Client, Patience, Standing
from trigger.transport.protocol import Leaving, Misdirected, Replaced

REQUEST = {"path": "/backups/nightly", "type": "FULL"}
UNREACHABLE = Break(TransportError("the network is down"))
FOREVER = Quiet(1e9)
UNKNOWN_ID = say(
    {"error": {"code": "request_rejected", "message": "no request has that id", "hint": "", "exit_code": 4}}
)


@dataclass
class Heard:
    """A listener that keeps what it hears, and when."""

    time: FakeTime
    statuses: list[Told] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    ticks: int = 0

    def status(self, told: Told) -> None:
        self.statuses.append(told)
        self.at.append(self.time.now())

    def trouble(self, error: BackupError, again_in: float) -> None:
        self.troubles.append(error.message)
        self.at.append(self.time.now())

    def waiting(self) -> None:
        self.ticks += 1


@dataclass
class Talk:
    client: Client
    transport: FakeTransport
    heard: Heard

    @property
    def time(self) -> FakeTime:
        return self.transport.time

    def sent(self) -> list[dict[str, object]]:
        return [json.loads(exchange.sent) for exchange in self.transport.exchanges]


def talk(*scripts: Iterable[Step], patience: Patience | None = None) -> Talk:
    return _talk(FakeTransport(scripts), patience)


def always(script: Sequence[Step], patience: Patience | None = None) -> Talk:
    return _talk(FakeTransport(script=lambda _: script), patience)


def _talk(transport: FakeTransport, patience: Patience | None) -> Talk:
    heard = Heard(transport.time)
    return Talk(Client(transport, heard, patience or Patience(), transport.time), transport, heard)


def accepted() -> tuple[Step, ...]:
    return (*say(status(state="queued") | {"attached": False}), *END)


def refused(code: str, exit_code: int = 4) -> tuple[Step, ...]:
    return say({"error": {"code": code, "message": "no", "hint": "Do so.", "retryable": False, "exit_code": exit_code}})


# submit


def test_a_request_is_handed_over_once_with_a_word_of_its_own() -> None:
    one, other = talk(accepted()), talk(accepted())

    submitted = one.client.submit("nightly-1", REQUEST)
    other.client.submit("nightly-1", REQUEST, job=True)

    assert submitted.told.status.state == "queued"
    assert not submitted.attached
    assert one.transport.asked == [("submit", "nightly-1")]
    (sent,), (sent_by_other,) = one.sent(), other.sent()
    assert sent["request"] == REQUEST
    assert sent["job"] is False
    assert sent_by_other["job"] is True
    assert str(sent["word"]).isalnum()
    assert sent["word"] != sent_by_other["word"]
    assert one.client.standing is Standing.YES


def test_a_lost_answer_is_asked_for_again_under_the_same_id_and_word() -> None:
    there = talk(
        [Exit(137)],
        [Break(TransportError("no route"))],
        [*say(status() | {"attached": True}), *END],
    )

    submitted = there.client.submit("nightly-1", REQUEST)

    assert submitted.attached
    assert there.transport.asked == [("submit", "nightly-1")] * 3
    first, second = there.sent()
    assert first == second
    assert len(there.heard.troubles) == 2


@pytest.mark.parametrize("cut", range(0, len(b"".join(step.data for step in accepted() if isinstance(step, Say))), 7))
def test_an_answer_cut_anywhere_leads_to_one_acceptance(cut: int) -> None:
    whole = b"".join(step.data for step in accepted() if isinstance(step, Say))
    there = talk([Say(whole[:cut]), Exit(None)], accepted())

    submitted = there.client.submit("nightly-1", REQUEST)

    assert submitted.told.status.id == "nightly-1"
    words = {str(sent["word"]) for sent in there.sent()}
    assert len(words) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("request_rejected", RequestRejected),
        ("id_taken", IdTaken),
        ("sidecar_busy", SidecarBusy),
        ("configuration_error", ConfigurationError),
        ("internal_error", InternalError),
    ],
)
def test_a_refusal_is_not_asked_again(code: str, kind: type[Exception]) -> None:
    there = talk(refused(code))

    with pytest.raises(kind):
        there.client.submit("nightly-1", REQUEST)

    assert len(there.transport.asked) == 1
    assert there.heard.troubles == []


DRAINED = say(error_line(Drained("the sidecar is being drained", hint="Ask later.")))
LEAVING = Break(Leaving("the pod neo4j-0 is being deleted", hint="Ask later."))


def test_a_drained_sidecar_is_asked_again_until_its_successor_accepts() -> None:
    there = talk(DRAINED, DRAINED, accepted())

    submitted = there.client.submit("nightly-1", REQUEST)

    assert submitted.told.status.state == "queued"
    assert there.heard.troubles == ["the sidecar is being drained"] * 2
    first, _, third = there.sent()
    assert first == third


def test_a_sidecar_that_stays_drained_is_waited_for_no_longer_than_asked_and_is_busy() -> None:
    there = always(DRAINED, Patience(connect_for=30))
    began = there.time.now()

    with pytest.raises(SidecarBusy, match=r"^the sidecar is being drained, for 30s now$") as caught:
        there.client.submit("nightly-1", REQUEST)

    assert 30 <= there.time.now() - began < 31
    assert caught.value.hint == "Ask later."
    assert there.client.standing is Standing.NO


def test_nothing_is_begun_in_a_place_that_is_about_to_go_and_its_successor_is_waited_for() -> None:
    there = talk([LEAVING], UNKNOWN_ID, [LEAVING], [UNREACHABLE], accepted())

    submitted = there.client.submit("nightly-1", REQUEST)

    assert not submitted.attached
    assert there.transport.asked == [("submit", "nightly-1"), ("get", "nightly-1")] * 2 + [("submit", "nightly-1")]
    assert there.transport.begun == [True, False, True, False, True]
    assert there.heard.troubles == ["the pod neo4j-0 is being deleted"] * 2


def test_a_request_that_a_place_about_to_go_has_under_way_is_attached_to_there() -> None:
    there = talk([LEAVING], [*say(status()), *END], [*say(status() | {"attached": True}), *END])

    submitted = there.client.submit("nightly-1", REQUEST, job=True)

    assert submitted.attached
    assert there.transport.asked[-1] == ("submit", "nightly-1")
    assert there.transport.begun == [True, False, False]


def test_no_attempt_after_a_failure_is_begun_in_a_place_that_is_about_to_go() -> None:
    failed = status(state="failed", code="backup_interrupted", retryable=True, exit_code=11)
    there = talk([LEAVING], [*say(failed), *END], accepted())

    there.client.submit("nightly-1", REQUEST, job=True)

    assert there.transport.begun == [True, False, True]


def test_a_place_that_stays_about_to_go_leaves_the_request_unaccepted() -> None:
    leaving = _talk(
        FakeTransport(script=lambda asked: [LEAVING] if asked[0] == "submit" else UNKNOWN_ID), Patience(connect_for=30)
    )

    with pytest.raises(TransportError, match=r"^the pod neo4j-0 is being deleted, for 30s now$"):
        leaving.client.submit("nightly-1", REQUEST)

    assert leaving.client.standing is Standing.NO


def test_a_place_that_is_replaced_before_it_accepted_leads_to_its_successor() -> None:
    there = talk([Exit(137)], [Break(Replaced("the pod neo4j-0 was deleted"))], accepted())

    submitted = there.client.submit("nightly-1", REQUEST)

    assert submitted.told.status.state == "queued"
    assert there.client.standing is Standing.YES


def test_what_is_wrong_here_says_nothing_of_a_request_that_was_handed_over_before() -> None:
    there = talk([Exit(137)], [Break(ConfigurationError("the token can't be read"))])

    with pytest.raises(ConfigurationError):
        there.client.submit("nightly-1", REQUEST)

    assert there.client.standing is Standing.MAYBE


def test_a_refusal_means_that_no_attempt_before_it_was_accepted() -> None:
    there = talk([Exit(137)], refused("sidecar_busy", 10))

    with pytest.raises(SidecarBusy):
        there.client.submit("nightly-1", REQUEST)

    assert there.client.standing is Standing.NO


def test_the_first_contact_is_tried_for_as_long_as_asked_and_not_longer() -> None:
    there = always([UNREACHABLE], Patience(connect_for=30))
    began = there.time.now()

    with pytest.raises(TransportError, match="could not be reached for 30s: the network is down"):
        there.client.submit("nightly-1", REQUEST)

    assert 30 <= there.time.now() - began < 31
    assert len(there.transport.asked) >= 4
    assert there.client.standing is Standing.NO


@pytest.mark.parametrize(("patience", "most"), [(Patience(timeout=17), 17.1), (Patience(connect_for=30), 41)])
def test_a_command_that_takes_for_ever_to_start_is_bounded_too(patience: Patience, most: float) -> None:
    there = always([Slow(1e9)], patience)
    began = there.time.now()

    with pytest.raises(TransportError):
        there.client.submit("nightly-1", REQUEST)

    assert there.time.now() - began <= most


def test_a_command_that_waits_for_somebody_is_given_all_the_time_that_was_asked_for() -> None:
    there = talk([Slow(290), *accepted()], patience=Patience(connect_for=300))

    assert there.client.submit("nightly-1", REQUEST).told.status.state == "queued"


def test_a_command_that_is_slow_to_start_is_given_its_time_at_the_last_try_too() -> None:
    there = talk([Slow(8), *accepted()], patience=Patience(connect_for=0))

    assert there.client.submit("nightly-1", REQUEST).told.status.state == "queued"


@pytest.mark.parametrize("script", [[Slow(1e9)], [FOREVER], [UNREACHABLE]])
def test_a_cancel_that_is_not_answered_in_its_time_says_so(script: Sequence[Step]) -> None:
    there = always(script, Patience(connect_for=100, timeout=20))

    with pytest.raises(TransportError, match="did not answer what it was asked within 20s"):
        there.client.cancel("nightly-1")


@pytest.mark.parametrize(
    ("script", "why"), [(DRAINED, "the sidecar is being drained"), ([LEAVING], "the pod neo4j-0 is being deleted")]
)
def test_where_the_timeout_is_over_first_what_was_in_the_way_is_told(script: Sequence[Step], why: str) -> None:
    there = _talk(
        FakeTransport(script=lambda asked: script if asked[0] == "submit" else UNKNOWN_ID),
        Patience(connect_for=100, timeout=20),
    )

    with pytest.raises(TransportError, match=f"did not answer the request within 20s: {why}$") as caught:
        there.client.submit("nightly-1", REQUEST)

    assert caught.value.hint == "Ask later."


def test_pauses_grow_and_differ() -> None:
    firsts, lasts = [], []
    for _ in range(10):
        there = always([UNREACHABLE], Patience(connect_for=200))
        began = there.time.now()

        with pytest.raises(TransportError):
            there.client.submit("nightly-1", REQUEST)

        firsts.append(there.heard.at[1] - began)
        lasts.append(max(later - earlier for earlier, later in zip(there.heard.at, there.heard.at[1:], strict=False)))
    assert max(firsts) <= 1.1
    assert len(set(firsts)) > 5
    assert max(lasts) > 5
    assert max(lasts) <= 15.1


def test_a_place_that_is_not_there_is_told_at_once() -> None:
    there = talk([Break(Misdirected("there is no such container", hint="Look."))])

    with pytest.raises(TransportError, match=r"^there is no such container$"):
        there.client.submit("nightly-1", REQUEST)

    assert there.time.pauses == []
    assert there.client.standing is Standing.NO


def test_a_request_that_was_sent_without_an_answer_may_have_been_accepted() -> None:
    there = always([Exit(137)], Patience(connect_for=5))

    with pytest.raises(TransportError):
        there.client.submit("nightly-1", REQUEST)

    assert there.client.standing is Standing.MAYBE


@pytest.mark.parametrize(("keys", "standing"), [({}, Standing.MAYBE), ({"sent": False}, Standing.NO)])
def test_a_courier_knows_whether_its_daemon_heard_the_request(keys: dict[str, object], standing: Standing) -> None:
    no_daemon = {"code": "transport_error", "message": "no sidecar is running", "hint": "", "exit_code": 12}
    there = always(say({"error": no_daemon | keys}), Patience(connect_for=5))

    with pytest.raises(TransportError, match="no sidecar is running"):
        there.client.submit("nightly-1", REQUEST)

    assert there.client.standing is standing


def test_a_signal_in_mid_answer_leaves_the_request_as_maybe_accepted() -> None:
    there = talk([Mutter(b""), Break(KeyboardInterrupt())])

    with pytest.raises(KeyboardInterrupt):
        there.client.submit("nightly-1", REQUEST)

    assert there.client.standing is Standing.MAYBE
    assert there.transport.open == 0


def test_the_timeout_before_an_answer_is_no_word_on_the_backup() -> None:
    there = always([FOREVER], Patience(timeout=7))
    began = there.time.now()

    with pytest.raises(TransportError, match="did not answer the request within 7s"):
        there.client.submit("nightly-1", REQUEST)

    assert there.time.now() - began == pytest.approx(7, abs=0.1)


GARBAGE = [
    b"hello\n",
    b"[]\n",
    b'{"status": null}\n',
    b'{"status": {"id": "other", "state": "queued"}, "attached": false}\n',
    b"\xff\n",
    b"\n",
    b"x" * 5_000_000,
    encode(status() | {"attached": "perhaps"}),
    encode({"end": {"exit_code": 0}}),
    b"",
]


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_in_the_place_of_an_answer_is_a_transport_error_and_nothing_else(data: bytes) -> None:
    there = always([Say(data), Exit(0)], Patience(connect_for=3))

    with pytest.raises(TransportError) as caught:
        there.client.submit("nightly-1", REQUEST)

    assert caught.value.message.isprintable()
    assert there.transport.open == 0


def test_what_the_courier_said_last_is_told() -> None:
    there = talk(
        [Mutter(b"Traceback\nModuleNotFoundError: sidecar\x1b[2J\n"), Exit(1)], patience=Patience(connect_for=0)
    )

    with pytest.raises(TransportError, match=r"cut off; the courier ended with 1: .*ModuleNotFoundError: sidecar\\x1b"):
        there.client.submit("nightly-1", REQUEST)


# follow


def test_every_status_is_heard_until_the_end() -> None:
    there = talk([*say(status(state="queued"), status(), succeeded()), *END])

    told = there.client.follow("nightly-1")

    assert told.status.state == "succeeded"
    assert [heard.status.state for heard in there.heard.statuses] == ["queued", "running", "succeeded"]
    assert there.transport.open == 0


def test_an_end_of_a_newer_sidecar_is_an_end() -> None:
    there = talk([*say(status(state="levitated", code="new", exit_code=17)), *END])

    told = there.client.follow("nightly-1")

    assert (told.status.state, told.status.exit_code) == ("levitated", 17)


@pytest.mark.parametrize("cut", range(0, len(encode(status()) + encode(succeeded())), 23))
def test_a_stream_cut_anywhere_is_opened_again(cut: int) -> None:
    whole = encode(status()) + encode(succeeded())
    there = talk([Say(whole[:cut]), Exit(None)], [*say(succeeded()), *END])

    told = there.client.follow("nightly-1")

    assert told.status.ended


def test_silence_is_told_within_30_s_and_the_stream_opened_again() -> None:
    there = talk([*say(status()), FOREVER], [*say(succeeded()), *END])
    began = there.time.now()

    told = there.client.follow("nightly-1")

    assert told.status.ended
    assert there.heard.troubles == ["the fake place has said nothing for 25 s"]
    # With the pause and the look at the place that come after it.
    assert there.heard.at[1] - began == pytest.approx(25, abs=0.1)
    assert there.heard.ticks >= 24


@pytest.mark.parametrize(("connect_for", "most"), [(5, 11), (15, 26), (30, 41), (60, 71)])
def test_a_place_that_is_silent_is_not_waited_for_much_longer_than_asked_at_first(
    connect_for: float, most: float
) -> None:
    there = always([FOREVER], Patience(connect_for=connect_for))
    began = there.time.now()

    with pytest.raises(TransportError, match="has said nothing for"):
        there.client.get("nightly-1")

    assert connect_for <= there.time.now() - began <= most


def test_a_place_that_has_answered_may_be_silent_as_long_as_any_also_after_the_time_for_the_first_contact() -> None:
    there = talk([*say(status()), Quiet(20), *say(status()), Quiet(20), *say(succeeded()), *END], patience=Patience(1))

    there.client.follow("nightly-1")

    assert there.heard.troubles == []


def test_a_daemon_that_speaks_each_10_s_is_not_taken_for_silent() -> None:
    beats: list[Step] = [Quiet(10), *say(status())] * 50
    there = talk([*beats, *say(succeeded()), *END])

    there.client.follow("nightly-1")

    assert there.heard.troubles == []
    assert len(there.transport.asked) == 1


def test_an_exec_that_is_cut_every_3_s_loses_nothing() -> None:
    cuts: list[list[Step]] = [[*say(status()), Quiet(3), Exit(None)] for _ in range(40)]
    there = talk(*cuts, [*say(succeeded()), *END], patience=Patience(reconnect_for=20))

    told = there.client.follow("nightly-1")

    assert told.status.ended
    cut_off, told_again = there.heard.at[1::2], there.heard.at[2::2]
    pauses = [later - earlier for earlier, later in zip(cut_off, told_again, strict=True)]
    assert pauses[0] <= 1.0
    # They grow, or a proxy that cuts everything off would have the API server asked each second for hours.
    assert sum(pauses) > 40
    assert max(pauses) <= 5.0


def test_a_stream_that_lasted_is_opened_again_soon_however_many_were_cut_before() -> None:
    cut: list[Step] = [*say(status()), Exit(None)]
    lasted: list[Step] = [*say(status()), Quiet(11), Exit(None)]
    there = talk(*[cut] * 10, lasted, [*say(succeeded()), *END])

    there.client.follow("nightly-1")

    assert there.heard.at[-1] - there.heard.at[-2] <= 11 + 1.0


def test_after_a_quarter_of_an_hour_another_stream_is_opened_at_once() -> None:
    there = talk([*say(status()), Quiet(24), *say(status()), *END], [*say(succeeded()), *END])

    there.client.follow("nightly-1")

    assert there.heard.troubles == []
    assert there.time.pauses == []


def test_a_stream_that_ends_at_once_is_not_opened_in_a_tight_loop() -> None:
    there = talk(*[[*say(status()), *END]] * 5, [*say(succeeded()), *END])

    there.client.follow("nightly-1")

    assert len(there.heard.at) == 6
    assert min(later - earlier for earlier, later in pairwise(there.heard.at)) >= 0.2


def test_an_accepted_request_is_tried_for_as_long_as_asked_though_its_place_is_gone() -> None:
    gone = Break(Misdirected("there is no such container"))
    there = _talk(FakeTransport([accepted(), *[[gone]] * 1000]), Patience(connect_for=5, reconnect_for=600))
    there.client.submit("nightly-1", REQUEST)
    began = there.time.now()

    with pytest.raises(TransportError, match="could not be reached for 10m00s: there is no such container"):
        there.client.follow("nightly-1")

    assert 600 <= there.time.now() - began < 602


def test_every_contact_begins_the_time_anew() -> None:
    outage = [[UNREACHABLE]] * 4
    there = talk(
        accepted(),
        *outage,
        [*say(status()), Exit(None)],
        *outage,
        [*say(status()), Exit(None)],
        *outage,
        [*say(succeeded()), *END],
        patience=Patience(reconnect_for=20),
    )
    there.client.submit("nightly-1", REQUEST)

    assert there.client.follow("nightly-1").status.ended


def test_the_timeout_ends_the_wait_and_not_the_backup() -> None:
    beats: list[Step] = [*say(status()), Quiet(10)] * 100
    there = talk(accepted(), beats, patience=Patience(timeout=95))
    began = there.time.now()
    there.client.submit("nightly-1", REQUEST)

    with pytest.raises(WaitTimedOut, match="has not ended within 1m35s"):
        there.client.follow("nightly-1")

    assert there.time.now() - began == pytest.approx(95, abs=0.1)
    assert there.transport.open == 0
    assert there.client.last is not None


def test_the_timeout_holds_while_nothing_can_be_reached() -> None:
    there = _talk(FakeTransport([accepted(), *[[UNREACHABLE]] * 1000]), Patience(timeout=95))
    there.client.submit("nightly-1", REQUEST)

    with pytest.raises(WaitTimedOut):
        there.client.follow("nightly-1")


@pytest.mark.parametrize(("script", "why"), [([UNREACHABLE], ": the network is down"), ([FOREVER], "")])
def test_of_a_request_that_was_never_reached_no_backup_is_told_to_go_on(script: Sequence[Step], why: str) -> None:
    there = always(script, Patience(connect_for=100, timeout=20))

    with pytest.raises(TransportError, match=rf"^the fake place did not answer what it was asked within 20s{why}$"):
        there.client.follow("nightly-1")

    assert there.client.standing is Standing.UNASKED


def test_a_timeout_may_have_begun_before_the_client() -> None:
    there = always([FOREVER], Patience(timeout=20, began=FakeTime().now() - 15))
    began = there.time.now()

    with pytest.raises(TransportError, match=r"within 20s$"):
        there.client.follow("nightly-1")

    assert there.time.now() - began <= 5.1


def test_a_request_that_a_restarted_sidecar_does_not_know_was_interrupted() -> None:
    there = talk(accepted(), [*say(status()), Exit(137)], [UNREACHABLE], UNKNOWN_ID)
    there.client.submit("nightly-1", REQUEST)

    with pytest.raises(BackupInterrupted, match="pod was replaced, and the request volume is new"):
        there.client.follow("nightly-1")


def test_a_transport_that_sees_its_pod_replaced_ends_the_wait() -> None:
    there = talk(accepted(), [Break(Replaced("the pod neo4j-0 was replaced"))])
    there.client.submit("nightly-1", REQUEST)

    with pytest.raises(BackupInterrupted, match="neo4j-0"):
        there.client.follow("nightly-1")


def test_an_id_that_was_never_known_is_refused_and_not_interrupted() -> None:
    there = talk(UNKNOWN_ID)

    with pytest.raises(RequestRejected, match="no request has that id"):
        there.client.follow("nightly-9")


def test_a_request_that_was_found_and_is_gone_was_interrupted() -> None:
    there = talk([*say(status()), Exit(137)], UNKNOWN_ID)

    with pytest.raises(BackupInterrupted):
        there.client.follow("nightly-1")


@pytest.mark.parametrize("data", GARBAGE[:7], ids=range(7))
def test_garbage_in_a_stream_is_a_lost_stream(data: bytes) -> None:
    there = talk([*say(status()), Say(data), Exit(0)], [*say(succeeded()), *END])

    told = there.client.follow("nightly-1")

    assert told.status.ended


# the verbs that read


def test_the_verbs_that_read_are_asked_again_until_they_are_answered() -> None:
    there = talk([UNREACHABLE], [*say(status()), *END])

    told = there.client.get("nightly-1")

    assert told.status.state == "running"
    assert there.transport.asked == [("get", "nightly-1")] * 2


def test_a_cancel_is_asked_again_until_it_is_on_the_disk() -> None:
    there = talk([Exit(137)], [*say(status(cancel_requested=True)), *END])

    told = there.client.cancel("nightly-1")

    assert told.status.cancel_requested
    assert there.transport.asked == [("cancel", "nightly-1")] * 2


def test_a_list_that_was_cut_off_is_not_taken_for_a_whole_one() -> None:
    there = talk([*say(status("a")), Exit(137)], [*say(status("a"), status("b")), *END])

    found = there.client.list(20)

    assert [told.status.id for told in found] == ["a", "b"]
    assert there.sent() == [{"limit": 20}] * 2


def test_a_log_that_was_cut_off_is_not_taken_for_a_whole_one() -> None:
    there = talk([*say({"text": "one"}), Exit(137)], [*say({"text": "one"}, {"text": "two"}), *END])

    assert there.client.log("nightly-1") == ("one", "two")


def test_an_answer_without_an_end_to_it_is_cut() -> None:
    line = encode({"text": "x" * 1_000_000})
    there = talk([Say(line * 70)], patience=Patience(connect_for=0))

    with pytest.raises(TransportError, match="more than 67108864 bytes"):
        there.client.log("nightly-1")


def test_checks_come_one_by_one() -> None:
    check = {"name": "memory", "state": "ok", "message": "enough", "hint": ""}
    there = talk([*say({"check": check}, {"check": check | {"state": "dubious"}}), *END])

    found = list(there.client.facts("/backups"))

    assert [check.state for check in found] == ["ok", "dubious"]
    assert there.sent() == [{"path": "/backups"}]


def test_a_probe_tells_what_the_daemon_says_of_itself() -> None:
    there = talk([*say({"probe": {"under_way": 1}}), *END], [*say({"probe": "well"}), *END])

    assert there.client.probe() == {"under_way": 1}
    assert there.client.probe() == {}


def test_every_question_has_a_line_for_the_courier_to_read() -> None:
    there = talk([*say(status()), *END], [*END], [*END])

    there.client.get("nightly-1")
    there.client.log("nightly-1")
    there.client.probe()

    assert [exchange.sent for exchange in there.transport.exchanges] == [b"{}\n"] * 3
