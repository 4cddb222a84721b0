// What script.rs does, for k6. It has no options of its own: they come from a case's file. Variables, which a scenario's
// `env` may set too, say what an iteration does.
import { check, group, sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

const began = new Trend('began');
const made = new Counter('made');
const latest = new Gauge('latest');
const good = new Rate('good');
const lasted = new Trend('lasted');
new Counter('never_counted');
new Rate('never_rated');
new Trend('never_lasted');

function pause() {
  sleep(Number(__ENV.SLEEP_MS || 0) / 1000);
}

function act(what) {
  if (what === 'throw') throw new Error('nothing in stock');
  if (what === 'abort') exec.test.abort('the till is empty');
  if (what === 'nap and abort') {
    sleep(0.15);
    exec.test.abort('the till is empty');
  }
  if (what === 'fail') exec.test.fail('the till is off by one');
  if (what === 'sleep') sleep(60);
  if (what === 'nap') sleep(0.3);
}

export function setup() {
  act(__ENV.SETUP);
  return { token: 'tea & cake' };
}

export function teardown(data) {
  made.add(data.token === 'tea & cake' ? 1000 : 1);
  act(__ENV.TEARDOWN);
}

// The first VU's iteration ACT_AT does what ACT says.
export default function () {
  began.add(exec.scenario.startTime);
  made.add(1);
  if (exec.vu.idInTest === 1 && exec.vu.iterationInScenario === Number(__ENV.ACT_AT || 0)) act(__ENV.ACT);
  pause();
}

// Every third iteration throws, after its wait.
export function throwing() {
  began.add(exec.scenario.startTime);
  pause();
  made.add(1);
  if (exec.scenario.iterationInTest % 3 === 0) act('throw');
}

// Requests, checks, groups and metrics with tags; the kind alternates.
export function shopping(data) {
  const number = exec.scenario.iterationInTest;
  const kind = number % 2 === 0 ? 'tea' : 'cake';
  began.add(exec.scenario.startTime);
  check(data, { 'setup has run': (d) => d !== null && d.token === 'tea & cake' });
  group('shop', () => {
    const page = http.get(`${__ENV.TARGET}/bytes/1000`, { tags: { name: 'page', kind } });
    check(page, { 'the page is there': (r) => r.status === 200, 'it is tea': () => kind === 'tea' }, { kind });
    group('till', () => {
      const refused = http.get(`${__ENV.TARGET}/status/404`, { tags: { name: 'refused' } });
      check(refused, { 'the till is closed': (r) => r.status === 404 });
    });
  });
  made.add(2, { kind });
  latest.add(number);
  good.add(number % 4 !== 0, { kind });
  lasted.add(number, { kind });
  pause();
}

// One request; what `rps` limits.
export function requesting() {
  began.add(exec.scenario.startTime);
  http.get(`${__ENV.TARGET}/`);
  made.add(1);
}

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data) };
}
