"""The server that all contenders download from: nginx, or one of our own where it is not there."""

import ipaddress
import os
import pwd
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.measuring import first_line, program, running, tool

HOST = "127.0.0.1"
_START_SECONDS = 10

_NGINX = """
daemon off;
{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    types {{ video/mp4 mp4; }}
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{http_port};
        listen {host}:{https_port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        ssl_protocols TLSv1.2 TLSv1.3;
        root {served};
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class FileServer:
    """A server of one folder, with the certificate that its clients have to trust."""

    name: str
    folder: Path
    urls: dict[str, str]
    certificate: Path


@contextmanager
def served(folder: Path) -> Iterator[FileServer]:
    """Serve what is put into ``folder / "served"`` over HTTP and TLS while this lasts."""
    (folder / "served").mkdir(parents=True)
    certificate = write_certificate(folder / "certificate.pem")
    nginx = tool("nginx")
    with ExitStack() as stack:
        if nginx is not None:
            name, ports = "nginx", _start_nginx(stack, nginx, folder, certificate)
        else:
            name, ports = "our own sendfile server", _start_ours(stack, folder, certificate)
        urls = {scheme: f"{scheme}://{HOST}:{port}" for scheme, port in ports.items()}
        yield FileServer(name, folder / "served", urls, certificate)


def write_certificate(place: Path) -> Path:
    """Write a certificate for loopback with its key, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    place.touch(mode=0o600)
    place.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return place


def _start_nginx(stack: ExitStack, nginx: str, folder: Path, certificate: Path) -> dict[str, int]:
    ports = {"http": _free_port(), "https": _free_port()}
    # Its workers must be able to read a folder of ours.
    user = f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _NGINX.format(
            user=user,
            folder=folder,
            host=HOST,
            http_port=ports["http"],
            https_port=ports["https"],
            certificate=certificate,
            served=folder / "served",
        )
    )
    log = folder / "error.log"
    stack.enter_context(
        running([nginx, "-e", str(log), "-p", str(folder), "-c", str(configuration)])
    )
    for port in ports.values():
        _wait_for(port)
    return ports


def _start_ours(stack: ExitStack, folder: Path, certificate: Path) -> dict[str, int]:
    argv = program("file_server", folder / "served")
    secure = [*argv, "--certificate", str(certificate)]
    processes = {
        "http": stack.enter_context(running(argv)),
        "https": stack.enter_context(running(secure)),
    }
    return {scheme: int(first_line(process)) for scheme, process in processes.items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    pause = threading.Event()
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        pause.wait(0.02)
    raise RuntimeError(f"the file server did not listen within {_START_SECONDS} seconds")
