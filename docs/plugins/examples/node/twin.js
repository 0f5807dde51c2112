// A sandbox that speaks Acme's API. The doors under /_twin/ are for the conformance kit: reset?n= and change?n=.
import http from "node:http";

const key = process.argv[2];
let items = [];
let writes = new Set();
let last = 0;
const moment = () => (last = Math.max(Date.now(), last + 1));

function control(door, n) {
  if (door === "reset") {
    writes = new Set();
    last = Date.now() - 60_000;
    items = Array.from({ length: n }, (_, i) => ({
      id: `I${String(i + 1).padStart(5, "0")}`, sku: `RING-${i + 1}`, serial: `AC-${i + 1}`, title: `Ring ${i + 1}`,
      metal: "18k yellow gold", weight: "4.2 g", price: "1250.00", stock: 1, modified: new Date(last + i).toISOString(),
    }));
  } else if (door === "change") {
    const modified = new Date(moment()).toISOString();
    items.slice(0, n).forEach((it, i) => Object.assign(it, { price: `${1300 + i}.50`, modified }));
  } else return [404, { error: "no such door" }];
  return [200, { ok: true }];
}

function list(query) {
  const limit = Number(query.get("limit"));
  if (!query.has("modified_from")) return items.filter((it) => it.id > query.get("after")).slice(0, limit);
  const from = new Date(query.get("modified_from")).toISOString();
  const found = items.filter((it) => it.modified >= from).sort((a, b) => (a.modified < b.modified ? -1 : a.modified > b.modified ? 1 : 0));
  return found.slice(Number(query.get("page")) * limit).slice(0, limit);
}

function setStock(it, idempotency, { want, expect }) {
  if (writes.has(idempotency)) return [200, it];
  if (it.stock !== expect) return [409, it];
  writes.add(idempotency);
  Object.assign(it, { stock: want, modified: new Date(moment()).toISOString() });
  return [200, it];
}

function answer(request, body) {
  const { pathname, searchParams } = new URL(request.url, "http://twin");
  const [, first, second, id, last] = pathname.split("/");
  if (first === "_twin") return control(second, Number(searchParams.get("n")));
  if (request.headers.authorization !== `Bearer ${key}`) return [401, { error: "key refused" }];
  const it = items.find((it) => it.id === id);
  switch (`${request.method} ${second}${id ? "/id" : ""}${last ? `/${last}` : ""}`) {
    case "GET account": return [200, { name: "Acme Jewelers", now: new Date().toISOString() }];
    case "GET items": return [200, list(searchParams)];
    case "GET items/id": return it ? [200, it] : [404, { error: "no such item" }];
    case "PUT items/id/stock": return it ? setStock(it, request.headers["idempotency-key"], JSON.parse(body)) : [404, { error: "no such item" }];
    case "GET writes/id": return writes.has(id) ? [200, { done: true }] : [404, { error: "no such write" }];
  }
  return [404, { error: "no such address" }];
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const [status, body] = answer(request, Buffer.concat(parts).toString());
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`));
process.stdin.resume().on("end", () => process.exit(0)); // the kit closes it
