"""The mailbox: taking ``backup.request`` from writers of every kind, without ever reading half a request."""

import contextlib
import dataclasses
import logging
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass

from shared.wire import REQUEST_LIMIT, WireError, decode
from sidecar.clock import Clock
from sidecar.files import NotAFile, kind_of, read_bounded, write_whole
from sidecar.volume import MAILBOX, Volume

STILL_SECONDS = 2.0
"""How long a file that is no whole request has to have been still before it is refused."""
KEEP_REFUSED_FILES = 20
TAKEN = "taken-"
_IS_TAKEN = re.compile(f"{TAKEN}[0-9a-f]{{16}}")
_AT_ONCE = 20
_REMOVE_SECONDS = 1.0
log = logging.getLogger("sidecar.mailbox")


@dataclass(frozen=True, slots=True)
class Letter:
    """What was in the mailbox: the object that was written, or why it is no request.

    ``taken`` is the file that it lies in now, beside the mailbox.
    """

    taken: str
    content: dict[str, object] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    inode: int
    size: int
    mtime_ns: int


class Mailbox:
    """Looks at the mailbox when told to; a hint too many costs a stat.

    ``look`` takes what lies there and hands each letter to ``deliver``, which publishes a document that
    carries the taken file's name. Only then is the file removed, or kept in ``refused/``.
    """

    def __init__(self, volume: Volume, clock: Clock, deliver: Callable[[Letter], bool]) -> None:
        self._volume = volume
        self._clock = clock
        self._deliver = deliver
        self._seen: _Seen | None = None
        self._seen_since = 0.0
        self._stuck: _Seen | None = None
        self._refusing: _Seen | None = None
        self._refused_as = ""
        self._unfinished: list[str] = []
        self._removing: threading.Thread | None = None

    def recover(self, is_carried: Callable[[str], bool]) -> None:
        """Finish the taken files that a crash left: those that no document carries are delivered."""
        for name in sorted(entry for entry in os.listdir(self._volume.root) if _IS_TAKEN.fullmatch(entry)):
            if is_carried(name):
                self._discard(name)
            else:
                self._unfinished.append(name)

    def look(self) -> float | None:
        """Take what is complete; give the seconds after which to look again where something is not."""
        # What was taken and turned out to be half-written comes first: its writer is still at it.
        wait = self._finish_taken()
        return self._take() if wait is None else wait

    def _finish_taken(self) -> float | None:
        for _ in range(_AT_ONCE):
            if not self._unfinished:
                return None
            wait = self._finish(self._unfinished[0])
            if wait is not None:
                return wait
            del self._unfinished[0]
        # Somebody has put many there: others get their turn in between.
        return 0.0 if self._unfinished else None

    def _take(self) -> float | None:
        letter, wait = self._read(MAILBOX)
        if wait is not None or letter is None:
            return wait
        taken = TAKEN + secrets.token_hex(8)
        try:
            os.rename(MAILBOX, taken, src_dir_fd=self._volume.root, dst_dir_fd=self._volume.root)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            return self._tell_stuck(letter, error)
        self._unfinished.append(taken)
        return self._finish_taken()

    def _finish(self, taken: str) -> float | None:
        """Read a taken file again, since a writer may have replaced what the first reading saw."""
        letter, wait = self._read(taken)
        if wait is not None:
            return wait
        if letter is not None:
            self._seen = None
            # On the disk before the document that carries the name: else a power cut could bring the mailbox back.
            os.fsync(self._volume.root)
            if not self._deliver(letter):
                return STILL_SECONDS
            if letter.content is None:
                self._refuse(taken)
            else:
                self._discard(taken)
        return None

    def _read(self, name: str) -> tuple[Letter | None, float | None]:
        """Give the letter that lies at ``name`` once it is whole or has been still; else the seconds to wait."""
        try:
            data, found = read_bounded(self._volume.root, name, REQUEST_LIMIT)
        except FileNotFoundError:
            self._seen = None
            return None, None
        except NotAFile as error:
            return Letter(name, problem=f"backup.request is {error}, where a file is wanted"), None
        except PermissionError:
            return Letter(name, problem="backup.request may not be read by the sidecar"), None
        if len(data) > REQUEST_LIMIT:
            return Letter(name, problem=f"backup.request is longer than {REQUEST_LIMIT} bytes"), None
        try:
            return Letter(name, content=dict(decode(data))), None
        except WireError as error:
            left = self._still_for(found)
            if left > 0:
                return None, left
            problem = "backup.request is empty" if not data.strip() else f"backup.request: {error}"
            return Letter(name, problem=problem), None

    def _still_for(self, found: os.stat_result) -> float:
        """Give how long the file still has to be still; renaming it, as taking does, is no change."""
        now = self._clock.moment().seconds
        seen = _Seen(found.st_ino, found.st_size, found.st_mtime_ns)
        if seen != self._seen:
            self._seen, self._seen_since = seen, now
        return self._seen_since + STILL_SECONDS - now

    def _discard(self, taken: str) -> None:
        try:
            os.unlink(taken, dir_fd=self._volume.root)
        except FileNotFoundError:
            return
        except IsADirectoryError:
            self._refuse(taken)
        except OSError as error:
            # The document carries its name, so that it is never taken again.
            log.warning("a taken request can't be removed", extra={"file": taken, "error": str(error)})

    def _tell_stuck(self, letter: Letter, error: OSError) -> float | None:
        """Refuse, once, a mailbox file that may not be taken away: in a sticky folder it is its writer's alone."""
        try:
            found = os.stat(MAILBOX, dir_fd=self._volume.root, follow_symlinks=False)
        except FileNotFoundError:
            return None
        seen = _Seen(found.st_ino, found.st_size, found.st_mtime_ns)
        if seen == self._stuck:
            return None
        problem = f"backup.request can't be taken away by the sidecar ({error.strerror}), so it is not run"
        if seen != self._refusing:
            # Until it is told the same name, or each try would have a document of its own.
            self._refusing, self._refused_as = seen, TAKEN + secrets.token_hex(8)
        refused = dataclasses.replace(letter, taken=self._refused_as, content=None, problem=problem)
        if not self._deliver(refused):
            return STILL_SECONDS
        self._stuck = seen
        return None

    def _refuse(self, taken: str) -> None:
        """Keep what was no request for a person to look at, the newest few, each bounded."""
        try:
            # The number sorts: the wall clock may have been set back.
            number = max((_number(name) for name in os.listdir(self._volume.refused)), default=0) + 1
            name = f"{number:08d}-{taken.removeprefix(TAKEN)}"
            try:
                data, _ = read_bounded(self._volume.root, taken, REQUEST_LIMIT)
            except NotAFile:
                os.rename(taken, name, src_dir_fd=self._volume.root, dst_dir_fd=self._volume.refused)
            else:
                # A copy: who wrote it may hold it open, or have it under another name, and make it longer.
                write_whole(self._volume.refused, name, data[:REQUEST_LIMIT])
                os.unlink(taken, dir_fd=self._volume.root)
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("what was refused could not be kept", extra={"file": taken, "error": str(error)})
            self._get_rid_of(taken)
            return
        self._sweep_refused()

    def _get_rid_of(self, taken: str) -> None:
        """Have what can't be kept taken no more; a folder of another user's can neither be moved nor emptied by us."""
        with contextlib.suppress(OSError):
            os.unlink(taken, dir_fd=self._volume.root)
        with contextlib.suppress(OSError):
            os.rmdir(taken, dir_fd=self._volume.root)
        with contextlib.suppress(OSError):
            left = taken.replace(TAKEN, "stays-")
            os.rename(taken, left, src_dir_fd=self._volume.root, dst_dir_fd=self._volume.root)

    def _sweep_refused(self) -> None:
        names = sorted(os.listdir(self._volume.refused), key=_number)
        for name in names[:-KEEP_REFUSED_FILES]:
            with contextlib.suppress(OSError):
                if kind_of(os.stat(name, dir_fd=self._volume.refused, follow_symlinks=False).st_mode) == "a folder":
                    self._remove_folder(name)
                else:
                    os.unlink(name, dir_fd=self._volume.refused)

    def _remove_folder(self, name: str) -> None:
        """Remove a folder of ``refused/``, waited for a moment: it may hold millions of files, and the loop waits."""
        if self._removing is not None and self._removing.is_alive():
            return
        # Its own: the volume may be closed meanwhile, and the number be another folder's.
        within = os.dup(self._volume.refused)

        def work() -> None:
            try:
                # It may be nested deeper than Python goes down: then it stays.
                with contextlib.suppress(OSError, RecursionError):
                    shutil.rmtree(name, dir_fd=within)
            finally:
                os.close(within)

        self._removing = threading.Thread(target=work, name="disk", daemon=True)
        self._removing.start()
        self._removing.join(_REMOVE_SECONDS)


def _number(name: str) -> int:
    digits = name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
