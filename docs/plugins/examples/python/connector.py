"""A connector for Acme ERP: items and their stock, polled, pushed and written. It is the project of
`jumpring plugin new`, in Python."""

import hashlib
import hmac
import json
import urllib.parse
from datetime import datetime, timedelta, timezone

import connector_pb2 as pb
from client import Client, NotSent
from jumpring import Failure, observation, serve

OVERLAP = timedelta(minutes=2)  # before the last row that a poll begins again, for rows that are committed late
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Connector:
    def Describe(self):
        field = pb.ConfigField
        return pb.DescribeResponse(
            name="acme-python", version="0.1.0", summary="Items and stock of Acme ERP.", translation_version=1, kinds=["listing", "level"],
            config=[
                field(key="url", type="url", required=True, description="address of Acme ERP"),
                field(key="currency", type="string", default="EUR", pattern="^[A-Z]{3}$", description="ISO 4217 currency of its prices"),
                field(key="api_key", type="string", required=True, secret=True, description="key of a user who may read items and write stock"),
                field(key="webhook_secret", type="string", secret=True, description="signs webhooks; without it none is accepted"),
            ],
            streams=[pb.Stream(name="items", interval_millis=60_000)],
            implied=pb.Implied(compare_and_set=True), rate_limit=pb.RateLimit(per_second=50, burst=50, max_batch=50))

    def Validate(self, request, _context):
        return pb.ValidateResponse(diagnostics=read(request)[1])

    def Open(self, request, _context):
        """Must not ask the platform: the hub is up with every platform down."""
        settings, diagnostics = read(request)
        self.currency = settings.get("currency", "EUR")
        self.hooks = request.secrets["webhook_secret"].encode()
        self.client = Client(settings.get("url", ""), request.secrets["api_key"])
        return pb.OpenResponse(diagnostics=diagnostics)

    def Check(self, _request, context):
        try:
            return pb.CheckResponse(account=self.client.get("/api/account", context)["name"])
        except Failure as err:
            return pb.CheckResponse(diagnostics=[pb.Diagnostic(
                severity="error", code=err.code, summary=str(err), do=err.do or "see whether Acme answers")])

    def HandleWebhook(self, delivery):
        """Verifies the raw bytes in constant time before it parses them. It must not do I/O."""
        headers = {h.key: h.values[0] for h in delivery.headers if h.values}
        want = hmac.new(self.hooks, delivery.body, hashlib.sha256).hexdigest().encode()
        if not self.hooks or not hmac.compare_digest(want, headers.get(b"X-Acme-Signature", b"")):
            return pb.HandledDelivery(verdict="bad_signature", reason="the signature does not fit the body")
        try:
            event = json.loads(delivery.body)
            return pb.HandledDelivery(verdict="accepted", delivery_id=event["id"], observations=self.observe(event["item"]))
        except (ValueError, KeyError, TypeError):
            return pb.HandledDelivery(verdict="malformed", reason="the body is no item event")

    def Poll(self, request, context):
        """Goes on from the time of the last row, and pages only among rows of one time: so a row that is modified meanwhile
        shifts nothing. Rows that come again cost nothing."""
        since = (EPOCH + timedelta(microseconds=request.since_micros)).isoformat()
        at = json.loads(request.cursor) if request.cursor else {"from": since, "page": 0, "high": since}
        items = self.client.get("/api/items", context, modified_from=rfc3339(at["from"]), page=at["page"], limit=request.limit)
        times = [moment(it["modified"]) for it in items]
        begin, high = moment(at["from"]), max([moment(at["high"]), *times])
        more = len(items) == request.limit
        after = {"from": (high - OVERLAP).isoformat(), "page": 0, "high": high.isoformat()}
        if more and times[-1] > begin:
            after["from"] = times[-1].isoformat()
        elif more:
            after.update({"from": at["from"], "page": at["page"] + 1})
        return pb.PollResponse(observations=self.observe_all(items), cursor=json.dumps(after).encode(), more=more)

    def Snapshot(self, request, context):
        """Takes the cursor before the first row, by the platform's clock, and pages by key."""
        out = pb.SnapshotResponse(kinds=["listing", "level"])
        if not request.page:
            start = (moment(self.client.get("/api/account", context)["now"]) - OVERLAP).isoformat()
            out.cursors["items"] = json.dumps({"from": start, "page": 0, "high": start}).encode()
        items = self.client.get("/api/items", context, after=request.page.decode(), limit=request.limit)
        out.observations.extend(self.observe_all(items))
        out.complete = len(items) < request.limit
        if not out.complete:
            out.next = items[-1]["id"].encode()
        return out

    def Read(self, request, context):
        out = pb.ReadResponse()
        for ref in request.refs:
            try:
                item = self.client.get("/api/items/" + quoted(ref.external_id.split("@")[0]), context)
                out.observations.extend(self.observe(item))
            except Failure as err:
                if err.code != "acme.not_found":
                    raise
                out.observations.append(observation(kind=ref.kind, external_id=ref.external_id, deleted=True))
        return out

    def Apply(self, request, context):
        """Answers what is so, never what is likely: "retry" means that nothing was done."""
        out, wait = pb.ApplyResponse(), 0  # wait: the platform throttles, what is left of the batch is not sent
        for write in request.writes:
            result = retry("acme.throttled", wait) if wait else self.write(write, context)
            if result.code == "acme.throttled":
                wait = result.retry_after_millis
            result.key = write.key
            out.results.append(result)
        return out

    def write(self, write, context):
        if not write.HasField("stock"):
            return pb.Result(status="not_representable", code="acme.stock_only", reason="only stock can be written")
        try:
            status, item, wait = self.client.put(
                f"/api/items/{quoted(write.stock.stock_id)}/stock", context, write.key, {"want": write.stock.want, "expect": write.stock.expect})
        except NotSent:
            return retry("acme.unreachable", 1000)
        except Failure:  # it may have been done
            return pb.Result(status="unknown", code="acme.no_answer")
        shows = self.observe(item)[1] if item and "id" in item else None
        if status == 200:
            return pb.Result(status="applied", shows=shows)
        if status == 409:
            return pb.Result(status="conflict", code="acme.changed", shows=shows)
        if status == 429:
            return retry("acme.throttled", wait)
        if status == 404:
            return pb.Result(status="rejected", code="acme.no_such_item", reason="Acme has no such item")
        if status >= 500:  # an error after the work is done looks the same
            return pb.Result(status="unknown", code="acme.failed")
        return pb.Result(status="rejected", code="acme.refused", reason=f"status {status}")

    def Lookup(self, request, context):
        out = pb.LookupResponse()
        for write in request.writes:
            status = "applied"
            try:
                self.client.get("/api/writes/" + quoted(write.key), context)
            except Failure as err:
                status = "rejected" if err.code == "acme.not_found" else "unknown"
            out.results.append(pb.Result(key=write.key, status=status))
        return out

    def observe_all(self, items):
        return [o for it in items for o in self.observe(it)]

    def observe(self, it):
        """States an item as a listing and its stock as a level, in Acme's own words."""
        version = (moment(it["modified"]) - EPOCH) // timedelta(microseconds=1)
        return [
            observation(kind="listing", external_id=it["id"], source_version=version, listing={
                "sku": it.get("sku"), "serial": it.get("serial"), "title": it.get("title"), "metal": it.get("metal"), "status": "active",
                "weight": it.get("weight", ""), "prices": [{"amount": it["price"], "currency": self.currency}],
            }),
            observation(kind="level", external_id=it["id"] + "@", source_version=version, level={"stock_id": it["id"], "available": it["stock"]}),
        ]


def retry(code, millis):
    return pb.Result(status="retry", code=code, retry_after_millis=max(millis, 1))


def quoted(part):
    return urllib.parse.quote(part, safe="")


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def rfc3339(text):
    return moment(text).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read(request):
    """Checks a configuration. No finding repeats a secret."""
    found = []

    def fail(path, summary, do):
        found.append(pb.Diagnostic(severity="error", code="acme.config", path=path, summary=summary, do=do))

    try:
        settings = json.loads(request.config)
    except ValueError:
        settings = {}
        fail("config", "the configuration can't be read", "compare it with the connector's list of keys")
    if not settings.get("url", "").startswith(("http://", "https://")):
        fail("config.url", "no address of Acme ERP", "set url to its address")
    if not request.secrets["api_key"]:
        fail("secrets.api_key", "no key", "make a key in Acme ERP under Users, API keys")
    return settings, found


if __name__ == "__main__":
    serve(Connector)
