"""The folders of a run, checked before anything is copied: where the artifact goes, and where it is worked."""

from __future__ import annotations

import os

from .parse import Refused
from .stages import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .knobs import Knobs
    from .parse import Request
    from .versions import Version

_CLOUD: dict[str, Version] = {"s3": (5, 19, 0), "gs": (5, 21, 0), "azb": (5, 24, 0)}
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ACCOUNT")


def require(request: Request, knobs: Knobs) -> None:
    """Raises ``Refused`` where no target is named."""
    if "--to-path" not in request.values:
        message = "Missing required option: '--to-path=<path>'"
        raise Refused(message, usage=knobs.missing_to_path_exit == 64, exit_code=knobs.missing_to_path_exit)


def resolve(request: Request, knobs: Knobs, version: Version, environ: Mapping[str, str]) -> str:
    """The folder that --to-path means; raises ``Failed`` where nothing can be written there."""
    path = request.value("--to-path")
    scheme, separator, rest = path.partition("://")
    if separator and _CLOUD.get(scheme, version) <= version and scheme in _CLOUD:
        if not path.endswith("/"):
            raise Failed(f"{path} is not a directory - please add a terminal '/' to your path")
        if not knobs.cloud_root or not any(environ.get(name) for name in _CREDENTIALS):
            raise Failed(f"FAKE: no credentials, or no cloud_root, for {path}")
        folder = f"{knobs.cloud_root}/{scheme}/{rest}"
        os.makedirs(folder, exist_ok=True)
        return folder.rstrip("/")
    if not os.path.isdir(path):
        raise Failed(f"FAKE: {path} is not an existing directory")
    if not os.access(path, os.W_OK | os.X_OK):
        raise Failed(f"FAKE: java.nio.file.AccessDeniedException: {path}")
    return path


def working(request: Request) -> str:
    """A fresh folder for working files; raises ``Failed`` or ``OSError`` where there can't be one."""
    path = request.value("--temp-path")
    if path and not os.path.isdir(path):
        raise Failed("Storage staging path does not exist", sure=False)
    if path and os.listdir(path):
        raise Failed(f"FAKE: {path} is not empty")
    folder = f"{path or os.getcwd()}/standin-{os.getpid()}"
    os.mkdir(folder, 0o700)
    return folder


def clear(folder: str) -> None:
    """Remove a working folder and all in it."""
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(f"{parent}/{name}")
        for name in folders:
            os.rmdir(f"{parent}/{name}")
    os.rmdir(folder)
