"""Names that any disk, log and JSON file can hold."""

from __future__ import annotations

import os


def escaped(name: str) -> str:
    """The name with bytes that are not UTF-8 as %XX; all else, Unicode included, verbatim.

    ``name`` is as Python has it from the system: bytes that the locale cannot decode are lone surrogates
    (in the C locale that may be all that is not ASCII).
    """
    if name.isascii():
        return name
    text = os.fsencode(name).decode("utf-8", "surrogateescape")
    return "".join(f"%{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in text)


def shown(path: str | os.PathLike[str]) -> str:
    """The path for a message: on one line, with no control characters, and always encodable."""
    text = escaped(os.fsdecode(path))
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
