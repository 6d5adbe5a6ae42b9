"""What on the request volume holds everything up as long as it can't be read."""

from shared.errors import BackupError


class HeldUp(Exception):
    """Something can't be read now, and nothing may begin before it can; ``error`` is for whoever asks."""

    def __init__(self, error: BackupError) -> None:
        super().__init__(error.message)
        self.error = error
