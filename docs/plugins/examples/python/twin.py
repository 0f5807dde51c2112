"""A sandbox that speaks Acme's API. The doors under /_twin/ are for the conformance kit: reset?n= and change?n=."""

import json
import os
import sys
import threading
import time
import urllib.parse
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = sys.argv[1]
lock = threading.Lock()
state = {"items": [], "writes": set(), "last": 0}


def text(millis):
    return datetime.fromtimestamp(millis / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{millis % 1000:03d}Z"


def moment():
    """The present, and later than any before."""
    state["last"] = max(int(time.time() * 1000), state["last"] + 1)
    return text(state["last"])


def control(door, n):
    if door == "reset":
        state["writes"], state["last"] = set(), int(time.time() * 1000) - 60_000
        state["items"] = [{
            "id": f"I{i + 1:05d}", "sku": f"RING-{i + 1}", "serial": f"AC-{i + 1}", "title": f"Ring {i + 1}", "metal": "18k yellow gold",
            "weight": "4.2 g", "price": "1250.00", "stock": 1, "modified": text(state["last"] + i),
        } for i in range(n)]
    elif door == "change":
        now = moment()
        for i, it in enumerate(state["items"][:n]):
            it.update(price=f"{1300 + i}.50", modified=now)
    else:
        return 404, {"error": "no such door"}
    return 200, {"ok": True}


def listed(query):
    limit, items = int(query["limit"]), state["items"]
    if "modified_from" not in query:
        return [it for it in items if it["id"] > query.get("after", "")][:limit]
    begin = datetime.fromisoformat(query["modified_from"].replace("Z", "+00:00"))
    found = [it for it in items if datetime.fromisoformat(it["modified"].replace("Z", "+00:00")) >= begin]
    found.sort(key=lambda it: it["modified"])
    return found[int(query["page"]) * limit:][:limit]


def set_stock(it, key, want, expect):
    if key in state["writes"]:
        return 200, it
    if it["stock"] != expect:
        return 409, it
    state["writes"].add(key)
    it.update(stock=want, modified=moment())
    return 200, it


class Acme(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with lock:
            status, out = self.route(url.path.strip("/").split("/"), query, body)
            raw = json.dumps(out).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = answer

    def route(self, path, query, body):
        if path[0] == "_twin":
            return control(path[1], int(query.get("n", 0)))
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return 401, {"error": "key refused"}
        it = next((it for it in state["items"] if len(path) > 2 and it["id"] == path[2]), None)
        if path[1:] == ["account"]:
            return 200, {"name": "Acme Jewelers", "now": text(int(time.time() * 1000))}
        if path[1:] == ["items"]:
            return 200, listed(query)
        if path[1] == "writes" and len(path) == 3:
            return (200, {"done": True}) if path[2] in state["writes"] else (404, {"error": "no such write"})
        if it is None:
            return 404, {"error": "no such item"}
        if self.command == "PUT":
            wanted = json.loads(body)
            return set_stock(it, self.headers["Idempotency-Key"], wanted["want"], wanted["expect"])
        return 200, it

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Acme)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()  # until the kit closes it
os._exit(0)
