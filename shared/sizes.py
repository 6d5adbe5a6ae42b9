"""Sizes in bytes, as people read them."""

_KIB = 1024


def format_size(size: int) -> str:
    """Give ``size`` bytes for a person: ``813 bytes``, ``1.5 GiB``."""
    if size < _KIB:
        return f"{size} bytes"
    shown, units = size / _KIB, ["PiB", "TiB", "GiB", "MiB", "KiB"]
    # 1023.95 KiB would be shown as 1024.0 KiB.
    while shown >= 1023.95 and len(units) > 1:
        shown /= _KIB
        units.pop()
    return f"{shown:.1f} {units[-1]}"
