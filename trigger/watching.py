"""Sees a request through to its end, to an error, or to the signal that ends the wait."""

import sys
from collections.abc import Callable
from dataclasses import replace

from shared.errors import BackupError
from trigger.advice import advised, where
from trigger.answers import Told
from trigger.client import Client, Patience, Standing
from trigger.clock import SystemClock
from trigger.commands import Commands
from trigger.interrupt import Interrupted
from trigger.progress import Progress
from trigger.reach import Reach
from trigger.report import answer_json, say, tell_error, tell_status
from trigger.terminal import Terminal

CANCEL_PATIENCE = Patience(connect_for=10, reconnect_for=10, timeout=20)
"""For a cancel on a signal: whoever sent it doesn't wait long."""


class Watch:
    """One wait for one request, told as ``output`` says."""

    def __init__(self, reach: Reach, patience: Patience, request_id: str, output: str) -> None:
        self._clock = SystemClock()
        self._reach = reach
        self._progress = Progress(Terminal(sys.stderr), self._clock, request_id)
        self.output = output
        self._commands = Commands(reach.flags)
        self.request_id = request_id
        self.client = Client(reach.transport, self._progress, patience, self._clock)

    @property
    def next_steps(self) -> tuple[str, str]:
        """Give a line on how to follow the request, and one on how to cancel it."""
        return (
            f"  Follow it:  {self._commands.follow(self.request_id)}",
            f"  Cancel it:  {self._commands.cancel(self.request_id)}",
        )

    def through(self, work: Callable[[], Told], *, cancels: bool = False) -> Told | int:
        """Do ``work`` and give the status it ends with, or the exit code where that was told already.

        ``cancels`` says that a signal cancels the request.
        """
        try:
            return work()
        except Interrupted as interrupted:
            self._progress.close()
            return self._leave(interrupted, cancels=cancels)
        except BackupError as error:
            self._progress.close()
            last = None if self.client.last is None else self._with_what_befell(self.client.last)
            told = advised(error, self.client.standing, self.request_id, self._commands)
            return tell_error(told, self.output, last)
        finally:
            self._progress.close()

    def end(self, told: Told) -> int:
        """Tell a request's end and give its exit code."""
        tell_status(self._with_what_befell(told), self.output)
        return told.status.exit_code or 0

    def _with_what_befell(self, told: Told) -> Told:
        """Add to the document's warnings what befell the sidecar's place; a person was told when it was seen."""
        if not self._reach.befell:
            return told
        known = told.document.get("warnings")
        warnings = [*(known if isinstance(known, list) else ()), *self._reach.befell]
        return replace(told, document={**told.document, "warnings": warnings})

    def _leave(self, interrupted: Interrupted, *, cancels: bool) -> int:
        last, there = self.client.last, self.client.standing in (Standing.MAYBE, Standing.YES)
        goes_on = self.client.standing is Standing.YES
        stands = f"The backup {self.request_id} goes on" if goes_on else where(self.client.standing, self.request_id)
        message = f"{interrupted.word}. {stands}" if stands else interrupted.word
        if there and cancels:
            say(f"{interrupted.word}. The request {self.request_id} is being cancelled.")
            last = self._cancel() or last
        else:
            say(f"{message}.", *(self.next_steps if there else ()))
        if self.output == "json":
            error = {
                "code": "interrupted",
                "message": message,
                "hint": "",
                "retryable": False,
                "exit_code": interrupted.exit_code,
            }
            answer_json({**({} if last is None else last.document), "error": error})
        return interrupted.exit_code

    def _cancel(self) -> Told | None:
        client = Client(self._reach.transport, self._progress, CANCEL_PATIENCE, self._clock)
        try:
            told = client.cancel(self.request_id)
            if not told.status.ended:
                told = client.follow(told.status.id)
        except BackupError as error:
            self._progress.close()
            if client.last is not None:
                say("The cancel is accepted, and the backup has not ended yet.", *self.next_steps)
            else:
                say(f"It could not be cancelled: {error.message}", *self.next_steps)
            return client.last
        self._progress.close()
        say(f"The request {told.status.id} ended as {told.status.state}.")
        return told
