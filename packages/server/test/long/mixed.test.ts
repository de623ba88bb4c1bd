// All that the server does at once, for a while: every answer is right, nothing fails that should not, and memory stays flat.
//
// Some seconds; TENSORLANE_MIXED_SECONDS=600 goes on as long.

import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { add, square } from '../../../../test/support/onnx-builder.js';
import { messageType } from '../../lib/core/protos.js';
import { folderOf } from '../support.js';
import { randomBy, type ServerProcess, startProcess } from './process.js';

const seconds = Number(process.env.TENSORLANE_MIXED_SECONDS ?? 8);
const seed = Number(process.env.TENSORLANE_FUZZ_SEED ?? 13);

const chain = `
export const inputs = [{ name: 'x', type: 'float32', dims: [-1, 2] }];
export const outputs = [{ name: 'y', type: 'float32', dims: [-1, 2] }];
export async function run({ x }, { models }) {
  const { y } = await models.run('square', { x });
  return models.run('square', { x: y });
}`;
const powers = `
export const inputs = [{ name: 'x', type: 'float32', dims: [1, 2] }];
export const outputs = [{ name: 'y', type: 'float32', dims: [1, 2] }];
export async function* run({ x }, { models }) {
  for (let i = 0; i < 3; i++) {
    const { y } = await models.run('square', { x });
    yield { y };
    x = y;
  }
}`;
const twice = `platform: "ensemble" max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: 2 } output { name: "y" data_type: TYPE_FP32 dims: 2 }
ensemble_scheduling {
  step { model_name: "square" input_map { key: "x" value: "x" } output_map { key: "y" value: "s" } }
  step { model_name: "square" input_map { key: "x" value: "s" } output_map { key: "y" value: "y" } }
}`;

type Random = () => number;
/** Rejects with what was wrong. */
type Work = (random: Random) => Promise<void>;

const below = (random: Random, most: number) => Math.floor(random() * most);

