"""What decoders do beside decoding (raise anything, warn, print), turned into the errors of this package."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from iapas.errors import ImageError, ImageMultiframe, ImageTooLarge, ImageTruncated, ImageUnreadable, OutOfMemory

# It logs what it stumbles over in a file, and then raises or not; the row of the image says it once.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class _Quiet:
    """Silences the warnings of the decoders while at least one thread decodes.

    ``warnings.catch_warnings`` is not safe with threads: whoever leaves last must restore what the
    first one found.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"(PIL|tifffile|iapas\.files)\b")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)


_quiet = _Quiet()


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Around every call of a decoder: whatever it raises becomes an ImageError, and it stays silent."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        with _quiet:
            yield
    except ImageError:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"not enough memory to decode this {what}") from error
    except Exception as error:  # on a damaged file a decoder may raise anything
        text = " ".join(str(error).split())[:200] or type(error).__name__
        if type(error).__name__ == "DecompressionBombError":
            raise ImageTooLarge(f"the decoder refuses a {what} of this size", "save it uncompressed") from error
        if "truncated" in text.lower() or "not enough image data" in text:
            raise ImageTruncated(f"the {what} ends too early: {text}") from error
        raise ImageUnreadable(f"the {what} is damaged, or of a kind that is not supported: {text}") from error
    finally:
        cv2.utils.logging.setLogLevel(level)


def chosen_frames(count: int, frame: int | str, what: str) -> range:
    """The indices that ``reading.frame`` takes of ``count`` frames, a number to doubt. Raises ImageMultiframe."""
    if frame == "all":
        return range(count)
    if frame == "error":
        if count > 1:
            raise ImageMultiframe(f"the {what} holds {count} frames")
        return range(1)
    index = int(frame)
    if not 0 <= index < count:
        raise ImageMultiframe(f"reading.frame = {index}, but the {what} holds frames 0..{count - 1}", "")
    return range(index, index + 1)
