"""run.json: what is running, on the disk before it starts and gone once its result is in the document."""

import os
import re
import secrets

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import ConfigurationError
from sidecar.files import NotAFile, read_own, remove, write_whole
from sidecar.held_up import HeldUp
from sidecar.volume import RUN, Volume

_LIMIT = 16 * 1024 * 1024
_WORD = re.compile(r"[0-9a-f]{32}")


class NoRecord(Exception):
    """What lies at ``run.json`` can't have been written by a daemon; the text says why."""


class RunRecord(BaseModel):
    """One run of neo4j-admin: ``listing`` is what lay in the target for this database before it began.

    ``temporary`` is the run's own temporary folder, ``word`` what its processes carry in their environment.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    database: str
    target: str
    listing: tuple[str, ...]
    temporary: str
    word: str

    def write(self, volume: Volume) -> None:
        """Put the record on the disk."""
        write_whole(volume.root, RUN, self.model_dump_json().encode())

    @classmethod
    def read(cls, volume: Volume) -> "RunRecord | None":
        """Give the record that a daemon left, None where there is none. Raises NoRecord and HeldUp."""
        try:
            data = read_own(volume.root, RUN, _LIMIT, owner=volume.owner)
            record = cls.model_validate_json(data)
        except FileNotFoundError:
            return None
        except NotAFile as error:
            raise NoRecord(f"it is {error}") from error
        except ValidationError as error:
            raise NoRecord("it is no whole record") from error
        except OSError as error:
            raise HeldUp(_unreadable(f"{volume.path}/{RUN}", error)) from error
        if not _WORD.fullmatch(record.word):
            raise NoRecord("its word is none of ours")
        return record

    @staticmethod
    def remove(volume: Volume) -> None:
        """Remove the record; its end is on the disk when this returns. A folder there moves to ``refused/``."""
        try:
            remove(volume.root, RUN)
        except IsADirectoryError:
            os.rename(RUN, f"0-{secrets.token_hex(8)}", src_dir_fd=volume.root, dst_dir_fd=volume.refused)
            os.fsync(volume.root)


def _unreadable(path: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"a run was cut off, and which one can't be told: {path} can't be read ({error.strerror}). "
        "Nothing is begun before that, and no request is lost",
        hint=f"Have user {os.geteuid()} read it; or, where no neo4j-admin of a backup runs any more, remove it. "
        "The sidecar goes on by itself then.",
    )
