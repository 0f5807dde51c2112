// What every connector in JavaScript needs: the handshake with the hub, mutual TLS, and the protocol's calls as methods.
// ../../languages.md says why each step is there.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { selfSigned } from "./certificate.js";

const maxMessage = 64 << 20;
const cookie = ["JUMPRING_CONNECTOR", "5e1cf0c6a9a24f0f8b2d7d6be8b0a6d14f3c92c1"];

// Failure is an error with a stable code and what to do. It must hold no secret and no personal data.
export class Failure extends Error {
  constructor(code, message, { todo = "", retryAfterMillis = 0 } = {}) {
    super(message);
    Object.assign(this, { code, todo, retryAfterMillis });
  }
}

// The optional calls: the hub is told of those that the connector has.
const optional = {
  Validate: "validate", Check: "check", Register: "register", Discover: "discover", HandleWebhook: "webhook", Poll: "poll",
  Snapshot: "snapshot", Apply: "apply", Lookup: "lookup", Read: "read", Health: "health",
};

// observation packs what the hub journals: what it is about in clear, and the rest as JSON.
export const observation = (o) => ({ kind: o.kind, external_id: o.external_id, data: Buffer.from(JSON.stringify(o)) });

// serve runs a connector as this process. make gives a new one; its methods have the protocol's names and get (request,
// context), where context.signal is aborted when the hub has given the call up.
export function serve(make) {
  if (process.env[cookie[0]] !== cookie[1]) {
    process.stderr.write("This program is a Jumpring connector: the hub starts it.\n");
    process.exit(1);
  }
  const here = fileURLToPath(new URL(".", import.meta.url));
  const proto = [join(here, "connector.proto"), join(here, "../../../../plugins/proto/connector.proto")].find(existsSync);
  const types = loadSync(proto, { keepCase: true, longs: Number, defaults: true });
  const connector = { current: make() };
  const server = new grpc.Server({ "grpc.max_receive_message_length": maxMessage, "grpc.max_send_message_length": maxMessage });

  server.addService(grpc.loadPackageDefinition(types).connector.v1.Connector.service, methods(connector, make));
  addPlumbing(server);

  const { der, pem, key } = selfSigned();
  const clientCert = process.env.PLUGIN_CLIENT_CERT;
  if (!clientCert) throw new Error("the hub gave no certificate: it is too old for this connector");
  const credentials = grpc.ServerCredentials.createSsl(Buffer.from(clientCert), [{ cert_chain: Buffer.from(pem), private_key: Buffer.from(key) }], true);
  const path = join(process.env.PLUGIN_UNIX_SOCKET_DIR || "/tmp", `plugin-${process.pid}`);
  server.bindAsync(`unix:${path}`, credentials, (err) => {
    if (err) throw err;
    // Core protocol, connector protocol, network, address, transport, certificate (base64 without padding).
    process.stdout.write(`1|1|unix|${path}|grpc|${der.toString("base64").replace(/=+$/, "")}\n`);
  });

  // The kernel ends this process with the hub on Linux; elsewhere a new parent shows that the hub is gone.
  const hub = Number(process.env.JUMPRING_HOST_PID);
  if (hub) setInterval(() => process.ppid === hub || process.exit(1), 500).unref();
}

// methods answers each call with the connector's method of the same name.
function methods(connector, make) {
  const unary = (name) => async (call, done) => {
    const gone = new AbortController();
    call.on("cancelled", () => gone.abort());
    try {
      const method = connector.current[name];
      if (!method) throw new Failure("connector.unsupported", `this connector can't ${optional[name]}`);
      done(null, await method.call(connector.current, call.request, { signal: gone.signal }));
    } catch (err) {
      done(status(err));
    }
  };
  const out = Object.fromEntries(["Open", "Unregister", ...Object.keys(optional)].map((name) => [name, unary(name)]));
  out.Describe = (_call, done) => {
    const capabilities = Object.keys(optional).filter((name) => connector.current[name]).map((name) => optional[name]);
    done(null, { protocol_min: 1, protocol_max: 1, ...connector.current.Describe(), capabilities });
  };
  // A connector is opened once in its life: after Close there is a new one.
  out.Close = async (_call, done) => {
    await connector.current.Close?.();
    connector.current = make();
    done(null, {});
  };
  out.HandleWebhook = (stream) => {
    stream.on("data", ({ deliveries }) => deliveries.forEach((d) => {
      let result;
      try {
        result = connector.current.HandleWebhook(d);
      } catch (err) {
        result = { error: { code: err.code ?? "connector.failed", message: err.message, do: err.todo ?? "" } };
      }
      stream.write({ results: [{ ...result, id: d.id }] });
    }));
    stream.on("end", () => stream.end());
    stream.on("error", () => {}); // the hub left
  };
  // The way back to the hub. The header tells the hub that questions can be asked from now on; this connector has none.
  out.HostServices = (stream) => {
    stream.sendMetadata(new grpc.Metadata());
    stream.on("data", () => {});
    stream.on("end", () => stream.end());
    stream.on("error", () => {});
  };
  return out;
}

// status carries an error's code and advice the way the hub reads them: an ErrorDetail in a google.rpc.Status, written by
// hand, since the library hands neither out.
function status(err) {
  const text = (number, s) => bytes(number, Buffer.from(String(s)));
  const detail = Buffer.concat([
    text(1, err.code ?? "connector.failed"), text(2, err.todo ?? ""), Buffer.from([3 << 3]), varint(Math.round(err.retryAfterMillis ?? 0)),
  ]);
  const any = Buffer.concat([text(1, "type.googleapis.com/connector.v1.ErrorDetail"), bytes(2, detail)]);
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", Buffer.concat([
    Buffer.from([1 << 3, grpc.status.UNKNOWN]), text(2, err.message), bytes(3, any),
  ]));
  return { code: grpc.status.UNKNOWN, details: String(err.message), metadata };
}

const bytes = (number, b) => Buffer.concat([Buffer.from([(number << 3) | 2]), varint(b.length), b]);

function varint(n) {
  const out = [];
  for (; n > 0x7f; n = Math.floor(n / 128)) out.push((n % 128) | 0x80);
  return Buffer.from([...out, n]);
}

// addPlumbing adds what go-plugin asks of every plugin: health, which the hub pings, and an orderly end.
function addPlumbing(server) {
  const raw = { requestSerialize: (b) => b, requestDeserialize: (b) => b, responseSerialize: (b) => b, responseDeserialize: (b) => b };
  const method = (path) => ({ path, requestStream: false, responseStream: false, ...raw });
  server.addService({ Check: method("/grpc.health.v1.Health/Check") }, {
    Check: (_call, done) => done(null, Buffer.from([0x08, 0x01])), // SERVING
  });
  server.addService({ Shutdown: method("/plugin.GRPCController/Shutdown") }, {
    Shutdown: (_call, done) => {
      done(null, Buffer.alloc(0));
      setImmediate(() => process.exit(0));
    },
  });
}
