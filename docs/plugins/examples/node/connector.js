// A connector for Acme ERP: items and their stock, polled, pushed and written. It is the project of
// `jumpring plugin new`, in JavaScript.
import { createHmac, timingSafeEqual } from "node:crypto";
import { Client, Lost, NotSent } from "./client.js";
import { Failure, observation, serve } from "./jumpring.js";

const overlap = 120_000; // ms before the last row that a poll begins again, for rows that are committed late

class Connector {
  Describe() {
    return {
      name: "acme-node", version: "0.1.0", summary: "Items and stock of Acme ERP.", translation_version: 1, kinds: ["listing", "level"],
      config: [
        { key: "url", type: "url", required: true, description: "address of Acme ERP" },
        { key: "currency", type: "string", default: "EUR", pattern: "^[A-Z]{3}$", description: "ISO 4217 currency of its prices" },
        { key: "api_key", type: "string", required: true, secret: true, description: "key of a user who may read items and write stock" },
        { key: "webhook_secret", type: "string", secret: true, description: "signs webhooks; without it none is accepted" },
      ],
      streams: [{ name: "items", interval_millis: 60_000 }],
      implied: { compare_and_set: true }, rate_limit: { per_second: 50, burst: 50, max_batch: 50 },
    };
  }

  Validate({ config, secrets }) {
    return { diagnostics: read(config, secrets).diagnostics };
  }

  // Open must not ask the platform: the hub is up with every platform down.
  Open({ config, secrets }) {
    const { settings, diagnostics } = read(config, secrets);
    this.currency = settings.currency ?? "EUR";
    this.hooks = secrets.webhook_secret ?? "";
    this.client = new Client(settings.url, secrets.api_key);
    return { diagnostics };
  }

  Close() {
    this.client?.close();
  }

  async Check(_request, { signal }) {
    try {
      const { name } = await this.client.get("/api/account", {}, signal);
      return { account: name };
    } catch (err) {
      return { diagnostics: [{ severity: "error", code: err.code ?? "acme.failed", summary: err.message, do: err.todo || "see whether Acme answers" }] };
    }
  }

  // HandleWebhook verifies the raw bytes in constant time before it parses them. It must not do I/O.
  HandleWebhook({ headers, body }) {
    const signature = headers.find((h) => h.key.toString() === "X-Acme-Signature")?.values[0]?.toString() ?? "";
    const want = createHmac("sha256", this.hooks).update(body).digest();
    const got = Buffer.from(signature, "hex");
    if (!this.hooks || got.length !== want.length || !timingSafeEqual(got, want)) {
      return { verdict: "bad_signature", reason: "the signature does not fit the body" };
    }
    let event;
    try {
      event = JSON.parse(body.toString());
    } catch {
      return { verdict: "malformed", reason: "the body is not JSON" };
    }
    if (!event.item?.id) return { verdict: "malformed", reason: "the body is no item event" };
    return { verdict: "accepted", delivery_id: event.id, observations: this.observe(event.item) };
  }

  // Poll goes on from the time of the last row, and pages only among rows of one time: so a row that is modified meanwhile
  // shifts nothing. Rows that come again cost nothing.
  async Poll({ cursor, since_micros, limit }, { signal }) {
    const at = cursor.length ? JSON.parse(cursor) : { from: since_micros / 1000, page: 0, high: since_micros / 1000 };
    const items = await this.client.get("/api/items", { modified_from: new Date(at.from).toISOString(), page: at.page, limit }, signal);
    const times = items.map((it) => Date.parse(it.modified));
    const last = times.at(-1) ?? at.from;
    const more = items.length === limit;
    const high = Math.max(at.high, ...times);
    let next = { from: high - overlap, page: 0, high };
    if (more) next = last > at.from ? { from: last, page: 0, high } : { from: at.from, page: at.page + 1, high };
    return { observations: items.flatMap((it) => this.observe(it)), cursor: Buffer.from(JSON.stringify(next)), more };
  }

