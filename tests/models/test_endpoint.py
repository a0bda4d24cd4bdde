"""The client of an OpenAI-compatible server, against servers on this machine."""

import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from iapas.errors import ConfigError, MissingError
from iapas.models import endpoint
from iapas.models.endpoint import EndpointChat
from iapas.prompting.asking import ChatPrompts
from iapas.prompting.lexicons import LexiconPrompts, load_lexicon
from iapas.prompting.templates import load_template
from iapas.protocols import PromptContext
from iapas.settings import GeneratorSettings

KEY = "sk-a-secret-of-tests"


def completion(text):
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


class Server:
    """Answers with (status, body) or (status, body, headers), one after the other, the last again and again."""

    def __init__(self, *answers):
        self.answers, self.asked, self.release = list(answers), [], threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append((self.path, dict(self.headers), json.loads(body)))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if callable(answer):
                    answer(self)
                    return
                self.send_response(answer[0])
                for name, value in (answer[2] if len(answer) > 2 else {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # clients that leave early
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def serve():
    servers = []

    def start(*answers):
        servers.append(Server(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(endpoint, "WAIT", 0.0)
    for name in (*endpoint.KEYS, "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def settings(server, **given):
    url = server if isinstance(server, str) else server.url
    return GeneratorSettings(**{"url": url, "served_model": "llama", "timeout": 5.0, "retries": 1} | given)


def test_a_good_reply_and_what_is_asked(serve):
    server = serve(completion("scratch, dent"))
    given = settings(server, temperature=0.3, max_new_tokens=99)
    prompts = ChatPrompts(EndpointChat(given), load_template("paper"), given, LexiconPrompts(load_lexicon("none")), 7)
    answer = prompts.phrases(PromptContext("nut"), [])
    assert [phrase.text for phrase in answer.phrases] == ["scratch", "dent"]
    assert answer.found["phrases"] == "by llama, template paper, 1st try"
    ((path, headers, question),) = server.asked
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert [message["role"] for message in question["messages"]] == ["system", "user"]
    assert "abnormal parts of nut" in question["messages"][1]["content"]
    assert {key: question[key] for key in ("model", "temperature", "max_tokens", "seed", "stream")} == {
        "model": "llama",
        "temperature": 0.3,
        "max_tokens": 99,
        "seed": 7,
        "stream": False,
    }


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_address_may_be_given_in_part(serve, path):
    server = serve(completion("dent"))
    assert EndpointChat(settings(server.url + path)).reply("a", "b", 1) == "dent"
    assert server.asked[0][0] == "/v1/chat/completions"


def test_fault_39_the_key_comes_from_the_environment_and_is_not_told(serve, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", "other")
    monkeypatch.setenv("IAPAS_API_KEY", KEY)
    server = serve((500, f"you sent {KEY}".encode()), (401, f"not {KEY}".encode()))
    chat = EndpointChat(settings(server))
    with caplog.at_level(logging.DEBUG), pytest.raises(MissingError, match="401") as told:
        chat.reply("a", "b", 1)
    assert server.asked[0][1]["Authorization"] == f"Bearer {KEY}"
    assert "IAPAS_API_KEY" in told.value.hint
    assert KEY not in caplog.text + str(told.value) + repr(chat) + str(told.value.__cause__)


def test_a_busy_server_is_asked_again(serve):
    server = serve((503, b"loading"), completion("dent"))
    assert EndpointChat(settings(server)).reply("a", "b", 1) == "dent"
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "answer", [(500, b"broken"), (200, b"<html>"), (200, b"[" * 99_999), (200, b'{"choices": []}')]
)
def test_a_broken_server_is_a_missing_model(serve, answer):
    server = serve(answer)
    with pytest.raises(MissingError, match="did not answer"):
        EndpointChat(settings(server)).reply("a", "b", 1)
    assert len(server.asked) == 2


def test_an_empty_content_is_an_empty_reply(serve):
    empty = (200, b'{"choices": [{"message": {"content": null}}]}')
    assert EndpointChat(settings(serve(empty))).reply("a", "b", 1) == ""


def test_a_silent_server_costs_no_more_than_the_time_limit(serve):
    server = serve(lambda handler: server.release.wait(20))
    start = time.monotonic()
    with pytest.raises(MissingError, match=r"no answer in 0\.3 s"):
        EndpointChat(settings(server, timeout=0.3, retries=0)).reply("a", "b", 1)
    assert time.monotonic() - start < 3


def test_a_server_that_never_ends_costs_no_more_than_the_time_limit(serve):
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        while not server.release.wait(0.05):
            handler.wfile.write(b" ")

    server = serve(drip)
    start = time.monotonic()
    with pytest.raises(MissingError, match="no answer in"):
        EndpointChat(settings(server, timeout=0.5, retries=0)).reply("a", "b", 1)
    assert time.monotonic() - start < 3


def test_an_endless_answer_is_cut(serve, monkeypatch):
    monkeypatch.setattr(endpoint, "MAX_BYTES", 1000)
    with pytest.raises(MissingError, match="over 1000 bytes"):
        EndpointChat(settings(serve((200, b" " * 5000)), retries=0)).reply("a", "b", 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_carries_neither_key_nor_question_to_another_host(serve, monkeypatch, status):
    monkeypatch.setenv("IAPAS_API_KEY", KEY)
    other = serve(completion("dent"))
    there = other.url.replace("127.0.0.1", "localhost")
    server = serve((status, b"", {"Location": f"{there}/v1/chat/completions"}))
    with pytest.raises(MissingError, match="redirects to localhost"):
        EndpointChat(settings(server)).reply("a", "b", 1)
    assert other.asked == []
    assert len(server.asked) == 1


def test_no_server_is_told_at_once(serve):
    server = serve(completion("dent"))
    server.server.server_close()
    server.server.shutdown()
    start = time.monotonic()
    with pytest.raises(MissingError, match="cannot be reached"):
        EndpointChat(settings(server)).reply("a", "b", 1)
    assert time.monotonic() - start < 5


def test_an_untrusted_certificate_is_refused(serve):
    """TLS stays on: a server that does not speak it, or that nobody vouches for, gets no question."""
    server = serve(completion("dent"))
    with pytest.raises(MissingError, match="cannot be reached"):
        EndpointChat(settings(server.url.replace("http:", "https:"))).reply("a", "b", 1)
    assert server.asked == []
    context = EndpointChat(settings("https://localhost:1"))._opener
    (handler,) = [h for h in context.handlers if type(h).__name__ == "HTTPSHandler"]
    assert handler._context.check_hostname
    assert handler._context.verify_mode.name == "CERT_REQUIRED"


def test_offline_forbids_it():
    with pytest.raises(ConfigError, match="--offline"):
        EndpointChat(settings("http://localhost:8000"), offline=True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "not the address"),
        ("localhost:8000", "not the address"),
        ("file:///etc/passwd", "not the address"),
        ("http://", "not the address"),
        ("http://host:99999", "not the address"),
        ("http://ho st", "not the address"),
        ("http://user:word@host", "neither a password"),
        ("http://host/?key=1", "nor a query"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused(url, message):
    with pytest.raises(ConfigError, match=message):
        EndpointChat(settings(url))
    with pytest.raises(ConfigError, match="served_model"):
        EndpointChat(settings("http://localhost:8000", served_model=""))


def test_a_key_is_not_sent_unencrypted_to_another_machine(monkeypatch):
    monkeypatch.setenv("IAPAS_API_KEY", KEY)
    with pytest.raises(ConfigError, match="unencrypted") as told:
        EndpointChat(settings("http://example.org"))
    assert KEY not in str(told.value)
    EndpointChat(settings("https://example.org"))
    EndpointChat(settings("http://localhost:8000"))


def test_the_two_questions_of_a_chain(serve):
    server = serve(completion("material: brass; process: casting"), completion("cold shut, dent"))
    given = settings(server)
    prompts = ChatPrompts(EndpointChat(given), load_template("chain"), given, LexiconPrompts(load_lexicon("none")), 7)
    answer = prompts.phrases(PromptContext("nut"), [])
    assert [phrase.text for phrase in answer.phrases] == ["cold shut", "dent"]
    assert answer.found["before"].startswith("material brass, process casting: by llama")
    first, second = [question["messages"][1]["content"] for _, _, question in server.asked]
    assert "brass" not in first
    assert 'made of "brass", by "casting"' in second
