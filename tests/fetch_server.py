"""A server on 127.0.0.1 that answers as the public sources do, and misbehaves as asked."""

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from landslip.datasets.fetch import ZENODO_RECORD


@dataclass
class Faults:
    """What the server does wrong."""

    break_after: int | None = None
    """Close the connection after so many bytes of each answer."""
    ignore_range: bool = False
    wrong_range: bool = False
    wrong_bytes: int = 0
    """How many answers are filled with something else."""
    length_off_by: int = 0
    """Added to Content-Length."""
    endless: bool = False
    """Send more than is listed."""
    busy: int = 0
    """How many answers are 503."""
    missing: bool = False
    leads_to: str | None = None
    list_text: str | None = None


@dataclass
class Served:
    """A running server."""

    files: dict[str, bytes]
    faults: Faults
    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Range of every request for a file."""


@contextlib.contextmanager
def serving(files: dict[str, bytes], faults: Faults | None = None) -> Iterator[Served]:
    """Serve files as a Zenodo record and as any repository of the Hugging Face hub."""
    served = Served(files, faults or Faults())

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == f"/api/records/{ZENODO_RECORD}":
                self._list(served.faults.list_text or json.dumps({"files": [zenodo(one) for one in served.files]}))
            elif re.fullmatch(r"/api/(datasets|models)/[^/]+/[^/]+/tree/main", path):
                self._hub(int(query.partition("cursor=")[2] or 0))
            else:
                self._file(path)

        def _hub(self, start: int) -> None:
            entries = [{"type": "directory", "path": "images"}, *(hub(one) for one in served.files)]
            following = f'<{served.url}{self.path.split("&")[0]}&cursor={start + 2}>; rel="next"'
            self._list(json.dumps(entries[start : start + 2]), following if start + 2 < len(entries) else "")

        def _list(self, text: str, link: str = "") -> None:
            self.send_response(200)
            if link:
                self.send_header("Link", link)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def _file(self, path: str) -> None:
            faults, span = served.faults, self.headers.get("Range")
            served.asked.append((path, span))
            name = next((one for one in served.files if path.endswith("/" + one)), None)
            if faults.leads_to:
                self.send_response(302)
                self.send_header("Location", faults.leads_to)
                self.end_headers()
                return
            if faults.busy or name is None or faults.missing:
                self.send_response(503 if faults.busy else 404)
                faults.busy = max(0, faults.busy - 1)
                self.send_header("Retry-After", "0")
                self.end_headers()
                return
            body = served.files[name]
            if faults.wrong_bytes:
                faults.wrong_bytes -= 1
                body = bytes(255 - byte for byte in body)
            start = int(span[6:-1]) if span and not faults.ignore_range else 0
            if start and start >= len(body):
                self.send_response(416)
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start + faults.wrong_range}-{len(body) - 1}/{len(body)}")
            rest = body[start:] + (b"x" * 10_000 if faults.endless else b"")
            self.send_header("Content-Length", str(len(rest) + faults.length_off_by))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(rest[: faults.break_after])

    def zenodo(name: str) -> dict[str, object]:
        content = served.files[name]
        return {
            "key": name,
            "size": len(content),
            "checksum": "md5:" + hashlib.md5(content).hexdigest(),
            "links": {"self": f"{served.url}/api/records/{ZENODO_RECORD}/files/{name}"},
        }

    def hub(name: str) -> dict[str, object]:
        content = served.files[name]
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(content)}
        if name.endswith((".h5", ".pth")):
            return entry | {"oid": "0" * 40, "lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}}
        return entry | {"oid": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
