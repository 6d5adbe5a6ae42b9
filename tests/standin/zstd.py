"""Loads zstandard as cheaply as it can be had: its C part alone, without the 25 ms that its package spends."""

from __future__ import annotations

import importlib
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from zstandard import ZstdCompressionObj, ZstdDecompressionObj

BLOCK = 1
"""COMPRESSOBJ_FLUSH_BLOCK: what was compressed so far is written out as a block, and the frame goes on."""

_loaded: dict[str, ModuleType] = {}


def compressor() -> ZstdCompressionObj:
    """One frame with a content checksum; its window is small, so that the worker stays under 15 MiB."""
    made: ZstdCompressionObj = _library().ZstdCompressor(level=1, write_checksum=True).compressobj()
    return made


def decompressor() -> ZstdDecompressionObj:
    made: ZstdDecompressionObj = _library().ZstdDecompressor().decompressobj()
    return made


def error() -> type[Exception]:
    """What the library raises for a broken frame."""
    raised: type[Exception] = _library().ZstdError
    return raised


def _library() -> ModuleType:
    if "zstd" not in _loaded:
        _loaded["zstd"] = sys.modules.get("zstandard") or _c_part() or _whole()
    return _loaded["zstd"]


def _c_part() -> ModuleType | None:
    """The extension under its own name, below an empty package: zstandard/__init__.py imports platform and typing."""
    folder = next((f"{path}/zstandard" for path in [*sys.path, *_recorded()] if os.path.isdir(f"{path}/zstandard")), "")
    if not folder:
        return None
    package = type(sys)("zstandard")
    package.__path__ = [folder]
    sys.modules["zstandard"] = package
    try:
        return importlib.import_module("zstandard.backend_c")
    except ImportError:
        return None
    finally:
        del sys.modules["zstandard"]


def _whole() -> ModuleType:
    try:
        return importlib.import_module("zstandard")
    except ImportError:
        import site

        # We run without site-packages (-S), and these are where they are.
        site.main()
        return importlib.import_module("zstandard")


def _recorded() -> list[str]:
    """Where the installing python had zstandard; a hint, since the home may run in another place."""
    try:
        with open(f"{os.path.dirname(__file__)}/PACKAGES", encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []
