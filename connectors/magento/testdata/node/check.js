// Drives the twin with an OAuth 1.0a library that the project did not write, as an integrator's program would. Any difference
// from what the running shop does ends with exit code 1.
const assert = require('node:assert');
const crypto = require('node:crypto');
const http = require('node:http');
const OAuth = require('oauth-1.0a');

const env = process.env;
const token = { key: env.SHOP_TOKEN, secret: env.SHOP_TOKEN_SECRET };

function signer(secret) {
  return new OAuth({
    consumer: { key: env.SHOP_KEY, secret },
    signature_method: 'HMAC-SHA256',
    hash_function: (base, key) => crypto.createHmac('sha256', key).update(base).digest('base64'),
  });
}

function call(method, path, query, body, oauth = signer(env.SHOP_SECRET)) {
  const url = `${env.SHOP_URL}/rest/all/V1/${path}`;
  const authorization = oauth.toHeader(oauth.authorize({ url, method, data: query || {} }, token)).Authorization;
  const search = Object.entries(query || {}).map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`).join('&');
  return new Promise((resolve, reject) => {
    const req = http.request(search ? `${url}?${search}` : url, { method, headers: { Authorization: authorization, 'Content-Type': 'application/json' } }, (res) => {
      let text = '';
      res.on('data', (part) => { text += part; });
      res.on('end', () => resolve({ status: res.statusCode, data: JSON.parse(text) }));
    });
    req.on('error', reject);
    req.end(body ? JSON.stringify(body) : undefined);
  });
}

function where(field, condition, value) {
  const at = 'searchCriteria[filter_groups][0][filters][0]';
  return { [`${at}[field]`]: field, [`${at}[condition_type]`]: condition, [`${at}[value]`]: value, 'searchCriteria[pageSize]': 10 };
}

async function main() {
  const products = await call('GET', 'products', where('updated_at', 'gteq', '2020-01-01 00:00:00'));
  assert.equal(products.status, 200, JSON.stringify(products.data));
  assert.equal(products.data.total_count, 1);
  const { sku } = products.data.items[0];

  const write = { sourceItems: [{ sku, source_code: 'default', quantity: 7, status: 1 }] };
  const saved = await call('POST', 'inventory/source-items', null, write);
  assert.equal(saved.status, 200);
  assert.deepEqual(saved.data, []);
  const salable = await call('GET', `inventory/get-product-salable-quantity/${encodeURIComponent(sku)}/1`);
  assert.equal(salable.data, 7);

  const wrong = await call('GET', 'products', where('sku', 'eq', sku), null, signer('wrong'));
  assert.equal(wrong.status, 401);
  assert.equal(wrong.data.message, 'The signature is invalid. Verify and try again.');

  const once = signer(env.SHOP_SECRET);
  once.getNonce = () => 'the-same-nonce';
  once.getTimeStamp = () => Math.floor(Date.now() / 1000) + 1;
  const fixed = once.getTimeStamp();
  once.getTimeStamp = () => fixed;
  assert.equal((await call('GET', 'products', where('sku', 'eq', sku), null, once)).status, 200);
  assert.equal((await call('GET', 'products', where('sku', 'eq', sku), null, once)).status, 401, 'a nonce is good once');
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
