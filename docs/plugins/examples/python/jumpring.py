"""What every connector in Python needs: the handshake with the hub, mutual TLS, and the protocol's calls as methods.

../../languages.md says why each step is there. Needs grpcio, protobuf and cryptography (Debian: python3-grpcio,
python3-protobuf, python3-cryptography)."""

import base64
import datetime
import json
import os
import sys
import threading
import time
from concurrent import futures

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import connector_pb2 as pb

MAX_MESSAGE = 64 << 20
COOKIE = ("JUMPRING_CONNECTOR", "5e1cf0c6a9a24f0f8b2d7d6be8b0a6d14f3c92c1")
# The optional calls and the names of their capabilities. The hub is told of those that the connector has.
OPTIONAL = {
    "Validate": "validate", "Check": "check", "Register": "register", "Discover": "discover", "HandleWebhook": "webhook",
    "Poll": "poll", "Snapshot": "snapshot", "Apply": "apply", "Lookup": "lookup", "Read": "read", "Health": "health",
}


class Failure(Exception):
    """An error with a stable code and what to do. It must hold no secret and no personal data."""

    def __init__(self, code, message, do="", retry_after_millis=0):
        super().__init__(message)
        self.code, self.do, self.retry_after_millis = code, do, retry_after_millis


def observation(**state):
    """Packs what the hub journals: what it is about in clear, and the rest as JSON, the same bytes each time."""
    return pb.Observation(kind=state["kind"], external_id=state["external_id"], data=json.dumps(state, sort_keys=True).encode())


def serve(make):
    """Runs a connector as this process. make gives a new one; its methods have the protocol's names and get (request,
    context), where context.is_active() turns false when the hub has given the call up."""
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        sys.exit("This program is a Jumpring connector: the hub starts it.")
    if "1" not in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "").split(","):
        sys.exit("The hub does not speak version 1 of the connector protocol.")
    stop = threading.Event()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=[
        ("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE),
    ])
    server.add_generic_rpc_handlers((_calls(make), *_plumbing(stop)))
    certificate, key, der = _self_signed()
    credentials = grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=os.environ["PLUGIN_CLIENT_CERT"].encode(), require_client_auth=True)
    path = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or "/tmp", f"plugin-{os.getpid()}")
    server.add_secure_port(f"unix:{path}", credentials)
    server.start()
    # Core protocol, connector protocol, network, address, transport, certificate (base64 without padding).
    print(f"1|1|unix|{path}|grpc|{base64.b64encode(der).decode().rstrip('=')}", flush=True)
    # The kernel ends this process with the hub on Linux; elsewhere a new parent shows that the hub is gone.
    hub = int(os.environ.get("JUMPRING_HOST_PID") or 0)
    while not stop.wait(0.5):
        if hub and os.getppid() != hub:
            os._exit(1)
    time.sleep(0.05)  # the answer to Shutdown is on its way
    os._exit(0)  # whatever a call still waits for


def _self_signed():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    usage = {u: False for u in ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only")}
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True)
        .sign(key, hashes.SHA256()))
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(serialization.Encoding.DER),
    )


def _calls(make):
    """Answers each call with the connector's method of the same name."""
    current = [make()]

    def unary(name):
        def answer(request, context):
            try:
                method = getattr(current[0], name, None)
                if method is None:
                    raise Failure("connector.unsupported", f"this connector can't {OPTIONAL.get(name, name)}")
                return method(request, context)
            except Exception as err:  # an unknown one too becomes an error of its call
                _abort(context, err)
        return grpc.unary_unary_rpc_method_handler(
            answer, getattr(pb, name + "Request").FromString, getattr(pb, name + "Response").SerializeToString)

    def describe(_request, _context):
        about = current[0].Describe()
        about.protocol_min = about.protocol_max = 1
        about.capabilities.extend(word for call, word in OPTIONAL.items() if hasattr(current[0], call))
        return about

    def close(_request, _context):
        # A connector is opened once in its life: after Close there is a new one.
        current[0] = make()
        return pb.CloseResponse()

    def handle_webhooks(batches, _context):
        for batch in batches:
            for delivery in batch.deliveries:
                try:
                    result = current[0].HandleWebhook(delivery)
                except Exception as err:
                    result = pb.HandledDelivery(error=pb.WebhookError(code=getattr(err, "code", "connector.failed"), message=type(err).__name__))
                result.id = delivery.id
                yield pb.HandleWebhookResponse(results=[result])

    def host_services(answers, context):
        # The header tells the hub that questions can be asked from now on; this connector has none.
        context.send_initial_metadata(())
        for _ in answers:
            pass
        return
        yield

    methods = {name: unary(name) for name in ("Open", *OPTIONAL) if name != "HandleWebhook"}
    methods["Describe"] = grpc.unary_unary_rpc_method_handler(describe, pb.DescribeRequest.FromString, pb.DescribeResponse.SerializeToString)
    methods["Close"] = grpc.unary_unary_rpc_method_handler(close, pb.CloseRequest.FromString, pb.CloseResponse.SerializeToString)
    methods["HandleWebhook"] = grpc.stream_stream_rpc_method_handler(
        handle_webhooks, pb.HandleWebhookRequest.FromString, pb.HandleWebhookResponse.SerializeToString)
    methods["HostServices"] = grpc.stream_stream_rpc_method_handler(
        host_services, pb.HostServicesRequest.FromString, pb.HostServicesResponse.SerializeToString)
    return grpc.method_handlers_generic_handler("connector.v1.Connector", methods)


def _abort(context, err):
    """Ends a call with a code and advice, as a detail of google.rpc.Status. The text of an unknown error may hold
    anything, a client's name for one: its type doesn't."""
    known = isinstance(err, Failure)
    text = str(err) if known else type(err).__name__
    detail = pb.ErrorDetail(
        code=err.code if known else "connector.failed", do=err.do if known else "", retry_after_millis=err.retry_after_millis if known else 0)
    any_detail = _field(1, b"type.googleapis.com/connector.v1.ErrorDetail") + _field(2, detail.SerializeToString())
    status = bytes([8, grpc.StatusCode.UNKNOWN.value[0]]) + _field(2, text.encode()) + _field(3, any_detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status),))
    context.abort(grpc.StatusCode.UNKNOWN, text)


def _field(number, body):
    n, size = len(body), []
    while n > 0x7F:
        size.append((n & 0x7F) | 0x80)
        n >>= 7
    return bytes([number << 3 | 2, *size, n]) + body


def _plumbing(stop):
    """What go-plugin asks of every plugin: health, which the hub pings, and an orderly end."""
    def raw(answer):
        return grpc.unary_unary_rpc_method_handler(answer, bytes, bytes)

    def shutdown(_request, _context):
        stop.set()
        return b""

    return (
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": raw(lambda _r, _c: bytes([8, 1]))}),  # SERVING
        grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": raw(shutdown)}),
    )
