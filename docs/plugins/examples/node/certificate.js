// A self-signed certificate for this one process, as AutoMTLS wants it: the hub learns it from the handshake line and
// trusts nothing else. Node can make keys but no certificates, so the DER (X.690) is written here.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

const node = (tag, ...parts) => {
  const body = Buffer.concat(parts);
  const n = body.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};
const sequence = (...parts) => node(0x30, ...parts);
const set = (...parts) => node(0x31, ...parts);
const oid = (hex) => node(0x06, Buffer.from(hex, "hex"));
const bits = (b) => node(0x03, Buffer.from([0]), b);
const octets = (b) => node(0x04, b);
const utcTime = (t) => node(0x17, Buffer.from(t.toISOString().replace(/^\d\d|[-:T]|\.\d+/g, "")));

const ecdsaWithSHA256 = sequence(oid("2a8648ce3d040302"));
const name = sequence(set(sequence(oid("550403"), node(0x0c, Buffer.from("localhost")))));
const yes = node(0x01, Buffer.from([0xff]));

// selfSigned gives a certificate for "localhost" as PEM and DER, and its key.
export function selfSigned(now = Date.now()) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x01; // positive, without a leading zero
  const extensions = node(0xa3, sequence(
    sequence(oid("551d13"), yes, octets(sequence(yes))), // basic constraints: it is its own authority
    sequence(oid("551d0f"), yes, octets(node(0x03, Buffer.from([0x02, 0x84])))), // it signs, itself among others
    sequence(oid("551d25"), octets(sequence(oid("2b06010505070301")))), // it is a server's
    sequence(oid("551d11"), octets(sequence(node(0x82, Buffer.from("localhost"))))), // the name that the hub asks for
  ));
  const day = 24 * 3600 * 1000;
  const body = sequence(
    node(0xa0, node(0x02, Buffer.from([2]))), node(0x02, serial), ecdsaWithSHA256, name,
    sequence(utcTime(new Date(now - day)), utcTime(new Date(now + 3650 * day))), name,
    publicKey.export({ type: "spki", format: "der" }), extensions,
  );
  const der = sequence(body, ecdsaWithSHA256, bits(sign("sha256", body, privateKey)));
  const pem = `-----BEGIN CERTIFICATE-----\n${der.toString("base64").match(/.{1,64}/g).join("\n")}\n-----END CERTIFICATE-----\n`;
  return { der, pem, key: privateKey.export({ type: "pkcs8", format: "pem" }) };
}
