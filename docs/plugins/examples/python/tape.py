"""Records what is asked of the platform into a folder, or answers it from one: ../../recordings.md says what the files are.
Acme's answers have nothing personal; where yours do, take it out here."""

import hashlib
import hmac
import json
import os
import re
import threading
import urllib.parse
from datetime import datetime, timezone

RECORD, REPLAY = os.environ.get("JUMPRING_RECORD"), os.environ.get("JUMPRING_REPLAY")
STATE = "replayed.txt"  # in the working folder: a process that is started anew goes on
lock = threading.Lock()


def _files(folder):
    names = [n for n in os.listdir(folder) if re.match(r"\d{4,}-", n)] if os.path.isdir(folder) else []
    return sorted(names, key=lambda n: int(n.split("-")[0]))


def _identity(method, path, query, body):
    text = json.dumps([method, path, sorted(urllib.parse.parse_qsl(query, keep_blank_values=True)), body], sort_keys=True)
    return re.sub(r"redacted-[0-9a-f]{12}", "*", text)


def replay(method, target, body):
    """Gives what was recorded for a request: (status, headers, body), or the word for what failed."""
    path, _, query = target.partition("?")
    wanted = _identity(method, path, query, json.loads(body) if body else None)
    with lock:
        used = open(STATE).read().split("\n") if os.path.exists(STATE) else []
        every = []
        for name in _files(REPLAY):
            with open(os.path.join(REPLAY, name)) as f:
                every.append((name, json.load(f)))
        same = [(n, x) for n, x in every if wanted == _identity(
            x["request"]["method"], x["request"]["path"], x["request"].get("query", ""), x["request"].get("json"))]
        name, found = next(((n, x) for n, x in same if "used " + n not in used), same[-1] if same and method == "GET" else ("", None))
        with open(STATE, "a") as f:
            if found is None:
                nearest = next((n for n, x in every if (x["request"]["method"], x["request"]["path"]) == (method, path)), "none")
                f.write(f"unmatched the recording has no answer to this request: {method} {target}; the nearest is {nearest}\n")
                return "not_sent"
            f.write(f"used {name}\n")
    if found.get("failed"):
        return found["failed"]
    answer = found["answer"]
    raw = json.dumps(answer["json"]) if "json" in answer else answer.get("text", "")
    return answer["status"], {k.lower(): v[0] for k, v in answer.get("headers", {}).items()}, raw.encode()


def record(method, target, headers, body, answer, secrets):
    """Keeps one exchange; answer is (status, headers, body) or the word for what failed. No secret is in it."""
    key = os.environ.get("JUMPRING_RECORD_KEY", "").encode()

    def clean(text):
        for s in secrets:
            if len(s) > 3:
                text = text.replace(s, "redacted-" + hmac.new(key, s.encode(), hashlib.sha256).hexdigest()[:12])
        return text

    def content(text):
        if not text:
            return {}
        try:
            return {"json": json.loads(clean(text))}
        except ValueError:
            return {"text": clean(text)}

    path, _, query = clean(target).partition("?")
    exchange = {"request": {"method": method, "path": path, "query": query, "headers": {k: "redacted" for k in headers}, **content(body)}}
    if isinstance(answer, str):
        exchange["failed"] = answer
    else:
        status, got, raw = answer
        kept = {"Retry-After": [got["Retry-After"]]} if got.get("Retry-After") else {}
        exchange["answer"] = {"status": status, "headers": kept, **content(raw.decode("utf-8", "replace"))}
    exchange.update(at=datetime.now(timezone.utc).isoformat(), millis=0)
    slug = re.sub(r"[^A-Za-z0-9._]+", "-", path).strip("-")[:60]
    with lock:
        os.makedirs(RECORD, mode=0o700, exist_ok=True)
        with open(os.path.join(RECORD, f"{len(_files(RECORD)) + 1:04d}-{method}-{slug}.json"), "w") as f:
            json.dump(exchange, f, indent=2)
