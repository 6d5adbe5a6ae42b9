"""Small file systems for one test: full, read-only or gone at will; the tier ``mounts`` is the right to have them."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.tiers import require


@contextmanager
def a_disk(folder: Path, *, size: str = "16m") -> Iterator[Path]:
    """Mount a tmpfs of ``size`` on ``folder``, made where it is missing."""
    folder.mkdir(exist_ok=True)
    mounted = os.geteuid() == 0 and _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "none", str(folder))
    require("mounts", mounted, "no file system may be mounted here")
    try:
        yield folder
    finally:
        assert _run("umount", "--lazy", str(folder))


@contextmanager
def a_disk_that_may_hang(folder: Path, image: Path) -> Iterator[Path]:
    """Mount a file system on ``folder`` that ``hanging`` can stop."""
    with image.open("wb") as file:
        file.truncate(32 << 20)
    made = os.geteuid() == 0 and _run("mkfs.ext4", "-q", str(image)) and _run("mount", "-o", "loop", image, folder)
    require("mounts", made, "no file system may be mounted from a file here (mkfs.ext4, a loop device)")
    try:
        yield folder
    finally:
        assert _run("umount", "--lazy", folder)


@contextmanager
def hanging(folder: Path) -> Iterator[None]:
    """Have whoever writes to the disk wait until this ends."""
    require("mounts", _run("fsfreeze", "--freeze", folder), "no file system may be frozen here (fsfreeze)")
    try:
        yield
    finally:
        assert _run("fsfreeze", "--unfreeze", folder)


@contextmanager
def a_disk_that_may_break(folder: Path, image: Path) -> Iterator[Path]:
    """Mount a file system on ``folder`` that ``break_disk`` can make read-only, as the kernel does at an I/O error."""
    with image.open("wb") as file:
        file.truncate(32 << 20)
    mount = ("mount", "-o", "loop,errors=remount-ro", image, folder)
    made = os.geteuid() == 0 and _run("mkfs.ext4", "-q", str(image)) and _run(*mount)
    require("mounts", made, "no file system may be mounted from a file here (mkfs.ext4, a loop device)")
    try:
        yield folder
    finally:
        assert _run("umount", "--lazy", folder)


def break_disk(folder: Path) -> None:
    """Have the kernel meet an error on a disk that may break: from then on nothing can be written to it."""
    device = os.stat(folder).st_dev
    name = os.readlink(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").rpartition("/")[2]
    Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("the test's own")
    assert not _takes_a_file(folder), "the disk has become read-only"


@contextmanager
def a_dead_volume(folder: Path) -> Iterator[Path]:
    """Mount a file system on ``folder`` whose server never answers: whoever even looks below it waits until the end."""
    folder.mkdir(exist_ok=True)
    try:
        server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        require("mounts", False, f"/dev/fuse can't be opened: {error.strerror}")
        raise
    try:
        options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
        mounted = ctypes.CDLL(None).mount(b"none", bytes(folder), b"fuse", 0, options.encode()) == 0
        require("mounts", mounted, "no file system may be mounted here")
        try:
            yield folder
        finally:
            assert _run("umount", "--lazy", folder)
    finally:
        # With its server gone, those who wait are told an error.
        os.close(server)


def remount(folder: Path, how: str) -> None:
    """Change a disk of ours: ``ro`` or ``rw``."""
    assert _run("mount", "-o", f"remount,{how}", str(folder)), f"the disk can't be made {how}"


def fill(folder: Path, *, leave: int = 0) -> Path:
    """Fill the disk up to ``leave`` bytes and give the file that takes the room."""
    filler = folder / "filler"
    with filler.open("ab") as file:
        # A run that writes meanwhile takes some of the room that was seen.
        while (room := _free(folder) - leave) > 0:
            with suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, file.tell() + room)
                break
    return filler


def _takes_a_file(folder: Path) -> bool:
    try:
        (folder / "any").touch()
    except OSError:
        return False
    return True


def _free(folder: Path) -> int:
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize


def _run(*command: str | Path) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