function same(got: unknown, wanted: unknown): void {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(got)?.slice(0, 300)}`);
  }
}

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const sent = body instanceof Uint8Array ? body : JSON.stringify(body);
  return fetch(url, { method: 'POST', body: sent as string, headers });
}

// biome-ignore lint/suspicious/noExplicitAny: what an answer has is what its protocol says
async function answered(response: Response, status = 200): Promise<any> {
  const body = await response.json();
  if (response.status !== status) throw new Error(`${response.status} ${JSON.stringify(body).slice(0, 300)}`);
  return body;
}

function worksOf({ url, grpc }: ServerProcess): Record<string, Work> {
  const client = new Client(grpc, credentials.createInsecure());
  const request = messageType('inference.ModelInferRequest');
  const reply = messageType('inference.ModelInferResponse');
  const row = (random: Random) => [below(random, 9), below(random, 9)];
  const input = (data: number[]) => ({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data }] });
  const squares = (data: readonly number[]) => data.map((x) => x * x);
  return {
    'v2 JSON': async (random) => {
      const x = row(random);
      const { outputs } = await answered(await post(`${url}/v2/models/square/infer`, input(x)));
      same(outputs[0].data, squares(x));
    },
    'v2 binary': async (random) => {
      const rows = 1 + below(random, 3000);
      const data = Float32Array.from({ length: rows * 2 }, () => below(random, 99));
      const head = JSON.stringify({
        parameters: { binary_data_output: true },
        inputs: [{ name: 'x', shape: [rows, 2], datatype: 'FP32', parameters: { binary_data_size: data.byteLength } }],
      });
      const body = Buffer.concat([Buffer.from(head), Buffer.from(data.buffer)]);
      const headers = { 'inference-header-content-length': String(head.length) };
      const response = await post(`${url}/v2/models/square/infer`, body, headers);
      const bytes = Buffer.from(await response.arrayBuffer());
      if (response.status !== 200) throw new Error(bytes.toString().slice(0, 300));
      const got = new Float32Array(Uint8Array.from(bytes.subarray(bytes.length - data.byteLength)).buffer);
      const wrong = got.findIndex((y, i) => y !== data[i]! ** 2);
      if (wrong >= 0) throw new Error(`element ${wrong} of ${data[wrong]} is ${got[wrong]}`);
    },
    'rows of TensorFlow Serving, compressed': async (random) => {
      const rows = Array.from({ length: 1 + below(random, 200) }, () => row(random));
      const body = gzipSync(JSON.stringify({ instances: rows }));
      const response = await post(`${url}/v1/models/square:predict`, body, { 'content-encoding': 'gzip' });
      same((await answered(response)).predictions, rows.map(squares));
    },
    'a chain in JS': async (random) => {
      const x = row(random);
      const { predictions } = await answered(await post(`${url}/v1/models/chain:predict`, { instances: [x] }));
      same(predictions, [squares(squares(x))]);
    },
    'an ensemble': async (random) => {
      const x = row(random);
      const { outputs } = await answered(await post(`${url}/v2/models/twice/infer`, input(x)));
      same(outputs[0].data, squares(squares(x)));
    },
    'a decoupled model': async (random) => {
      const x = [below(random, 4), below(random, 4)];
      const text = await (await post(`${url}/v2/models/powers/generate_stream`, { x })).text();
      const events = text.trim().split('\n\n');
      const wanted = [2, 4, 8].map((power) => x.map((one) => one ** power));
      same(
        events.map((event) => JSON.parse(event.slice('data: '.length)).y),
        wanted,
      );
    },
    'linear algebra': async (random) => {
      const [a, b] = [1 + below(random, 9), 1 + below(random, 9)];
      const body = {
        instances: [
          [
            [a, 0],
            [0, b],
          ],
        ],
      };
      const { predictions } = await answered(await post(`${url}/v1/models/linalg.svdvals:predict`, body));
      same(
        predictions[0].map((s: number) => Math.round(s * 1e6) / 1e6),
        [Math.max(a, b), Math.min(a, b)],
      );
    },
    gRPC: (random) => {
      const x = row(random);
      const message = request
        .encode(
          request.fromObject({
            model_name: 'square',
            inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2] }],
            raw_input_contents: [new Uint8Array(Float32Array.from(x).buffer)],
          }),
        )
        .finish();
      return new Promise((resolve, reject) => {
        const bytes = (one: Buffer) => one;
        client.makeUnaryRequest(
          '/inference.GRPCInferenceService/ModelInfer',
          bytes,
          bytes,
          Buffer.from(message),
          new Metadata(),
          (error, got) => {
            if (error) return reject(error);
            // biome-ignore lint/suspicious/noExplicitAny: what a message has is what its .proto file says
            const { raw_output_contents: raw } = reply.decode(got!) as any;
            try {
              same([...new Float32Array(Uint8Array.from(raw[0]).buffer)], squares(x));
              resolve();
            } catch (wrong) {
              reject(wrong as Error);
            }
          },
        );
      });
    },
    'what is wrong': async (random) => {
      const [path, body, status] = [
        ['/v2/models/square/infer', { inputs: [] }, 400],
        ['/v1/models/none:predict', { instances: [[1]] }, 404],
        ['/v2/models/square/infer', input([1, 2, 3]), 400],
        ['/v1/models/square:predict', { instances: [[1, 2, 3]] }, 400],
      ][below(random, 4)] as [string, object, number];
      await answered(await post(url + path, body), status);
    },
    'who hangs up': async (random) => {
      const sent = httpRequest(`${url}/v2/models/${random() < 0.5 ? 'powers/generate_stream' : 'square/infer'}`, {
        method: 'POST',
      });
      sent.on('error', () => {});
      sent.write('{"x": [1, 2');
      if (random() < 0.5) sent.end(']}');
      await new Promise((resolve) => setTimeout(resolve, below(random, 5)));
      sent.destroy();
    },
    'who connects alone': async (random) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      if (random() < 0.5)
        socket.write('POST /v2/models/square/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{');
      socket.destroy();
      // Nothing tells it that the server has taken the connection: two that never pause would fill the system's queue of those that wait
      // to be, for minutes, and nobody else came in.
      await sleep(5);
    },
    'who looks': async (random) => {
      const path = ['/metrics', '/status', '/v2/models/stats', '/v2/repository/index', '/openapi.json'][
        below(random, 5)
      ]!;
      const response = path.endsWith('index') ? await post(url + path, {}) : await fetch(url + path);
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
    },
  };
}

const mean = (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0) / list.length;

test(`${seconds} seconds of mixed load`, { timeout: 300_000 + seconds * 3000 }, async () => {
  const repository = folderOf({
    'square.onnx': square({ features: 2 }),
    'add.onnx': add(),
    'chain/1/model.mjs': chain,
    'powers/1/model.mjs': powers,
    'twice/config.pbtxt': twice,
  });
  const args = [repository, '--linalg', '--poll', '1', '--drain', '5', '--log', 'error'];
  const server = await startProcess(args, 300_000 + seconds * 2000);
  const works = Object.entries(worksOf(server));
  const wrong: string[] = [];
  const done = new Map<string, number>();
  const until = Date.now() + seconds * 1000;
  const caller = async (name: string, work: Work, index: number) => {
    const random = randomBy(seed * 1_000_003 + index);
    // On however busy a machine: some of each.
    for (let turn = 0; (turn < 5 || Date.now() < until) && wrong.length < 10; turn++) {
      try {
        await work(random);
        done.set(name, (done.get(name) ?? 0) + 1);
      } catch (error) {
        wrong.push(`${name}: ${inspect(error)}`);
      }
    }
  };
  const memory: number[] = [];
  const timer = setInterval(() => memory.push(server.memory() ?? 0), Math.min(1000, seconds * 20));
  await Promise.all(works.flatMap(([name, work], at) => [0, 1].map((twin) => caller(name, work, at * 2 + twin))));
  clearInterval(timer);
  expect(wrong).toEqual([]);
  for (const [name] of works) expect(done.get(name) ?? 0, name).toBeGreaterThan(0);
  const third = Math.floor(memory.length / 3);
  const [middle, last] = [mean(memory.slice(third, 2 * third)), mean(memory.slice(-third))].map((one) => one / 2 ** 20);
  const all = [...done.values()].reduce((sum, one) => sum + one, 0);
  console.log(`${all} requests, ${middle!.toFixed(0)} MiB in the second third, ${last!.toFixed(0)} MiB in the last`);
  for (const [name, count] of done) console.log(`${name}: ${count}`);
  // So long as V8's heap still finds its size, a part of it.
  expect(last).toBeLessThan(middle! * 1.1 + 32);
  const { code, signal, stderr } = await server.stop();
  expect([code, signal]).toEqual([0, null]);
  expect(stderr).not.toContain('internal error');
});
