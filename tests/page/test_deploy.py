"""Deployment files: nginx requires a password; unit and container use options that exist."""

import base64
import contextlib
import http.client
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from landslip.cli.page import command

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
OPENSSL = shutil.which("openssl")


@pytest.fixture
def deploy(examples: Path) -> Path:
    return examples / "deploy"


def test_unit_and_container_use_options_that_exist(deploy: Path):
    known = {option for parameter in command.params for option in parameter.opts}
    unit = re.search(r"^ExecStart=\S+ page (.*)$", (deploy / "landslip-page.service").read_text(), re.M)
    container = re.search(r"^CMD \[\"landslip\", \"page\", (.*)\]$", (deploy / "Containerfile").read_text(), re.M)
    assert unit is not None
    assert container is not None
    for words in (shlex.split(unit[1]), container[1].replace('"', "").split(", ")):
        assert {word for word in words if word.startswith("--")} <= known
    assert CliRunner().invoke(command, ["--port", "0"]).exit_code == 2


def test_the_container_is_published_on_this_machine_only(deploy: Path):
    yaml = pytest.importorskip("yaml")
    page = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]["page"]
    assert page["ports"] == ["127.0.0.1:8501:8501"]
    assert page["read_only"]
    assert page["cap_drop"] == ["ALL"]


class Echo(BaseHTTPRequestHandler):
    """Stands in for the page and returns the headers it received."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket" and self.headers.get("Connection") == "upgrade":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "upgrade")
            self.end_headers()
            return
        text = f"authorization={self.headers.get('Authorization')} host={self.headers.get('Host')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def proxied(deploy: Path, folder: Path) -> Iterator[int]:
    """Run nginx with the configuration, except for ports, paths and certificate; yields its port."""
    assert NGINX
    assert OPENSSL
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port, plain = free_port(), free_port()
    subject = [
        "-subj",
        "/CN=landslip.example.org",
        "-keyout",
        str(folder / "key.pem"),
        "-out",
        str(folder / "cert.pem"),
    ]
    subprocess.run(
        [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject], check=True, capture_output=True
    )
    (folder / "users").write_text("ada:{PLAIN}lovelace\n")
    text = (deploy / "nginx.conf").read_text()
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/ssl/landslip/fullchain.pem", str(folder / "cert.pem")),
        ("/etc/ssl/landslip/privkey.pem", str(folder / "key.pem")),
        ("/etc/nginx/landslip.htpasswd;", f"{folder / 'users'};"),
        ("127.0.0.1:8501;", f"127.0.0.1:{server.server_port};"),
    ):
        assert old in text
        text = text.replace(old, new)
    temporary = "".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off; user root; pid {folder}/pid; error_log {folder}/errors;\nevents {{}}\n"
        f"http {{ access_log off; {temporary}\n{text}\n}}\n"
    )
    process = subprocess.Popen([NGINX, "-c", str(main), "-p", str(folder)])
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / "errors").read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)
        server.shutdown()
        server.server_close()


def ask(port: int, method: str = "GET", **headers: str) -> tuple[int, str]:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting, timeout=20)
    connection.putrequest(method, "/", skip_host=True)
    for name, value in ({"Host": "landslip.example.org"} | headers).items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    result = response.status, "" if response.status == 101 else response.read().decode()
    connection.close()
    return result


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.skipif(not (NGINX and OPENSSL), reason="nginx or openssl is not installed")
def test_nginx_requires_a_password_and_passes_on_the_rest(deploy: Path, tmp_path: Path):
    basic = "Basic " + base64.b64encode(b"ada:lovelace").decode()
    wrong = "Basic " + base64.b64encode(b"ada:byron").decode()
    with proxied(deploy, tmp_path) as port:
        assert ask(port)[0] == 401
        assert ask(port, Authorization=wrong)[0] == 401
        status, text = ask(port, Authorization=basic)
        assert status == 200
        assert text == "authorization=None host=landslip.example.org", "the password is not passed on"
        assert ask(port, Authorization=basic, Upgrade="websocket", Connection="Upgrade")[0] == 101
        assert ask(port, "POST", Authorization=basic, Content_Length=str(300_000_000))[0] == 413
