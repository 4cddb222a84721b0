// What tests/scripts/outputs.rs does, for k6; `record` runs it.
import { check, group, sleep } from 'k6';
import http from 'k6/http';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

const orders = new Counter('orders');
const stock = new Gauge('stock');
const good = new Rate('good');
const weight = new Trend('weight');
const taken = new Trend('taken', true);

export function setup() {
  http.get(`${__ENV.TARGET}/json`);
  return { token: 'tea & cake' };
}

export default function () {
  group('shop', () => {
    const page = http.get(`${__ENV.TARGET}/`, { tags: { size: 'large, "very"' } });
    check(page, { 'status is 200': (r) => r.status === 200, 'it is cake': () => false }, { size: 'large' });
    group('till', () => {
      http.post(`${__ENV.TARGET}/status/404`, 'x', { tags: { name: 'till' } });
    });
  });
  http.get(__ENV.NOBODY);
  orders.add(2, { kind: 'tea & cake', size: 'a=b' });
  stock.add(7.25);
  good.add(true);
  good.add(false);
  weight.add(0.1);
  weight.add(1e21);
  weight.add(1e-7);
  weight.add(123456789.125);
  taken.add(12);
  sleep(1.2);
}
