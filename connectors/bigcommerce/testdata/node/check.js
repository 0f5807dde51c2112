// Verifies the twin's deliveries with the reference library of Standard Webhooks, as the platform's guide tells app authors to,
// and prints a delivery that the library signed. Any difference ends with exit code 1.
const assert = require('node:assert');
const fs = require('node:fs');
const { Webhook } = require('standardwebhooks');

// The library takes the key in base64; the platform's key is the bytes of the client secret.
const hook = new Webhook(Buffer.from(process.env.CLIENT_SECRET).toString('base64'));

const deliveries = JSON.parse(fs.readFileSync(process.env.DELIVERIES, 'utf8'));
assert.ok(deliveries.length > 0);
for (const d of deliveries) {
  const got = hook.verify(d.body, d.headers);
  assert.equal(got.producer, `stores/${process.env.STORE_HASH}`);
  assert.throws(() => hook.verify(d.body + ' ', d.headers));
  assert.throws(() => hook.verify(d.body, { ...d.headers, 'webhook-id': 'msg_other' }));
}

const body = JSON.stringify({ producer: `stores/${process.env.STORE_HASH}`, hash: 'h', scope: 'store/order/updated', data: { type: 'order', id: 272 } });
const at = new Date();
console.log(JSON.stringify({ id: 'msg_by_the_library', timestamp: Math.floor(at.getTime() / 1000), signature: hook.sign('msg_by_the_library', at, body), body }));
