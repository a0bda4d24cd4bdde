"""Downloads: what asks the network, beside a config's ``endpoint``, and only on ``iapas models fetch``.

Safetensors, configs and vocabularies alone; pickled weights only where there are no others (RAM), which are read as
tensors only. TLS is always on, and what is logged never holds a token. Verified against a server that behaves like the
hub, not against the hub itself.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from iapas.errors import MissingError
from iapas.models import checksums
from iapas.models.registry import HUB, OFFICIAL, Entry, absent_files, how_to_get, require_packages

WANTED = ("*.safetensors", "*.json", "*.txt", "*.jinja")
"""The files that are fetched."""

_SECONDS = 4.0
"""How long the first answer may take."""


def fetch(entry: Entry, root: str = "", *, offline: bool = False) -> Path:
    """Download a model, check it, and return its folder.

    It goes into the cache of Hugging Face, or with ``root`` into ``<root>/<name>`` with SHA256SUMS beside its files.
    What is there already is not downloaded again. Raises MissingError, within seconds where nothing can be reached.
    """
    if offline:
        raise MissingError(f"{entry.name} cannot be fetched with --offline", "leave --offline out")
    if entry.host != HUB:
        raise MissingError(f"{entry.name} is on no hub: {entry.terms}", how_to_get(entry, root))
    require_packages()
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # ask for the files and nothing else
    from huggingface_hub import constants, snapshot_download

    if constants.HF_HUB_OFFLINE:
        raise MissingError(
            f"{entry.name} cannot be fetched: HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set", "unset it to download"
        )
    with _told(entry), _progress():
        files, official = _listing(entry), OFFICIAL.get(entry.kind, "")
        if not any(name.endswith(".safetensors") or name == official for name in files):
            raise MissingError(
                f"{entry.page} holds no safetensors at {entry.revision}", "pickled weights are never used"
            )
        where = {"local_dir": Path(root).expanduser() / entry.name} if root else {}
        folder = Path(
            snapshot_download(
                entry.repository,
                revision=entry.revision,
                allow_patterns=[*WANTED, *filter(None, [official])],
                etag_timeout=_SECONDS,
                **where,
            )
        )
    absent = absent_files(folder)
    if absent:
        raise MissingError(f"{entry.page} holds no {absent[0]} at {entry.revision}")
    if root:
        _settle(folder, files)
    else:
        checksums.verify(folder)
    return folder


def _settle(folder: Path, files: dict[str, str]) -> None:
    """Check a folder against the checksums that the hub gave, and write them down."""
    for path in checksums.counted(folder):
        wanted = files.get(path.name, "")
        if wanted and wanted != (checksums.sha256(path) if len(wanted) == 64 else checksums.git_sha1(path)):
            raise MissingError(f"{path} is not what the hub has", "delete it and fetch again")
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    checksums.write_sums(folder)


def _listing(entry: Entry) -> dict[str, str]:
    """The files of a repository with their SHA-256, or git SHA-1 for small ones; "" where it is not told.

    In a thread that is left behind when it takes too long: name servers can keep one waiting beyond any timeout.
    """
    from huggingface_hub import HfApi

    answer: list[Any] = []

    def ask() -> None:
        try:
            api = HfApi()
            answer.append(
                api.model_info(entry.repository, revision=entry.revision, timeout=_SECONDS, files_metadata=True)
            )
        except Exception as error:  # noqa: BLE001 - handed on below
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_SECONDS + 0.5)
    if not answer:
        raise TimeoutError(f"no answer within {_SECONDS:g} seconds")
    if isinstance(answer[0], Exception):
        raise answer[0]
    return {
        file.rfilename: str((file.lfs.sha256 if file.lfs else file.blob_id) or "") for file in answer[0].siblings or ()
    }


@contextmanager
def _told(entry: Entry) -> Iterator[None]:
    """Turn what huggingface_hub raises into a MissingError that says what to do."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise MissingError(
            f"{entry.name} is gated",
            f"read and accept its licence ({entry.licence}) at {entry.page}, then: hf auth login",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise MissingError(f"{entry.page} has no commit {entry.revision} any more", _COPY.format(entry)) from error
    except errors.RepositoryNotFoundError as error:
        raise MissingError(
            f"there is no repository {entry.repository}, or it is private", "if you may see it: hf auth login"
        ) from error
    except MissingError:
        raise
    except Exception as error:  # whatever it is: a download failed, not iapas
        raise MissingError(f"{entry.name} cannot be fetched: {_reason(error)}", _COPY.format(entry)) from error


_COPY = "without a network, copy what is at {0.page} into FOLDER/{0.name} and set models.root=FOLDER"


def _reason(error: BaseException) -> str:
    """What went wrong on the way, in words for the person at the keyboard, without secrets."""
    chain = []
    rest: BaseException | None = error
    while rest is not None and rest not in chain:
        chain.append(rest)
        rest = rest.__cause__ or rest.__context__
    text = " ".join(str(item) for item in chain)
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return (
            "the TLS certificate is not trusted, as behind a proxy that opens TLS: set SSL_CERT_FILE to the "
            "certificates of your network (TLS is never switched off)"
        )
    if any(type(item).__name__ == "ProxyError" for item in chain):
        return f"the proxy refused: {_clean(chain[-1])}; see HTTPS_PROXY"
    status = next((getattr(getattr(item, "response", None), "status_code", None) for item in chain), None)
    if status is not None:
        later = ": try again later" if status == 429 or status >= 500 else ""
        return f"{os.environ.get('HF_ENDPOINT', 'the hub')} answered {status}{later}"
    full = next((item for item in chain if isinstance(item, OSError) and item.errno in (28, 122, 13, 30)), None)
    if full is not None:
        return f"the files cannot be written: {_clean(full)}"
    proxy = next((name for name in _PROXIES if name in os.environ or name.lower() in os.environ), "")
    ask = f"is the proxy of {proxy} right?" if proxy else "is there a network?"
    return f"the hub cannot be reached: {_clean(chain[-1])}; {ask}"


_PROXIES = ("HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY")


def _clean(error: BaseException) -> str:
    """The first line of an error, without tokens and passwords."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"hf_\w+", "hf_***", re.sub(r"//[^/@\s]+@", "//***@", line))


@contextmanager
def _progress() -> Iterator[None]:
    """Progress bars where a person looks at them, and no other words of huggingface_hub."""
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "httpx", "httpx2")]  # these log signed addresses
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if not sys.stderr.isatty():
            enable_progress_bars()
