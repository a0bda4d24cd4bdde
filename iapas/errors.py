"""Every error that iapas raises on purpose.

IapasError
+-- RunError                stops the run
|   +-- UsageError          exit 2  wrong arguments, or nothing to do
|   +-- ConfigError         exit 2  a config, profile, lexicon or template is not as it must be
|   +-- MissingError        exit 4  a model, data set or device is not there
|   +-- Interrupted         exit 130 or 143  a signal came before there was a result
|   +-- OutputError         exit 5  the output folder cannot be used
+-- ImageError              fails one image; the others go on (exit 3 at the end)
    +-- ImageTruncated      image-truncated       the file ends too early
    +-- ImageUnreadable     image-unreadable      not an image, or a broken one
    +-- ImageFormatRefused  image-format-refused  a format that is not on the allow-list
    +-- ImageMultiframe     image-multiframe      several frames or pages, none chosen
    +-- ImageNonfinite      image-nonfinite       NaN or infinite pixels
    +-- ImageTooSmall       image-too-small       below the least side, or too long and thin
    +-- ImageTooLarge       image-too-large       above the limit on pixels or bytes
    +-- ExemplarAsked       exemplar-asked        the image is one of the examples of the defect
    +-- RoiMismatch         roi-mismatch          the region of interest does not fit the image
    +-- ReadDenied          io-denied             no permission, or not a regular file
    +-- ReadVanished        io-vanished           gone, or changed while it was read
    +-- TimedOut            timeout               longer than the time limit
    +-- WorkerCrash         worker-crash          its worker process died twice
    +-- OutOfMemory         oom                   not enough memory for this image
    +-- ModelNonfinite      model-nonfinite       a model gave NaN or infinite values
    +-- InternalError       internal              a fault of iapas itself
"""

from __future__ import annotations


class IapasError(Exception):
    """Base of the tree.

    ``code`` names the error in the manifest and in ``--json``; ``exit_status`` is the exit code
    of a run that it ends (or leaves incomplete); ``hint`` says what to do about it.
    """

    code = "error"
    exit_status = 1
    hint = ""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} ({self.hint})" if self.hint else message


class RunError(IapasError):
    """Stops the run."""

    code = "run-failed"


class UsageError(RunError):
    """Wrong arguments, or nothing to do."""

    code = "usage"
    exit_status = 2


class ConfigError(RunError):
    """A config, profile, lexicon or template is not as it must be."""

    code = "config"
    exit_status = 2


class MissingError(RunError):
    """A model, data set or requested device is not there."""

    code = "missing"
    exit_status = 4


class Interrupted(RunError):
    """A signal came before there was a result; nothing was changed."""

    code = "interrupted"
    exit_status = 130


class OutputError(RunError):
    """The output folder is read-only, full, locked, or made with another config."""

    code = "output"
    exit_status = 5


class ImageError(IapasError):
    """Fails one image; the others go on."""

    code = "image-error"
    exit_status = 3


class ImageTruncated(ImageError):
    """The file ends before the picture does."""

    code = "image-truncated"
    hint = "copy or download the file again"


class ImageUnreadable(ImageError):
    """Not an image, or one that the decoder cannot read."""

    code = "image-unreadable"


class ImageFormatRefused(ImageError):
    """A format that is not on the allow-list."""

    code = "image-format-refused"
    hint = "convert it to PNG, JPEG, BMP, TIFF or WebP"


class ImageMultiframe(ImageError):
    """Several frames or pages, and none was chosen."""

    code = "image-multiframe"
    hint = "--set reading.frame=0 takes the first, --set reading.frame=all takes them together"


class ImageNonfinite(ImageError):
    """NaN or infinite pixels."""

    code = "image-nonfinite"
    hint = "replace these values before: what belongs there is not known here"


class ImageTooSmall(ImageError):
    """Below the least side, or too long and thin."""

    code = "image-too-small"


class ImageTooLarge(ImageError):
    """Above the limit on pixels or on bytes."""

    code = "image-too-large"
    hint = "raise reading.max_pixels or reading.max_bytes with --set if the file is trusted"


class ExemplarAsked(ImageError):
    """The image is one of the examples of the defect: its result would only repeat its mask."""

    code = "exemplar-asked"
    hint = "leave it out of the input, or out of exemplars.support"


class RoiMismatch(ImageError):
    """The region of interest does not fit the image."""

    code = "roi-mismatch"


class ReadDenied(ImageError):
    """No permission, or not a regular file."""

    code = "io-denied"


class ReadVanished(ImageError):
    """Gone, or changed while it was read."""

    code = "io-vanished"


class TimedOut(ImageError):
    """Took longer than the time limit for one image."""

    code = "timeout"
    hint = "raise run.time_limit with --set if the image is worth it"


class WorkerCrash(ImageError):
    """The worker process died twice on this image."""

    code = "worker-crash"


class OutOfMemory(ImageError):
    """Not enough memory for this image."""

    code = "oom"
    hint = "use fewer workers, or a smaller tile.size"


class ModelNonfinite(ImageError):
    """A model gave NaN or infinite values."""

    code = "model-nonfinite"


class InternalError(ImageError):
    """A fault of iapas itself."""

    code = "internal"
    hint = "please report it with the image, if you can share it"
