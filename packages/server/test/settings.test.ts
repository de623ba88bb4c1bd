// Triton's settings of traces and logs: who asks is told what holds, who changes them changes what is traced and logged.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { square } from '../../../test/support/onnx-builder.js';
import type { ServerOptions } from '../lib/index.js';
import { call, codeOf, grpcClient, inferOf } from './calls.js';
import { ask, folderOf, startServer } from './support.js';

const ensemble = `platform: "ensemble"
input { name: "in" data_type: TYPE_FP32 dims: [-1, 2] }
output { name: "out" data_type: TYPE_FP32 dims: [-1, 2] }
ensemble_scheduling {
  step { model_name: "m" input_map { key: "x" value: "in" } output_map { key: "y" value: "squared" } }
  step { model_name: "m" input_map { key: "x" value: "squared" } output_map { key: "y" value: "out" } }
}`;

async function started(options: ServerOptions = {}) {
  const m = square({ features: 2 });
  const repository = folderOf({ 'm.onnx': m, 'other.onnx': m, 'twice/config.pbtxt': ensemble });
  const server = await startServer({ repository, grpc: '127.0.0.1:0', explicitControl: true, ...options });
  const client = grpcClient(server.grpcTarget!);
  const infer = (model: string, name = 'x') =>
    ask(`${server.url}/v2/models/${model}/infer`, {
      inputs: [{ name, shape: [1, 2], datatype: 'FP32', data: [3, 4] }],
    });
  return { server, client, infer };
}

const TraceSetting = 'inference.GRPCInferenceService/TraceSetting';
const LogSettings = 'inference.GRPCInferenceService/LogSettings';

interface Traced {
  readonly id: number;
  readonly model_name?: string;
  readonly model_version?: number;
  readonly parent_id?: number;
  readonly timestamps?: readonly { readonly name: string; readonly ns: number }[];
}

const tracesIn = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Traced[];
const modelsIn = (file: string) => tracesIn(file).flatMap(({ model_name: name }) => name ?? []);

