"""A Schema Registry on this machine: the part of Confluent's HTTP interface that clients use for schemas."""

import base64
import datetime
import http.server
import ipaddress
import json
import pathlib
import ssl
import threading
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make_certificates(folder):
    """An authority of our own, and what it says of 127.0.0.1: the files authority.pem and server.pem."""
    folder = pathlib.Path(folder)

    def certificate(name, key, issuer_name, issuer_key, extension):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (x509.CertificateBuilder()
                .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
                .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]))
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
                .add_extension(extension, critical=True).sign(issuer_key, hashes.SHA256()))

    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = certificate("authority", authority_key, "authority", authority_key,
                            x509.BasicConstraints(ca=True, path_length=None))
    server = certificate("registry", server_key, "authority", authority_key,
                         x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]))
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(authority.public_bytes(pem))
    (folder / "server.pem").write_bytes(
        server.public_bytes(pem) + server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                                                            serialization.NoEncryption()))
    return folder / "authority.pem", folder / "server.pem"


class RegistryStub:
    """Schemas by id and by subject; `requests` holds the paths that were asked for."""

    def __init__(self, user=None, secret=None, certificate=None):
        self.schemas = []  # of id 1, 2, …: what is answered for them
        self.subjects = {}  # name: ids, of version 1, 2, …
        self.requests = []
        self.statuses = []  # answered first, one a request, instead of anything else
        self._expected = None if user is None else "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
        self._lock = threading.Lock()
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer(stub.get)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(lambda path: stub.post(path, body))

            def answer(self, handle):
                path = urllib.parse.urlparse(self.path).path
                with stub._lock:
                    stub.requests.append(self.path)
                    if stub._expected is not None and self.headers.get("Authorization") != stub._expected:
                        status, answer = 401, {"error_code": 401, "message": "Unauthorized"}
                    elif stub.statuses:
                        status, answer = stub.statuses.pop(0), {"message": "not now"}
                    else:
                        status, answer = handle([urllib.parse.unquote(part) for part in path.strip("/").split("/")])
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def register(self, subject, schema, **more):
        """Returns the id."""
        answer = {"schema": schema if isinstance(schema, str) else json.dumps(schema), **more}
        if answer not in self.schemas:
            self.schemas.append(answer)
        identity = self.schemas.index(answer) + 1
        versions = self.subjects.setdefault(subject, [])
        if identity not in versions:
            versions.append(identity)
        return identity

    def get(self, parts):
        if parts[:2] == ["schemas", "ids"]:
            number = int(parts[2])
            if 0 < number <= len(self.schemas):
                return 200, self.schemas[number - 1]
            return 404, {"error_code": 40403, "message": "Schema not found"}
        if parts[0] == "subjects" and parts[2:3] == ["versions"]:
            versions = self.subjects.get(parts[1], [])
            number = len(versions) if parts[3] == "latest" else int(parts[3])
            if not 0 < number <= len(versions):
                return 404, {"error_code": 40402, "message": "Version not found"}
            identity = versions[number - 1]
            return 200, {"subject": parts[1], "version": number, "id": identity, **self.schemas[identity - 1]}
        return 404, b"no such page"

    def post(self, parts, body):
        body = {name: value for name, value in body.items() if value and (name, value) != ("schemaType", "AVRO")}
        identity = self.register(parts[1], **body)
        return 200, {"subject": parts[1], "id": identity, "version": self.subjects[parts[1]].index(identity) + 1,
                     **self.schemas[identity - 1]}
