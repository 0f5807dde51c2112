// Drives the twin with the vendor's own client, as a shop's integrator would. Any difference from what the running shop
// does ends with exit code 1.
const assert = require('node:assert');
const WooCommerceRestApi = require('@woocommerce/woocommerce-rest-api').default;

const [url, product] = [process.env.SHOP_URL, Number(process.env.PRODUCT_ID)];
const options = { url, consumerKey: process.env.SHOP_KEY, consumerSecret: process.env.SHOP_SECRET, version: 'wc/v3' };

async function main() {
  const api = new WooCommerceRestApi(options);

  const list = await api.get('products', { per_page: 20, page: 1, orderby: 'modified', order: 'asc' });
  assert.equal(list.status, 200);
  assert.ok(Number(list.headers['x-wp-total']) >= 1 && Number(list.headers['x-wp-totalpages']) >= 1);
  assert.ok(list.data.some((p) => p.id === product));

  const included = await api.get('products', { include: [product] });
  assert.deepEqual(included.data.map((p) => p.id), [product]);

  const put = await api.put(`products/${product}`, { stock_quantity: 5 });
  assert.equal(put.data.stock_quantity, 5);
  const batch = await api.post('products/batch', { update: [{ id: product, stock_quantity: 7 }, { id: 999999, stock_quantity: 1 }] });
  assert.equal(batch.data.update[0].stock_quantity, 7);
  assert.equal(batch.data.update[1].error.code, 'woocommerce_rest_product_invalid_id');

  const order = await api.post('orders', { set_paid: true, billing: { first_name: 'Ada', email: 'ada@example.org' }, line_items: [{ product_id: product, quantity: 2 }] });
  assert.equal(order.status, 201);
  assert.equal(order.data.status, 'processing');
  assert.equal(typeof order.data.total, 'string');
  assert.equal((await api.get(`products/${product}`)).data.stock_quantity, 5);

  const refund = await api.post(`orders/${order.data.id}/refunds`, { amount: order.data.total, api_refund: false,
    line_items: [{ id: order.data.line_items[0].id, quantity: 2, refund_total: Number(order.data.total) }] });
  assert.equal(refund.status, 201);
  assert.equal((await api.get(`orders/${order.data.id}`)).data.status, 'refunded');
  assert.equal((await api.get(`products/${product}`)).data.stock_quantity, 7);

  await assert.rejects(api.get('products', { per_page: 101 }), (e) => e.response.status === 400 && e.response.data.code === 'rest_invalid_param');
  await assert.rejects(api.get('products/999999'), (e) => e.response.status === 404);
  const wrong = new WooCommerceRestApi({ ...options, consumerSecret: 'cs_wrong' });
  await assert.rejects(wrong.get('products'), (e) => e.response.status === 401 && e.response.data.code === 'woocommerce_rest_authentication_error');
  console.log('the official client agrees');
}

main().catch((e) => {
  console.error(e.response ? `${e.response.status} ${JSON.stringify(e.response.data)}` : e);
  process.exit(1);
});
