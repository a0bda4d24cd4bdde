"""A server on this machine that answers as the hub does, for one repository."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def fake_hub(files, *, status=200, code="", broken=(), tls=None):
    """The address of a hub with ``files`` (name -> bytes) and the list of the requests that it got.

    ``status`` and ``code``: what it answers instead. ``broken``: names whose contents arrive with another first byte.
    ``tls``: an SSLContext with a certificate.
    """
    asked = []

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            asked.append((self.command, self.path, dict(self.headers)))
            path = self.path.split("?")[0]
            if status != 200:
                self.answer(b"{}", {"X-Error-Code": code} if code else {}, status)
            elif path.startswith("/api/models/") and "/tree/" in path:
                self.answer(json.dumps([entry("path", "oid", name) for name in files]).encode())
            elif path.startswith("/api/models/"):
                siblings = [entry("rfilename", "blobId", name) for name in files]
                info = {"id": path[len("/api/models/") :].split("/revision/")[0], "sha": COMMIT, "siblings": siblings}
                self.answer(json.dumps(info).encode())
            elif path.rpartition("/")[2] in files and "/resolve/" in path:
                self.send_file(path.rpartition("/")[2])
            else:
                self.answer(b"", {}, 404)

        def send_file(self, name):
            content = files[name]
            etag = hashlib.sha256(content).hexdigest() if is_large(name) else git_sha1(content)
            if name in broken:
                content = bytes([content[0] ^ 1]) + content[1:]
            self.answer(content, {"ETag": f'"{etag}"', "X-Repo-Commit": path_commit(self.path)})

        def answer(self, content, headers=(), status=200):
            self.send_response(status)
            for key, value in dict(headers).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    def entry(name_key, blob_key, name):
        content = files[name]
        told = {name_key: name, "type": "file", "size": len(content), blob_key: git_sha1(content)}
        if is_large(name):
            digest = hashlib.sha256(content).hexdigest()
            told["lfs"] = {"oid": digest, "sha256": digest, "size": len(content), "pointerSize": 134}
        return told

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.handle_error = lambda *_: None  # a client that hangs up is no news
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def is_large(name):
    return name.endswith((".safetensors", ".bin", ".pth"))


def path_commit(path):
    return path.split("/resolve/")[1].split("/")[0]
