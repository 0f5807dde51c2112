"""How Acme is asked. It tells a request that was not sent from one whose outcome is unknown, ends with the hub's call,
follows no redirect, and quotes neither request nor answer in an error."""

import http.client
import json
import socket
import urllib.parse

import tape
from jumpring import Failure


class NotSent(Failure):
    pass


class Lost(Failure):
    pass


class Client:
    def __init__(self, base, key):
        self.base, self.key = urllib.parse.urlsplit(base.rstrip("/")), key

    def get(self, path, context, **query):
        status, item, wait = self.send("GET", f"{path}?{urllib.parse.urlencode(query)}", context)
        if status == 200:
            return item
        if status == 404:
            raise Failure("acme.not_found", "Acme has no such record")
        if status in (401, 403):
            raise Failure("acme.unauthorized", "Acme refuses the key", do="make a new key and set it as api_key")
        if status == 429:
            raise Failure("acme.throttled", "Acme asks for a pause", retry_after_millis=wait)
        raise Failure("acme.failed", f"Acme answers with status {status}")

    def put(self, path, context, key, body):
        return self.send("PUT", path, context, json.dumps(body), {"Content-Type": "application/json", "Idempotency-Key": key})

    def send(self, method, path, context, body=None, headers=None):
        headers = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        target = self.base.path + path
        answer = tape.replay(method, target, body) if tape.REPLAY else self.ask(method, target, context, body, headers)
        if tape.RECORD:
            tape.record(method, target, headers, body, answer, [self.key])
        if answer == "not_sent":
            raise NotSent("acme.unreachable", "Acme could not be asked", do="see whether its address answers")
        try:
            status, got, raw = answer  # a word is what failed
            item = json.loads(raw) if status == 200 or raw.startswith(b"{") else None
        except ValueError:
            raise Lost("acme.no_answer", "Acme gave no whole answer") from None
        try:
            seconds = float(got.get("Retry-After") or got.get("retry-after") or 0)
        except ValueError:
            seconds = 0
        return status, item, max(1000, int(seconds * 1000))

    def ask(self, method, target, context, body, headers):
        """Gives (status, headers, body), or the word for what failed, as recordings have it."""
        kind = http.client.HTTPSConnection if self.base.scheme == "https" else http.client.HTTPConnection
        # One connection for each request: a kept one may break unseen, and nobody knows what it carried.
        connection = kind(self.base.netloc, timeout=30)
        try:
            connection.connect()
        except OSError:
            return "not_sent"
        context.add_callback(lambda: _cut(connection))  # the hub gave the call up, or it ended
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException, ValueError):
            return "no_answer"
        finally:
            connection.close()


def _cut(connection):
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