describe('trace settings', () => {
  const start = { trace_level: ['TIMESTAMPS'], trace_rate: '1', trace_count: '-1' };

  test('are told and changed, of all models and of one, over REST and gRPC', async () => {
    const { server, client } = await started();
    const of = (path: string, body?: unknown) => ask(`${server.url}/v2${path}/trace/setting`, body);
    const all = { ...start, trace_mode: 'opentelemetry' };
    expect(await of('')).toMatchObject({ status: 200, body: all });
    expect((await of('/models/m', { trace_rate: '5', trace_level: ['OFF'] })).body).toEqual({
      ...all,
      trace_rate: '5',
      trace_level: ['OFF'],
    });
    expect((await of('', { trace_rate: 3, trace_count: '7' })).body).toEqual({
      ...all,
      trace_rate: '3',
      trace_count: '7',
    });
    // Of one model holds what was said of it, and else what is said of all.
    expect((await of('/models/m')).body).toMatchObject({ trace_rate: '5', trace_count: '7', trace_level: ['OFF'] });
    expect((await of('/models/other')).body).toMatchObject({ trace_rate: '3', trace_level: ['TIMESTAMPS'] });
    expect((await of('/models/m', { trace_rate: null })).body).toMatchObject({ trace_rate: '3', trace_level: ['OFF'] });
    const told = await call(client, TraceSetting, { model_name: 'm', settings: { trace_level: { value: [] } } });
    expect(told.settings).toMatchObject({ trace_level: { value: ['TIMESTAMPS'] }, trace_rate: { value: ['3'] } });
    const cleared = { trace_rate: { value: [] }, trace_count: { value: [] } };
    await call(client, TraceSetting, { settings: cleared });
    expect((await of('')).body).toEqual(all);
  });

  test('that are wrong change nothing, and what calls may not say is refused', async () => {
    const { server, client } = await started();
    const status = async (body: unknown, path = '') =>
      (await ask(`${server.url}/v2${path}/trace/setting`, body)).status;
    expect(await status({ trace_rate: '2', trace_count: 'x' })).toBe(400);
    expect(await status({ trace_rate: '0' })).toBe(400);
    expect(await status({ trace_rate: ['1', '2'] })).toBe(400);
    expect(await status({ trace_count: '-2' })).toBe(400);
    expect(await status({ trace_count: '99999999999' })).toBe(400);
    expect(await status({ trace_level: ['OFF', 'TIMESTAMPS'] })).toBe(400);
    expect(await status({ trace_level: true })).toBe(400);
    expect(await status({ trace_lvl: 'OFF' })).toBe(400);
    expect(await status({ trace_level: ['TENSORS'] })).toBe(501);
    expect(await status({ trace_file: '/tmp/elsewhere' })).toBe(501);
    expect(await status({ trace_mode: 'triton' })).toBe(501);
    expect(await status({ log_frequency: '5' }, '/models/m')).toBe(501);
    expect(await status({ trace_rate: '2' }, '/models/none')).toBe(404);
    expect(await codeOf(call(client, TraceSetting, { settings: { trace_rate: { value: ['x'] } } }))).toBe(3);
    expect((await ask(`${server.url}/v2/trace/setting`)).body).toMatchObject(start);
  });

  test('the trace file has each run with its times, and of an ensemble its steps', async () => {
    const file = join(folderOf({}), 'trace.json');
    const { server, client, infer } = await started({ trace: { file } });
    expect((await ask(`${server.url}/v2/trace/setting`)).body).toEqual({
      ...start,
      log_frequency: '0',
      trace_file: file,
      trace_mode: 'triton',
    });
    expect((await infer('m')).status).toBe(200);
    expect((await infer('twice', 'in')).status).toBe(200);
    await call(client, 'inference.GRPCInferenceService/ModelInfer', inferOf('other', [1, 2]));
    // What infers nothing is not in it.
    await ask(`${server.url}/v2/models/m`);
    expect((await infer('none')).status).toBe(404);
    await server.close();
    const traces = tracesIn(file);
    expect(modelsIn(file)).toEqual(['m', 'twice', 'm', 'm', 'other']);
    const [, twice, first, second] = traces.filter((one) => one.model_name !== undefined);
    expect([first!.parent_id, second!.parent_id]).toEqual([twice!.id, twice!.id]);
    const times = (id: number) => traces.find((one) => one.id === id && one.timestamps)!.timestamps!;
    expect(times(1).map(({ name }) => name)).toEqual([
      'HTTP_RECV_START',
      'HTTP_RECV_END',
      'REQUEST_START',
      'QUEUE_START',
      'COMPUTE_START',
      'COMPUTE_INPUT_END',
      'COMPUTE_OUTPUT_START',
      'COMPUTE_END',
      'INFER_RESPONSE_COMPLETE',
      'REQUEST_END',
      'HTTP_SEND_START',
    ]);
    const nanos = times(1).map(({ ns }) => ns);
    expect(nanos).toEqual([...nanos].sort((a, b) => a - b));
    expect(times(traces.at(-1)!.id).map(({ name }) => name)).toContain('GRPC_WAITREAD_END');
  });

  test('rate, count and level say which, of each model by itself', async () => {
    const file = join(folderOf({}), 'trace.json');
    const { server, infer } = await started({ trace: { file, rate: 3 } });
    const set = (body: unknown, path = '') => ask(`${server.url}/v2${path}/trace/setting`, body);
    const several = async (model: string, count: number) => {
      for (let i = 0; i < count; i++) await infer(model);
    };
    await several('m', 7);
    await set({ trace_rate: '1', trace_count: '2' }, '/models/other');
    await several('other', 5);
    expect((await set({ trace_level: ['OFF'] })).status).toBe(200);
    await several('m', 5);
    expect((await ask(`${server.url}/v2/models/other/trace/setting`)).body).toMatchObject({ trace_count: '0' });
    // Whole JSON at any time: what is written is there when the next is.
    await set({ trace_level: ['TIMESTAMPS'], trace_rate: '1', log_frequency: '2' });
    await several('m', 3);
    await server.close();
    expect(modelsIn(file)).toEqual(['m', 'm', 'other', 'other']);
    expect(modelsIn(`${file}.0`)).toEqual(['m', 'm']);
    expect(modelsIn(`${file}.1`)).toEqual(['m']);
    expect(existsSync(`${file}.2`)).toBe(false);
  });

  test('options are checked', async () => {
    await expectError(
      started({ trace: { file: '/nowhere/trace.json' } }),
      'ERR_ARGUMENT',
      /trace\.file cannot be written/,
    );
    await expectError(started({ trace: { level: 'ON' as never } }), 'ERR_ARGUMENT', /trace\.level/);
    await expectError(started({ trace: { rate: 0 } }), 'ERR_ARGUMENT', /trace\.rate/);
    await expectError(started({ trace: { every: 5 } as never }), 'ERR_ARGUMENT', /no option 'every'/);
  });
});

