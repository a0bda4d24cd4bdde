"""Arrays that do not fit into memory, in a temporary file that nobody sees and that is gone when its process is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.errors import OutputError
from iapas.files.atomic import guarded


class Scratch:
    """A temporary file in ``folder`` (default: the system's), made by the first array; to be closed."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = Path(folder if folder is not None else tempfile.gettempdir())
        self._file: Any = None

    def append(self, array: npt.NDArray[Any]) -> int:
        """Write a flat array; where it begins, in bytes. Raises OutputError with the way out, for a full disk too."""
        with guarded(self._folder):
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 (closed by close)
            begin = int(self._file.seek(0, 2))
            view = memoryview(np.ascontiguousarray(array).view(np.uint8).data)
            while view:
                view = view[self._file.write(view) :]
        return begin

    def read(self, begin: int, dtype: np.dtype[Any], size: int) -> npt.NDArray[Any]:
        """``size`` elements of what was written, from the byte ``begin``."""
        array = np.empty(size, dtype)
        view = memoryview(array.view(np.uint8).data)
        with guarded(self._folder):
            self._file.seek(begin)
            while view:
                got = self._file.readinto(view)
                if not got:
                    raise OutputError(f"a temporary file in {self._folder} is shorter than what was written to it")
                view = view[got:]
        return array

    def close(self) -> None:
        """Give the disk back."""
        if self._file is not None:
            self._file.close()
            self._file = None
