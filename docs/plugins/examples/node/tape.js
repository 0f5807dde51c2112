// Records what is asked of the platform into a folder, or answers it from one: ../../recordings.md says what the files are.
// Acme's answers have nothing personal; where yours do, take it out here.
import { createHmac } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const { JUMPRING_RECORD: recordTo, JUMPRING_REPLAY: replayFrom, JUMPRING_RECORD_KEY: markKey } = process.env;
const state = "replayed.txt"; // in the working folder: a process that is started anew goes on

export const recording = Boolean(recordTo);
export const replaying = Boolean(replayFrom);

const sorted = (query) => [...new URLSearchParams(query)].map((pair) => pair.join("=")).sort().join("&");
const identity = (method, path, query, body) => JSON.stringify([method, path, sorted(query), body]).replace(/redacted-[0-9a-f]{12}/g, "*");
const files = (dir) => (existsSync(dir) ? readdirSync(dir).filter((name) => /^\d{4,}-/.test(name)).sort((a, b) => parseInt(a) - parseInt(b)) : []);

// replay gives what was recorded for a request: {status, headers, body}, or {failed}.
export function replay(method, target, body) {
  const [path, query = ""] = target.split("?");
  const wanted = identity(method, path, query, body && JSON.parse(body));
  const used = existsSync(state) ? readFileSync(state, "utf8").split("\n") : [];
  const all = files(replayFrom).map((name) => ({ name, ...JSON.parse(readFileSync(join(replayFrom, name))) }));
  const same = all.filter(({ request: r }) => identity(r.method, r.path, r.query ?? "", r.json) === wanted);
  const found = same.find((x) => !used.includes(`used ${x.name}`)) ?? (method === "GET" ? same.at(-1) : undefined);
  if (!found) {
    const nearest = all.find(({ request: r }) => r.method === method && r.path === path) ?? all[0];
    appendFileSync(state, `unmatched the recording has no answer to this request: ${method} ${target}; the nearest is ${nearest?.name ?? "none"}\n`);
    return { failed: "not_sent" };
  }
  appendFileSync(state, `used ${found.name}\n`);
  if (found.failed) return { failed: found.failed };
  const headers = Object.fromEntries(Object.entries(found.answer.headers ?? {}).map(([k, v]) => [k.toLowerCase(), v[0]]));
  return { status: found.answer.status, headers, body: found.answer.json ? JSON.stringify(found.answer.json) : found.answer.text ?? "" };
}

// record keeps one exchange; answer is {status, headers, body} or {failed}. No secret is in it.
export function record(method, target, headers, body, answer, secrets) {
  const clean = (text) => secrets.filter((s) => s.length > 3).reduce(
    (out, s) => out.replaceAll(s, `redacted-${createHmac("sha256", markKey ?? "").update(s).digest("hex").slice(0, 12)}`), text);
  const content = (text) => {
    if (!text) return {};
    try {
      return { json: JSON.parse(clean(text)) };
    } catch {
      return { text: clean(text) };
    }
  };
  const [path, query] = clean(target).split("?");
  const exchange = {
    request: { method, path, query, headers: Object.fromEntries(Object.keys(headers).map((name) => [name, "redacted"])), ...content(body) },
    ...(answer.failed ? { failed: answer.failed } : {
      answer: { status: answer.status, headers: { "Retry-After": answer.headers["retry-after"] ? [answer.headers["retry-after"]] : undefined }, ...content(answer.body) },
    }),
    at: new Date().toISOString(), millis: 0,
  };
  mkdirSync(recordTo, { recursive: true, mode: 0o700 });
  const number = String(files(recordTo).length + 1).padStart(4, "0");
  const slug = path.replace(/[^A-Za-z0-9._]+/g, "-").replace(/^-|-$/g, "").slice(0, 60);
  writeFileSync(join(recordTo, `${number}-${method}-${slug}.json`), JSON.stringify(exchange, null, 2) + "\n", { mode: 0o600 });
}
