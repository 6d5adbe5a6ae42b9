"""run.json: what is running, on the disk before it starts and gone once its result is in the document."""

from pydantic import BaseModel, ConfigDict, ValidationError

from sidecar.files import NotAFile, read_bounded, remove, write_whole
from sidecar.volume import RUN, Volume

_LIMIT = 16 * 1024 * 1024


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
        """Give the record that a daemon left; None where there is none or it can't be read."""
        try:
            data, _ = read_bounded(volume.root, RUN, _LIMIT)
            return cls.model_validate_json(data)
        except (FileNotFoundError, NotAFile, ValidationError):
            return None

    @staticmethod
    def remove(volume: Volume) -> None:
        """Remove the record; its end is on the disk when this returns."""
        remove(volume.root, RUN)
