// What is logged, and what never is.

import { Writable } from 'node:stream';
import pino from 'pino';
import { expect, test } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { square } from '../../../test/support/onnx-builder.js';
import { ask, folderOf, startServer } from './support.js';

function kept() {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line));
      done();
    },
  });
  return { lines, log: pino({ level: 'info' }, stream) };
}

test('requests and versions; nothing of a payload, a query, a header or a token', async () => {
  const { lines, log } = kept();
  const repository = folderOf({ 'm.onnx': square({ features: 2 }), 'bad.onnx': 'no model' });
  const server = await startServer({ repository, log, auth: { inference: { tokens: ['s3cret'] } } });
  const headers = { authorization: 'Bearer s3cret', 'x-mine': 'h3ader' };
  const infer = `${server.url}/v2/models/m/infer?q=qu3ry`;
  const inputs = (data: unknown) => ({ id: 'pay1oad', inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data }] });
  expect((await ask(infer, inputs([31337, 2]), { headers })).status).toBe(200);
  expect((await ask(infer, inputs(['pay1oad', 31337]), { headers })).status).toBe(400);
  expect((await ask(infer, '{"pay1oad', { headers })).status).toBe(400);
  expect((await ask(infer, inputs([31337, 2]), { headers: { authorization: 'Bearer s3crets' } })).status).toBe(401);
  await server.close();
  const requests = lines.filter(({ msg }) => msg === 'request');
  expect(requests.map(({ method, path, status }) => [method, path, status])).toEqual(
    [200, 400, 400, 401].map((status) => ['POST', '/v2/models/m/infer', status]),
  );
  expect(requests[0]).toMatchObject({ client: '127.0.0.1', millis: expect.any(Number) });
  expect(lines.filter(({ msg }) => msg === 'model')).toContainEqual(
    expect.objectContaining({ model: 'm', version: 1, state: 'AVAILABLE' }),
  );
  expect(lines).toContainEqual(
    expect.objectContaining({ model: 'bad', level: 40, reason: expect.stringContaining('bad.onnx') }),
  );
  const all = JSON.stringify(lines);
  for (const word of ['s3cret', 'h3ader', 'qu3ry', 'pay1oad', '31337']) expect(all).not.toContain(word);
});

test('where an internal error came from is logged, and what it says is not', async () => {
  const { lines, log } = kept();
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }), log });
  // Something of the server's own breaks.
  server.engine.resolve = () => {
    throw new RangeError('pay1oad');
  };
  const reply = await ask(`${server.url}/v2/models/m`);
  expect(reply).toMatchObject({ status: 500, body: { error: 'internal error' } });
  const [found] = lines.filter(({ msg }) => msg === 'internal error');
  expect(found).toMatchObject({
    level: 50,
    error: { name: 'RangeError', at: expect.arrayContaining([expect.stringContaining('log.test')]) },
  });
  expect(JSON.stringify(lines)).not.toContain('pay1oad');
});

test('levels are checked', async () => {
  await expectError(startServer({ log: 'loud' as never }), 'ERR_ARGUMENT', /log must be one of trace/);
});