  // Snapshot takes the cursor before the first row, by the platform's clock, and pages by key.
  async Snapshot({ page, limit }, { signal }) {
    const out = { kinds: ["listing", "level"] };
    if (!page.length) {
      const { now } = await this.client.get("/api/account", {}, signal);
      const from = Date.parse(now) - overlap;
      out.cursors = { items: Buffer.from(JSON.stringify({ from, page: 0, high: from })) };
    }
    const items = await this.client.get("/api/items", { after: page.toString(), limit }, signal);
    out.observations = items.flatMap((it) => this.observe(it));
    out.complete = items.length < limit;
    if (!out.complete) out.next = Buffer.from(items.at(-1).id);
    return out;
  }

  async Read({ refs }, { signal }) {
    const observations = [];
    for (const { kind, external_id } of refs) {
      const id = external_id.split("@")[0];
      try {
        observations.push(...this.observe(await this.client.get(`/api/items/${encodeURIComponent(id)}`, {}, signal)));
      } catch (err) {
        if (err.code !== "acme.not_found") throw err;
        observations.push(observation({ kind, external_id, deleted: true }));
      }
    }
    return { observations };
  }

  // Apply answers what is so, never what is likely: "retry" means that nothing was done.
  async Apply({ writes }, { signal }) {
    const results = [];
    let wait = 0; // the platform throttles: what is left of the batch is not sent
    for (const { key, stock } of writes) {
      const result = wait ? retry("acme.throttled", wait) : await this.write(key, stock, signal);
      if (result.code === "acme.throttled") wait = result.retry_after_millis;
      results.push({ ...result, key });
    }
    return { results };
  }

  async write(key, stock, signal) {
    if (!stock) return { status: "not_representable", code: "acme.stock_only", reason: "only stock can be written" };
    let answer;
    try {
      answer = await this.client.put(`/api/items/${encodeURIComponent(stock.stock_id)}/stock`, key, { want: stock.want, expect: stock.expect }, signal);
    } catch (err) {
      if (err instanceof NotSent) return retry("acme.unreachable", 1000);
      return { status: "unknown", code: "acme.no_answer" }; // it may have been done
    }
    const shows = answer.item?.id ? this.observe(answer.item)[1] : undefined;
    switch (true) {
      case answer.status === 200: return { status: "applied", shows };
      case answer.status === 409: return { status: "conflict", code: "acme.changed", shows };
      case answer.status === 429: return retry("acme.throttled", answer.retryAfterMillis);
      case answer.status === 404: return { status: "rejected", code: "acme.no_such_item", reason: "Acme has no such item" };
      case answer.status >= 500: return { status: "unknown", code: "acme.failed" }; // an error after the work looks the same
    }
    return { status: "rejected", code: "acme.refused", reason: `status ${answer.status}` };
  }

  async Lookup({ writes }, { signal }) {
    const results = [];
    for (const { key } of writes) {
      let status = "applied";
      try {
        await this.client.get(`/api/writes/${encodeURIComponent(key)}`, {}, signal);
      } catch (err) {
        status = err.code === "acme.not_found" ? "rejected" : "unknown";
      }
      results.push({ key, status });
    }
    return { results };
  }

  // observe states an item as a listing and its stock as a level, in Acme's own words.
  observe(it) {
    const source_version = Date.parse(it.modified) * 1000; // Unix microseconds
    return [
      observation({
        kind: "listing", external_id: it.id, source_version,
        listing: {
          sku: it.sku, serial: it.serial, title: it.title, metal: it.metal, weight: it.weight, status: "active",
          prices: [{ amount: it.price, currency: this.currency }],
        },
      }),
      observation({ kind: "level", external_id: `${it.id}@`, source_version, level: { stock_id: it.id, available: it.stock } }),
    ];
  }
}

const retry = (code, millis) => ({ status: "retry", code, retry_after_millis: Math.max(millis, 1) });

// read checks a configuration. No finding repeats a secret.
function read(config, secrets) {
  const diagnostics = [];
  const fail = (path, summary, todo) => diagnostics.push({ severity: "error", code: "acme.config", path, summary, do: todo });
  let settings = {};
  try {
    settings = JSON.parse(config.toString());
  } catch {
    fail("config", "the configuration can't be read", "compare it with the connector's list of keys");
  }
  if (!/^https?:\/\/[^/]+/.test(settings.url ?? "")) fail("config.url", "no address of Acme ERP", "set url to its address");
  if (!secrets.api_key) fail("secrets.api_key", "no key", "make a key in Acme ERP under Users, API keys");
  return { settings, diagnostics };
}

serve(() => new Connector());
