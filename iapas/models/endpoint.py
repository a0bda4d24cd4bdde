"""A language model at an OpenAI-compatible server (vLLM, llama.cpp, Ollama, a paid service): one request, one reply.

The one place besides ``hub`` that asks the network; never with ``--offline``. Needs no package beside Python's own.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from iapas.errors import ConfigError, MissingError
from iapas.settings import GeneratorSettings

log = logging.getLogger("iapas")

KEYS = ("IAPAS_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the key; the first that is set counts."""

MAX_BYTES = 4_000_000
"""Of an answer; a list of phrases is a few hundred."""

WAIT = 1.0  # seconds before the second try of a request; doubled for each further one

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_CHECK = "see that the server runs and that generator.url and generator.served_model are its own"


class EndpointChat:
    """Protocol Chat by ``POST {generator.url}/v1/chat/completions``.

    Makes no request before it is asked. The key travels to the host of the url alone (redirects are not followed),
    and only encrypted, unless that host is this machine. Raises ConfigError for settings that cannot be right.
    """

    def __init__(self, settings: GeneratorSettings, offline: bool = False) -> None:
        if offline:
            raise ConfigError("describe.generator is endpoint, which --offline forbids", "use the generator lexicon")
        if not settings.served_model:
            raise ConfigError("generator.served_model is empty: the name of the model at the endpoint")
        self.name = settings.served_model
        self._settings = settings
        self._url = _address(settings.url)
        self._key = next((os.environ[name] for name in KEYS if os.environ.get(name)), "")
        parts = urlsplit(self._url)
        if self._key and parts.scheme == "http" and parts.hostname not in _HERE:
            raise ConfigError(
                f"generator.url {settings.url!r}: the key would travel unencrypted", "use https, or unset the key"
            )
        if self._key and not (self._key.isascii() and self._key.isprintable()):
            raise ConfigError("the key in the environment holds characters that no key has")
        self._opener = build_opener(_NoRedirects, HTTPSHandler(context=ssl.create_default_context()))

    def reply(self, system: str, user: str, seed: int) -> str:
        """The text of the reply; whether the same ``seed`` gives the same one is the server's to keep.

        A busy or broken server is asked again, ``generator.retries`` times; MissingError when there is no answer.
        """
        settings = self._settings
        question = {
            "model": settings.served_model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_tokens": settings.max_new_tokens,
            "seed": seed,
            "stream": False,
        }
        body = json.dumps(question).encode()
        for number in range(settings.retries + 1):
            try:
                return _content(self._post(body))
            except _Again as error:
                problem = str(error)
            if number < settings.retries:
                log.info("The endpoint did not answer (%s): once more.", problem)
                time.sleep(WAIT * 2**number)
        raise MissingError(f"the endpoint {self._host} did not answer: {problem}", _CHECK)

    def close(self) -> None:
        """Nothing to give back."""

    @property
    def _host(self) -> str:
        return urlsplit(self._url).netloc

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "iapas"}
        request = Request(self._url, body, headers, method="POST")  # noqa: S310 - http or https, see _address
        if self._key:
            request.add_unredirected_header("Authorization", f"Bearer {self._key}")
        try:
            with self._opener.open(request, timeout=self._settings.timeout) as response:
                return _read(response, time.monotonic() + self._settings.timeout)
        except HTTPError as error:
            raise self._refused(error) from None
        except URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise _Again(f"no answer in {self._settings.timeout:g} s") from None
            raise MissingError(f"the endpoint {self._host} cannot be reached: {error.reason}", _CHECK) from None
        except TimeoutError:
            raise _Again(f"no answer in {self._settings.timeout:g} s") from None
        except (OSError, ValueError) as error:
            raise _Again(f"the connection broke: {error}") from None

    def _refused(self, error: HTTPError) -> Exception:
        """What a status over 299 means. The server's own words are shown, without the key if it repeats it."""
        with error:
            said = error.read(400).decode("utf-8", "replace")
        if self._key:
            said = said.replace(self._key, "(key)")
        said = " ".join(said.split())[:200]
        if 300 <= error.code < 400:
            there = urlsplit(error.headers.get("Location", "")).netloc or "elsewhere"
            return MissingError(f"the endpoint {self._host} redirects to {there}", "set generator.url to that address")
        if error.code in _LATER:
            return _Again(f"status {error.code} {said}".strip())
        hint = f"set {KEYS[0]} to a key of this server" if error.code in (401, 403) else _CHECK
        return MissingError(f"the endpoint {self._host} refuses, status {error.code}: {said}", hint)


class _Again(Exception):
    """The request may succeed when it is made again."""


class _NoRedirects(HTTPRedirectHandler):
    """Redirects are errors: a question is not sent where nobody asked for it."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _address(url: str) -> str:
    """The full address of the chat interface of a server's url. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        right = False
    if not right or not url.isprintable() or " " in url:
        raise ConfigError(f"generator.url {url!r} is not the address of a server", "for example http://localhost:8000")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError("generator.url must hold neither a password nor a query", f"a key belongs into {KEYS[0]}")
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path += "/chat/completions" if path.endswith("/v1") else "/v1/chat/completions"
    return parts._replace(path=path).geturl()


def _read(response: Any, deadline: float) -> bytes:
    """The body of an answer: not endless in length, nor in time."""
    data = b""
    while part := response.read1(65_536):
        data += part
        if len(data) > MAX_BYTES:
            raise _Again(f"an answer of over {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError
    return data


def _content(data: bytes) -> str:
    """The text in the answer's JSON."""
    try:
        content = json.loads(data)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise _Again(f"what came is no chat completion: {data[:80]!r}") from None
    return content if isinstance(content, str) else ""
