"""A web server of another make (Python's http.server) that answers as a script tells it.

    http_server.py SCRIPT LOG

SCRIPT is JSON:
    paths      {"/path": [reply, …]}: the first, second, … answer to a path; the last one stays. Without
               its query. A path that is not named gets 404.
    cert, key  files: TLS is spoken
    hang_for   paths whose reply waits until somebody asks for /release

A reply, every key of which may be left out:
    status     200
    headers    {name: value}; "{port}" in a value is this server's port
    body       text, or base64 in body_base64
    etag, last_modified   sent along; a request that names one of them gets 304
    pad_mb     as many MB of zeros behind the body
    gzip       true: the body goes out packed
    bomb_mb    a packed body that unpacks to as many MB of zeros
    keep       a number of bytes after which the connection is closed, whatever Content-Length says
    chunked    "cut": sent in chunks, and closed before the last
    login      "name:password" or a bearer token that must be there; else 401

Prints its port on stdout, writes what it was asked to LOG as JSON lines (before it answers), and ends when
its stdin does.
"""

import base64
import gzip
import http.server
import json
import os
import socket
import ssl
import sys
import threading
import zlib

SCRIPT = json.loads(sys.argv[1])
LOG = open(sys.argv[2], "a", encoding="utf-8", buffering=1)
REPLIES = {path: list(replies) for path, replies in SCRIPT.get("paths", {}).items()}
RELEASED = threading.Event()
LOCK = threading.Lock()


def bomb(megabytes):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    packed = b"".join(packer.compress(zeros) for _ in range(megabytes))
    return packed + packer.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def next_reply(self, path):
        with LOCK:
            LOG.write(json.dumps({"path": self.path, "headers": dict(self.headers.items())}) + "\n")
            replies = REPLIES.get(path)
            if not replies:
                return {"status": 404}
            return replies.pop(0) if len(replies) > 1 else replies[0]

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/release":
            RELEASED.set()
            return self.whole(200, {}, b"released")
        reply = self.next_reply(path)
        if path in SCRIPT.get("hang_for", []):
            RELEASED.wait()
        headers = {name: value.replace("{port}", str(self.server.server_address[1]))
                   for name, value in reply.get("headers", {}).items()}
        login = reply.get("login")
        if login is not None:
            basic = "Basic " + base64.b64encode(login.encode()).decode()
            if self.headers.get("Authorization") not in ("Bearer " + login, basic):
                return self.whole(401, {}, b"who are you?")
        same = reply.get("etag") and self.headers.get("If-None-Match") == reply["etag"]
        same = same or (reply.get("last_modified")
                        and self.headers.get("If-Modified-Since") == reply["last_modified"])
        for key, name in [("etag", "ETag"), ("last_modified", "Last-Modified")]:
            if reply.get(key):
                headers[name] = reply[key]
        if same:
            return self.whole(304, headers, b"")
        body = reply.get("body", "").encode()
        if "body_base64" in reply:
            body = base64.b64decode(reply["body_base64"])
        body += bytes(reply.get("pad_mb", 0) << 20)
        if reply.get("gzip"):
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        if reply.get("bomb_mb"):
            body = bomb(reply["bomb_mb"])
            headers["Content-Encoding"] = "gzip"
        if reply.get("chunked") == "cut":
            return self.cut_chunks(headers, body)
        self.whole(reply.get("status", 200), headers, body, reply.get("keep"))

    def whole(self, status, headers, body, keep=None):
        self.send_response(status)
        for name, value in headers.items():
            # The name of a file may stand there raw, in UTF-8.
            self._headers_buffer.append(f"{name}: {value}\r\n".encode())
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status in (204, 304):
            return
        try:
            self.wfile.write(body if keep is None else body[:keep])
        except OSError:
            self.close_connection = True
        if keep is not None:
            self.hang_up()

    def cut_chunks(self, headers, body):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        self.hang_up()

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
if SCRIPT.get("cert"):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(SCRIPT["cert"], SCRIPT["key"])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
# Requests that the script keeps waiting do not keep the process.
LOG.close()
os._exit(0)
