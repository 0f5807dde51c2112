// How Acme is asked. It tells a request that was not sent from one whose outcome is unknown, follows no redirect, which
// would carry the key elsewhere, and quotes neither request nor answer in an error.
import http from "node:http";
import https from "node:https";
import { Failure } from "./jumpring.js";
import { record, recording, replay, replaying } from "./tape.js";

export class NotSent extends Failure {}
export class Lost extends Failure {}

export class Client {
  constructor(base, key) {
    this.base = base.replace(/\/+$/, "");
    this.key = key;
    this.lib = this.base.startsWith("https:") ? https : http;
    this.agent = new this.lib.Agent({ keepAlive: true, maxSockets: 8 });
  }

  close() {
    this.agent.destroy();
  }

  async get(path, query, signal) {
    const answer = await this.send("GET", `${path}?${new URLSearchParams(query)}`, {}, undefined, signal);
    switch (answer.status) {
      case 200: return answer.item;
      case 404: throw new Failure("acme.not_found", "Acme has no such record");
      case 401: case 403: throw new Failure("acme.unauthorized", "Acme refuses the key", { todo: "make a new key and set it as api_key" });
      case 429: throw new Failure("acme.throttled", "Acme asks for a pause", { retryAfterMillis: answer.retryAfterMillis });
    }
    throw new Failure("acme.failed", `Acme answers with status ${answer.status}`);
  }

  put(path, key, body, signal) {
    return this.send("PUT", path, { "Content-Type": "application/json", "Idempotency-Key": key }, JSON.stringify(body), signal);
  }

  async send(method, path, headers, body, signal) {
    headers = { ...headers, Authorization: `Bearer ${this.key}` };
    const target = new URL(this.base + path);
    const answer = replaying ? replay(method, target.pathname + target.search, body) : await this.ask(method, target, headers, body, signal);
    if (recording) record(method, target.pathname + target.search, headers, body, answer, [this.key]);
    if (answer.failed === "not_sent") throw new NotSent("acme.unreachable", "Acme could not be asked", { todo: "see whether its address answers" });
    const lost = new Lost("acme.no_answer", "Acme gave no whole answer");
    if (answer.failed) throw lost;
    let item;
    try {
      item = JSON.parse(answer.body);
    } catch {
      if (answer.status === 200) throw lost;
    }
    const seconds = Number(answer.headers["retry-after"]);
    return { status: answer.status, item, retryAfterMillis: Math.max(1000, (seconds || 0) * 1000) };
  }

  // ask gives {status, headers, body}, or {failed} with the word of recordings for it.
  ask(method, target, headers, body, signal) {
    return new Promise((resolve) => {
      let sent = false;
      const fail = () => resolve({ failed: sent ? "no_answer" : "not_sent" });
      const request = this.lib.request(target, {
        method, agent: this.agent, signal, headers: { ...headers, ...(body && { "Content-Length": Buffer.byteLength(body) }) },
      }, (response) => {
        const parts = [];
        response.on("data", (part) => parts.push(part));
        response.on("error", fail);
        response.on("close", () => {
          if (!response.complete) return fail(); // it broke off
          resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() });
        });
      });
      request.on("error", fail);
      request.on("socket", (socket) => {
        if (socket.connecting) socket.once("connect", () => { sent = true; });
        else sent = true;
      });
      request.end(body);
    });
  }
}
