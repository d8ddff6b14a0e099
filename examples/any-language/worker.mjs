#!/usr/bin/env node
// A saga worker in nothing but Node's standard library (18 or later): it issues vouchers, and cancels them.
//
//     node worker.mjs --listen 127.0.0.1:8090 --db vouchers.log
//
// Node 18 has no database, so this worker's is a file that is only appended to: one line holds a call's key, its answer and
// its effect, and is synced before the call is answered. A line is there or it is not, so no crash parts the record from the
// effect. With a database of its own, a worker puts the same three into one transaction, and forgets keys after 30 days.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { parseArgs } from 'node:util';

class Refused extends Error {  // The business says no.
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// What the lines say, taken together.
const vouchers = [];      // { number, saga, customer, status }
const done = new Map();   // key -> { action: answer, compensation: answer }
const working = new Set();  // Keys whose call is under way.

// A step says what its effect would be and what to answer; it changes nothing.
const steps = {
  '/vouchers action': (saga, body) => {
    if (typeof body?.customer_id !== 'string') throw new Refused('bad_input', "expected 'customer_id' to be a text");
    const number = vouchers.length + 1;
    return { effect: { issued: { number, saga, customer: body.customer_id } }, answer: { voucher: number } };
  },
  // By the saga: after a timeout there is no output that would name the voucher.
  '/vouchers/cancel compensation': (saga) => ({ effect: { cancelled: saga }, answer: { cancelled: true } }),
};

// The only place that changes anything: for a line just written, and for every line at the start.
function apply({ key, phase, answer, effect }) {
  done.set(key, { ...done.get(key), [phase]: answer });
  if (effect.issued) vouchers.push({ ...effect.issued, status: 'valid' });
  for (const voucher of vouchers) if (voucher.saga === effect.cancelled) voucher.status = 'cancelled';
}

class Journal {
  constructor(file) {
    this.fd = fs.openSync(file, 'a+');
    const text = fs.readFileSync(this.fd);
    this.size = text.lastIndexOf(10) + 1;  // What stands behind the last line end was cut off by a crash, and not answered.
    for (const line of text.subarray(0, this.size).toString().split('\n').slice(0, -1)) apply(JSON.parse(line));
    fs.ftruncateSync(this.fd, this.size);
    fs.fsyncSync(this.fd);  // The last line may have been written by a process that was killed before it synced.
    const folder = fs.openSync(path.dirname(path.resolve(file)));
    fs.fsyncSync(folder);  // The file's name as well outlives a power cut.
    fs.closeSync(folder);
  }

  append(entry) {
    const line = Buffer.from(JSON.stringify(entry) + '\n');
    try {
      for (let sent = 0; sent < line.length;) sent += fs.writeSync(this.fd, line, sent);
    } catch (error) {  // The disk is full: nothing of it happened.
      fs.ftruncateSync(this.fd, this.size);
      throw error;
    }
    try {
      fs.fsyncSync(this.fd);
    } catch (error) {  // Nobody knows what the disk has: only a start, which reads it, can tell.
      console.error(`vouchers: cannot sync: ${error.message}`);
      process.exit(1);
    }
    this.size += line.length;
    apply(entry);
  }
}

const problem = (status, code, detail, retryable = false) => [status, { code, detail, retryable }];

// Runs `work` at most once to its end for `key` and `phase`; the status and the JSON to answer.
async function once(journal, key, phase, outcome, work) {
  if (working.has(key)) return problem(425, 'at_work', 'another call of this step is under way', true);
  working.add(key);  // Wherever there is an await, another request may come in.
  try {
    const before = done.get(key) ?? {};
    if (phase === 'action' && 'compensation' in before) return problem(409, 'compensated', 'the action comes after its compensation');
    if (phase in before) return [200, before[phase]];
    const unseen = phase === 'compensation' && !('action' in before) && outcome !== 'done';
    // Never seen: remembered, so that it is refused if it comes after all.
    const { effect, answer } = unseen ? { effect: {}, answer: null } : await work();
    journal.append({ key, phase, answer, effect, at: new Date().toISOString() });
    return [200, answer];
  } finally {
    working.delete(key);
  }
}

async function answer(journal, request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.method === 'GET' && request.url === '/state') return [200, { vouchers }];
  const [, saga, step, phase] = /^([^/]+)\/([^/]+)\/(action|compensation)$/.exec(request.headers['idempotency-key'] ?? '') ?? [];
  if (!saga) return problem(400, 'bad_request', 'expected Idempotency-Key: SAGA_ID/STEP/action or SAGA_ID/STEP/compensation');
  const work = steps[`${request.url} ${phase}`];
  if (request.method !== 'POST' || !work) return problem(404, 'no_such_step', `there is no ${phase} at ${request.url}`);
  let body = null;
  try {
    if (chunks.length) body = JSON.parse(Buffer.concat(chunks));
  } catch (error) {
    return problem(400, 'bad_request', `expected a JSON body: ${error.message}`);
  }
  try {
    return await once(journal, `${saga}/${step}`, phase, request.headers['saga-outcome'], () => work(saga, body));
  } catch (error) {
    if (error instanceof Refused) return problem(422, error.code, error.message);
    return problem(500, 'internal_error', error.message, true);
  }
}

const { values } = parseArgs({
  options: { listen: { type: 'string', default: '127.0.0.1:8090' }, db: { type: 'string', default: 'vouchers.log' } },
});
const journal = new Journal(values.db);  // Of one process at a time.
const server = http.createServer(async (request, response) => {
  const [status, json] = await answer(journal, request);
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(json));
});
// Longer than the orchestrator keeps an idle connection. Node's own 5 s would close one that a call is being written to.
server.keepAliveTimeout = 60_000;
server.headersTimeout = 65_000;
const [, host, port] = /^(.*):(\d+)$/.exec(values.listen);
server.listen(Number(port), host, 1024, () => {
  console.log(`vouchers ready on http://${host}:${server.address().port}`);
});
