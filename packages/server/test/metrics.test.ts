// What Prometheus scrapes.

import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { createFetchHandler } from '../lib/index.js';
import { ask, folderOf, put, startEngine, startServer } from './support.js';

/** The value of a sample, by its name and labels. */
function sampleOf(text: string, name: string, labels: string): number | undefined {
  const line = text
    .split('\n')
    .find((one) => one.startsWith(`${name}{`) && labels.split(',').every((label) => one.includes(label)));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

test("the library's metrics and Triton's, of every version that is served and of no other", async () => {
  const repository = folderOf({ 'm/1/model.onnx': square({ features: 2 }), next: square({ features: 2 }) });
  const server = await startServer({ repository, linalg: true });
  const scrape = async (path = '/metrics') => {
    const { status, headers, body } = await ask(server.url + path);
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    return body as string;
  };
  const infer = (data: number[]) =>
    ask(`${server.url}/v2/models/m/infer`, {
      inputs: [{ name: 'x', shape: [1, data.length], datatype: 'FP32', data }],
    });
  for (let i = 0; i < 3; i++) await infer([1, 2]);
  await infer([1, 2, 3]);
  const text = await scrape();
  const one = 'model="m",version="1"';
  expect(sampleOf(text, 'nv_inference_request_success', one)).toBe(3);
  expect(sampleOf(text, 'nv_inference_request_failure', one)).toBe(1);
  expect(sampleOf(text, 'nv_inference_count', one)).toBe(3);
  expect(sampleOf(text, 'nv_inference_pending_request_count', one)).toBe(0);
  expect(sampleOf(text, 'nv_inference_request_duration_us', one)).toBeGreaterThan(0);
  expect(sampleOf(text, 'nv_inference_count', 'model="linalg.svd",version="1"')).toBe(0);
  expect(text).toMatch(/^tensorlane_requests_accepted_total\{.*model="m".*\} 3$/m);
  expect(text).toMatch(/^tensorlane_\w+\{.*device="cpu"/m);
  expect(await scrape('/monitoring/prometheus/metrics')).toContain('nv_inference_count');
  // The same version from another file, and another version: each is counted on or anew, and none twice.
  renameSync(join(repository, 'next'), join(repository, 'm/1/model.onnx'));
  await server.engine.refresh();
  await infer([1, 2]);
  expect(sampleOf(await scrape(), 'nv_inference_count', one)).toBe(4);
  put(repository, { 'm/2/model.onnx': square({ features: 2 }) });
  await server.engine.refresh();
  const after = await scrape();
  expect(sampleOf(after, 'nv_inference_count', one)).toBeUndefined();
  expect(sampleOf(after, 'nv_inference_count', 'model="m",version="2"')).toBe(0);
  // What clients send makes no labels.
  await ask(`${server.url}/v2/models/nobody-has-this/infer`, {});
  expect(await scrape()).not.toContain('nobody-has-this');
});

test('within another server it answers only where that is asked for', async () => {
  const engine = await startEngine({ linalg: true });
  const at = (options: object) => createFetchHandler(engine, options)(new Request('http://x/metrics'));
  expect((await at({})).status).toBe(404);
  expect((await at({ metrics: true })).status).toBe(200);
});