describe('log settings', () => {
  /** What the server writes to stderr meanwhile. */
  function heard(): { readonly lines: () => Record<string, unknown>[]; stop(): void } {
    const parts: string[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = ((part: string) => parts.push(String(part)) > 0) as typeof process.stderr.write;
    return {
      lines: () => {
        const all = parts.join('').split('\n');
        return all.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
      },
      stop: () => {
        process.stderr.write = write;
      },
    };
  }

  test('say which lines are written, from then on', async () => {
    const ear = heard();
    try {
      const { server, client, infer } = await started({ log: 'warn' });
      const set = (body: unknown) => ask(`${server.url}/v2/logging`, body);
      const values = {
        log_file: '',
        log_info: false,
        log_warning: true,
        log_error: true,
        log_verbose_level: 0,
        log_format: 'default',
      };
      expect((await ask(`${server.url}/v2/logging`)).body).toEqual(values);
      await infer('m');
      const requests = () => ear.lines().filter(({ msg }) => msg === 'request');
      expect(requests()).toEqual([]);
      expect((await set({ log_info: true, log_format: 'ISO8601' })).body).toEqual({
        ...values,
        log_info: true,
        log_format: 'ISO8601',
      });
      await infer('m');
      await call(client, 'inference.GRPCInferenceService/ModelInfer', inferOf('m', [1, 2]));
      expect(requests().map(({ path }) => path)).toContain('/v2/models/m/infer');
      expect(requests().at(-1)).toMatchObject({
        method: 'gRPC',
        path: '/inference.GRPCInferenceService/ModelInfer',
        status: 'OK',
        client: '127.0.0.1',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      });
      // Each level by itself, as Triton has them.
      const settings = { log_info: { bool_param: false }, log_verbose_level: { uint32_param: 1 } };
      const told = await call(client, LogSettings, { settings });
      expect(told.settings).toMatchObject({
        log_verbose_level: { uint32_param: 1 },
        log_format: { string_param: 'ISO8601' },
      });
      const before = requests().length;
      expect((await infer('m')).status).toBe(200);
      expect(requests().length).toBe(before);
      expect(ear.lines().at(-1)).toMatchObject({ msg: 'batch', batcher: expect.stringContaining('m/1'), requests: 1 });
    } finally {
      ear.stop();
    }
  });

  test('that are wrong change nothing; those of a logger that was given are its own', async () => {
    const { server, client } = await started();
    const status = async (body: unknown) => (await ask(`${server.url}/v2/logging`, body)).status;
    expect(await status({ log_info: true, log_error: 'yes' })).toBe(400);
    expect(await status({ log_verbose_level: -1 })).toBe(400);
    expect(await status({ log_verbose_level: 0.5 })).toBe(400);
    expect(await status({ log_format: 'xml' })).toBe(400);
    expect(await status({ log_infos: true })).toBe(400);
    expect(await status({ log_info: null })).toBe(400);
    expect(await status({ log_file: '/tmp/x' })).toBe(501);
    expect(await codeOf(call(client, LogSettings, { settings: { log_info: { uint32_param: 1 } } }))).toBe(3);
    expect((await ask(`${server.url}/v2/logging`)).body).toMatchObject({ log_info: false, log_verbose_level: 0 });
    const silent = { level: 'error', child: () => silent } as Record<string, unknown>;
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']) silent[level] = () => {};
    const other = await started({ log: silent as never });
    const logging = `${other.server.url}/v2/logging`;
    expect((await ask(logging)).body).toMatchObject({ log_error: true, log_warning: false });
    expect((await ask(logging, { log_warning: true })).status).toBe(501);
  });
});

test('where control is not switched on, settings are told and not changed', async () => {
  const { server, client } = await started({ explicitControl: false });
  for (const path of ['logging', 'trace/setting', 'models/m/trace/setting']) {
    const url = `${server.url}/v2/${path}`;
    expect((await ask(url)).status).toBe(200);
    expect((await ask(url, {})).status).toBe(200);
    const change = path === 'logging' ? { log_info: true } : { trace_rate: '5' };
    expect((await ask(url, change)).status).toBe(501);
  }
  expect(await codeOf(call(client, LogSettings, { settings: { log_info: { bool_param: true } } }))).toBe(12);
  expect((await call(client, LogSettings)).settings).toHaveProperty('log_info');
});
