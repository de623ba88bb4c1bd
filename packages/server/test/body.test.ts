// Bodies that are compressed: what comes out of them, and that no more of it is held than there is room for.

import { brotliCompressSync, deflateSync, Gunzip, gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { type BodySource, readBody } from '../lib/http/body.js';
import { ByteBudget } from '../lib/http/budget.js';
import { checkLimits } from '../lib/http/limits.js';
import { createFetchHandler } from '../lib/index.js';
import { folderOf, startEngine } from './support.js';

const packers = { gzip: gzipSync, 'x-gzip': gzipSync, deflate: deflateSync, br: brotliCompressSync };

/** What comes in parts, each a moment after the one before. */
function sourceOf(bytes: Uint8Array, encoding: string, part = bytes.length, isSized = true): BodySource {
  return {
    length: isSized ? bytes.length : undefined,
    encoding,
    async read(onPart) {
      for (let at = 0; at < bytes.length; at += part) {
        onPart(bytes.subarray(at, at + part));
        await new Promise(setImmediate);
      }
    },
  };
}

const random = (length: number) =>
  Uint8Array.from({ length }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 24) ^ (i & 255));

describe.each(Object.entries(packers))('%s', (encoding, pack) => {
  const limits = checkLimits({ bodyBytes: 300_000, pendingBytes: 300_000 });

  test.each([
    ['at once', undefined, true],
    ['in parts', 1000, true],
    ['in parts, of a length that is not said', 1000, false],
  ])('comes out as it was, %s, and only what came out is held', async (_how, part, isSized) => {
    // What is compressed well may be as long as any body; what is not, too.
    for (const plain of [new Uint8Array(300_000).fill(7), random(299_000), Uint8Array.of(1)]) {
      const budget = new ByteBudget(limits);
      const lease = budget.lease();
      const source = sourceOf(pack(plain), encoding, part, isSized);
      const bytes = await readBody(source, limits, lease, 5);
      expect(Buffer.compare(bytes, plain)).toBe(0);
      expect((bytes.byteOffset + 5) % 8).toBe(0);
      expect(budget.used).toBe(plain.length);
      lease.release();
      expect(budget.used).toBe(0);
    }
  });

  test('that is none, is cut off, or is too long, is refused, and nothing of it is held', async () => {
    const good = pack(random(1000));
    const wrong: readonly [Uint8Array, object][] = [
      [Buffer.from('nothing of the kind'), { status: 'INVALID_ARGUMENT' }],
      [good.subarray(0, 500), { status: 'INVALID_ARGUMENT' }],
      [pack(new Uint8Array(300_001)), { http: 413 }],
      [pack(new Uint8Array(5_000_000)), { http: 413 }],
    ];
    for (const [bytes, error] of wrong) {
      const budget = new ByteBudget(limits);
      const lease = budget.lease();
      await expect(readBody(sourceOf(bytes, encoding), limits, lease)).rejects.toMatchObject(error);
      lease.release();
      expect(budget.used).toBe(0);
    }
  });
});

test('many at once are unpacked as far as there is room, and no further', async () => {
  const { push } = Gunzip.prototype;
  let unpacked = 0;
  Gunzip.prototype.push = function (part: Uint8Array | null) {
    unpacked += part?.length ?? 0;
    return push.call(this, part);
  };
  onTestFinished(() => {
    Gunzip.prototype.push = push;
  });
  const most = 8 * 2 ** 20;
  const limits = checkLimits({ bodyBytes: most, pendingBytes: most });
  const budget = new ByteBudget(limits);
  const packed = gzipSync(new Uint8Array(most));
  const all = Array.from({ length: 40 }, () => readBody(sourceOf(packed, 'gzip'), limits, budget.lease()));
  const outcomes = await Promise.allSettled(all);
  const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  expect(refused.length).toBeGreaterThanOrEqual(39);
  for (const { reason } of refused) expect(reason).toMatchObject({ status: 'UNAVAILABLE' });
  expect(unpacked).toBeLessThan(2 * most);
});

test('who waits for the rest of one that has failed waits no longer', async () => {
  const limits = checkLimits({ bodyBytes: 1000 });
  const endless: BodySource = {
    length: undefined,
    encoding: 'gzip',
    read(onPart) {
      onPart(gzipSync(new Uint8Array(5000)));
      return new Promise(() => {});
    },
  };
  await expect(readBody(endless, limits, new ByteBudget(limits).lease())).rejects.toMatchObject({ http: 413 });
});

describe('a Content-Length that nobody has checked', () => {
  const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }] });

  test("that is no number, or not the body's, is 400, and takes nothing of the budget", async () => {
    const engine = await startEngine({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }) });
    // Room for one body at a time, so that what is not given back shows.
    const limits = { bodyBytes: body.length, pendingBytes: body.length };
    const handle = createFetchHandler(engine, { limits });
    const send = (length: string, sent = body) =>
      handle(
        new Request('http://x/v2/models/m/infer', {
          method: 'POST',
          body: sent,
          headers: { 'content-length': length },
        }),
      );
    for (const length of ['x', '', '-1', '1.5', '0x10', '1e2', 'NaN', `${body.length}, ${body.length}`]) {
      expect([(await send(length)).status, length]).toEqual([400, length]);
    }
    for (const length of [0, 1, body.length - 1]) expect((await send(`${length}`)).status).toBe(400);
    expect((await send(`${body.length}`, body.slice(1))).status).toBe(400);
    const good = await send(`${body.length}`);
    expect([good.status, await good.json()]).toMatchObject([200, { outputs: [{ data: [9, 16] }] }]);
    expect((await send(`${body.length + 1}`)).status).toBe(413);
  });

  test('the budget takes what is a number of bytes, and nothing else', () => {
    const budget = new ByteBudget(checkLimits({ bodyBytes: 10, pendingBytes: 10 }));
    for (const bytes of [Number.NaN, -1]) expect(() => budget.lease().take(bytes)).toThrow(RangeError);
    budget.lease().take(10);
    expect(() => budget.lease().take(1)).toThrow(/as many bytes/);
  });
});
