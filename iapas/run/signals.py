"""Ctrl-C and SIGTERM: the first asks the run to end in good order, the second ends it at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from iapas.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Notes the signals that come inside its ``with``, in ``number``. Outside the main thread it notes none."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.number is not None

    def raise_noted(self) -> None:
        """Raise Interrupted if a signal came."""
        if self.number is not None:
            error = Interrupted("interrupted: nothing was written")
            error.exit_status = 128 + self.number
            raise error

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.number is not None:
            if sys.stderr.isatty():
                os.write(2, b"\x1b[?25h\n")  # the progress bar has hidden the cursor
            os._exit(128 + number)  # workers die with us, and all that is under its final name is complete
        self.number = number
        os.write(2, b"\nstopping: what is in hand is finished (again: leave at once)\n")
