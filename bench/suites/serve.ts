import { linkSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Child } from '../../lib/cli/load/child.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import type { RawRequest } from '../load/raw-http.js';
import type { ServeClientWorker } from '../load/serve-client-worker.js';
import type { Place, ServeWorker } from '../load/serve-worker.js';
import type { Summary } from '../load/summary.js';
import { isSustained } from '../load/sustained.js';
import { models } from '../models.js';
import { FastApi, type FastApiWay } from '../peers/fastapi.js';
import { maxAbsError, median, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';

const WIDTH = 2048;
/** Of the dense model of a short run, under the same name: it is sooner loaded, by everybody. */
const SHORT_WIDTH = 256;
const SMALL = 16;
const SIDE = 224;
const FLOATS = 3 * SIDE * SIDE;
const CONNECTIONS = 64;
const MOST_P95_MS = 100;
const EMPTY_CALL = '/empty.Empty/Call';

const DENSE = `${WIDTH}-float dense model, binary over HTTP, of its rate in process`;
const LOOP = "p99 of the server's event loop meanwhile";
const SQUARE_HTTP = `${SMALL}-float model over HTTP, of an empty POST route of fastify's`;
const SQUARE_GRPC = `${SMALL}-float model over gRPC, of an empty call of grpc-js`;
const JSON_COST = `JSON against binary, ${FLOATS.toLocaleString('en-US')} floats, time a request`;
const PEERS: Readonly<Record<FastApiWay, { readonly name: string; readonly times: number }>> = {
  one: { name: 'FastAPI one by one', times: 4 },
  poll: { name: 'FastAPI polled every 10 ms', times: 2 },
};
const WAYS = Object.keys(PEERS) as FastApiWay[];
const sustainedAgainst = (way: FastApiWay) => `rate with p95 below ${MOST_P95_MS} ms, against ${PEERS[way].name}`;
const lightAgainst = (way: FastApiWay) => `p50 at light load, against ${PEERS[way].name}`;

/** What serving costs: the same model in process and behind the server, beside servers that do nothing, and one that is written first. */
export const serve: Suite = {
  name: 'serve',
  about:
    'the model server: binary, JSON and gRPC beside the library in process, empty routes, FastAPI with ONNX Runtime',
  figures: [
    DENSE,
    LOOP,
    SQUARE_HTTP,
    SQUARE_GRPC,
    JSON_COST,
    ...WAYS.flatMap((way) => [sustainedAgainst(way), lightAgainst(way)]),
  ],
  async run(context) {
    const stage = await Stage.open(context.rounds(WIDTH, SHORT_WIDTH));
    try {
      await stage.checkAnswers();
      await dense(context, stage);
      await small(context, stage);
      await largeBodies(context, stage);
      await beside(context, stage);
    } finally {
      await stage.close();
    }
  },
};

/** The processes: the server, the library alone, servers that do nothing, and the load program. */
class Stage {
  readonly server = new Child<ServeWorker>(worker('serve'), 'server');
  readonly alone = new Child<ServeWorker>(worker('serve'), 'in process');
  readonly empty = new Child<ServeWorker>(worker('serve'), 'empty');
  readonly client = new Child<ServeClientWorker>(worker('serve-client'), 'client');
  place!: Place;
  nothing!: Place;
  /** Lies beside the models, which are links to them. */
  readonly #folder = mkdtempSync(join(dirname(models.square()), 'serve-'));

  private constructor(readonly width: number) {}

  /** With a dense model of this width. */
  static async open(width: number): Promise<Stage> {
    const stage = new Stage(width);
    try {
      const served = { dense: models.dense(width), square: models.square(), colours: models.colours() };
      const folders = Object.entries(served).map(([name, file]) => [name, stage.#folderOf(name, file)]);
      stage.place = await stage.server.call('start', Object.fromEntries(folders));
      stage.nothing = await stage.empty.call('startEmpty', { path: EMPTY_CALL });
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.server, this.alone, this.empty, this.client].map((child) => child.close()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What is measured has to be right: the same answer in every way, and the one that is known. */
  async checkAnswers(): Promise<void> {
    const row = randomFloats(SMALL, 1);
    const wanted = row.map((x) => x * x);
    const answers = await Promise.all([
      this.#json(jsonRequest(this.place, 'square', [1, SMALL], row)),
      this.#binary(binaryRequest(this.place, 'square', [1, SMALL], row)),
    ]);
    const [asJson, asBytes] = await Promise.all([
      this.#json(jsonRequest(this.place, 'colours', [1, 3, SIDE, SIDE], picture())),
      this.#binary(binaryRequest(this.place, 'colours', [1, 3, SIDE, SIDE], picture())),
    ]);
    for (const answer of answers) {
      if (maxAbsError(answer, wanted) > 1e-6) throw new Error(`the squares are ${answer.join(' ')}`);
    }
    if (maxAbsError(asJson, asBytes) > 1e-6)
      throw new Error(`JSON gave ${asJson.join(' ')}, bytes ${asBytes.join(' ')}`);
  }

  async #json(request: RawRequest): Promise<Float32Array> {
    const bytes = await this.client.call('answer', request);
    const { outputs } = JSON.parse(Buffer.from(bytes).toString()) as { outputs: { data: number[] }[] };
    return Float32Array.from(outputs[0]!.data);
  }

  /** The only output comes last. */
  async #binary(request: RawRequest): Promise<Float32Array> {
    const bytes = Buffer.from(await this.client.call('answer', request));
    const size = Number(/"binary_data_size":(\d+)/.exec(bytes.toString('latin1'))?.[1]);
    return new Float32Array(Uint8Array.from(bytes.subarray(bytes.length - size)).buffer);
  }

  /** A version's folder, with the model in it. */
  #folderOf(name: string, file: string): string {
    const folder = join(this.#folder, name);
    mkdirSync(join(folder, '1'), { recursive: true });
    linkSync(file, join(folder, '1', 'model.onnx'));
    return folder;
  }
}

const worker = (name: string) => new URL(`../load/${name}-worker.ts`, import.meta.url);
const picture = () => randomFloats(FLOATS, 7);

async function dense(context: Context, { server, alone, client, place, width }: Stage): Promise<void> {
  const request = binaryRequest(place, 'dense', [1, width], randomFloats(width, 1));
  const load = { callers: CONNECTIONS, warmupMs: context.rounds(3000, 50), durationMs: context.rounds(4000, 150) };
  const [direct, served, loop, idle]: number[][] = [[], [], [], []];
  for (let round = 0; round < context.rounds(5, 1); round++) {
    await server.call('watch', undefined as never);
    await new Promise((resolve) => setTimeout(resolve, context.rounds(1000, 50)));
    idle!.push((await server.call('watched', undefined as never)).loop.p99);
    direct!.push(await alone.call('inProcess', { path: models.dense(width), width, ...load }));
    await server.call('watch', undefined as never);
    served!.push((await client.call('closedLoop', { request, ...load })).throughput);
    loop!.push((await server.call('watched', undefined as never)).loop.p99);
  }
  const { count, rows } = await server.call('batches', 'dense');
  context.add(DENSE, 'x', ratios(served!, direct!), {
    target: { is: '>=', value: 0.6 },
    remark: `${CONNECTIONS} callers who ask again when they are answered; ${(rows / count).toFixed(1)} rows a batch at the server`,
  });
  context.add(LOOP, 'ms', loop!, {
    target: { is: '<=', value: Math.max(5, 2 * median(idle!)) },
    remark: `5 ms, or twice that of the idle server, ${median(idle!).toFixed(1)} ms`,
  });
  context.add('dense model in process', '/s', direct!);
  context.add('dense model, binary over HTTP', '/s', served!);
}

interface Side {
  readonly name: string;
  /** Whose processor time a request costs. */
  readonly process: Child<ServeWorker>;
  throughput(): Promise<number>;
}

async function small(context: Context, { server, empty, client, place, nothing }: Stage): Promise<void> {
  const row = randomFloats(SMALL, 1);
  const load = { callers: CONNECTIONS, warmupMs: context.rounds(1000, 50), durationMs: context.rounds(3000, 150) };
  const http = (name: string, process: Child<ServeWorker>, request: RawRequest): Side => ({
    name,
    process,
    throughput: async () => (await client.call('closedLoop', { request, ...load })).throughput,
  });
  const grpc = (
    name: string,
    process: Child<ServeWorker>,
    target: string,
    path: string,
    message: Uint8Array,
  ): Side => ({
    name,
    process,
    throughput: async () => (await client.call('grpcClosedLoop', { target, path, message, ...load })).throughput,
  });
  const json = jsonRequest(place, 'square', [1, SMALL], row);
  const sides = [
    http('16-float model, JSON over HTTP', server, json),
    http('16-float model, binary over HTTP', server, binaryRequest(place, 'square', [1, SMALL], row)),
    http('empty POST route of fastify', empty, { ...json, url: `${nothing.url}/` }),
    grpc(
      '16-float model over gRPC',
      server,
      place.grpc,
      '/inference.GRPCInferenceService/ModelInfer',
      inferMessage(row),
    ),
    grpc('empty call of grpc-js', empty, nothing.grpc, EMPTY_CALL, new Uint8Array()),
  ];
  const rates: number[][] = sides.map(() => []);
  const costs: number[][] = sides.map(() => []);
  for (let round = 0; round < context.rounds(5, 1); round++) {
    for (const [i, { process, throughput }] of sides.entries()) {
      await process.call('watch', undefined as never);
      const rate = await throughput();
      const { cpuMicros } = await process.call('watched', undefined as never);
      rates[i]!.push(rate);
      costs[i]!.push(cpuMicros / (rate * ((load.warmupMs + load.durationMs) / 1000)));
    }
  }
  const remark = `${CONNECTIONS} connections, a caller each who asks again when answered`;
  const target = { is: '>=', value: 0.6 } as const;
  context.add(SQUARE_HTTP, 'x', ratios(rates[0]!, rates[2]!), { target, remark: `${remark}; JSON, of the same body` });
  context.add(SQUARE_GRPC, 'x', ratios(rates[3]!, rates[4]!), { target, remark });
  for (const [i, { name }] of sides.entries()) {
    context.add(name, '/s', rates[i]!);
    context.add(`${name}, processor time of the server a request`, 'us', costs[i]!);
  }
}

async function largeBodies(context: Context, { client, place }: Stage): Promise<void> {
  const dims = [1, 3, SIDE, SIDE];
  const json = jsonRequest(place, 'colours', dims, picture());
  const binary = binaryRequest(place, 'colours', dims, picture());
  const count = context.rounds(40, 3);
  const [asJson, asBytes]: [number[], number[]] = [[], []];
  for (let round = context.rounds(-1, 0); round < context.rounds(5, 1); round++) {
    const one = median(await client.call('latencies', { request: json, count }));
    const other = median(await client.call('latencies', { request: binary, count }));
    // The first round warms everything up.
    if (round < 0) continue;
    asJson.push(one);
    asBytes.push(other);
  }
  context.add(JSON_COST, 'x', ratios(asJson, asBytes), {
    target: { is: '<=', value: 4 },
    remark: `one at a time; bodies of ${(json.body.length / 1e6).toFixed(1)} and ${(binary.body.length / 1e6).toFixed(1)} MB`,
  });
  context.add('request of JSON, p50', 'ms', asJson);
  context.add('request of bytes, p50', 'ms', asBytes);
}

/** Both under the same open loop of JSON bodies: each rate that is tried meets the same arrivals. */
async function beside(context: Context, { client, place, width }: Stage): Promise<void> {
  const body = rowsBody(randomFloats(width, 1));
  const load = {
    arrivals: 'poisson',
    warmupMs: context.rounds(1000, 50),
    measureMs: context.rounds(4000, 400),
    maxInFlight: 512,
  } as const;
  let seed = 1;
  const measure = (url: string, rate: number, own = seed++) =>
    client.call('openLoop', { request: { url, headers: json, body }, rate, seed: own, ...load });
  const sustained = async (url: string, name: string): Promise<number> => {
    const rate = await highestRate((one) => measure(url, one), context.rounds(1.5, 8), context.rounds(4, 0));
    context.log(`${name}: ${rate}/s with p95 below ${MOST_P95_MS} ms`);
    return rate;
  };
  const ours = `${place.url}/v1/models/dense:predict`;
  const light = 20;
  let own: number | undefined;
  for (const way of WAYS) {
    const peer = await FastApi.open(models.dense(width), way);
    if ('missing' in peer) {
      for (const name of [sustainedAgainst(way), lightAgainst(way)]) context.skip(name, 'x', peer.missing);
      continue;
    }
    try {
      Object.assign(context.versions, peer.versions);
      const [mine, theirs]: [number[], number[]] = [[], []];
      for (let round = 0; round < context.rounds(5, 1); round++) {
        const same = seed++;
        mine.push((await measure(ours, light, same)).latencyMs.p50);
        theirs.push((await measure(peer.url, light, same)).latencyMs.p50);
      }
      own ??= await sustained(ours, 'tensorlane');
      const rate = await sustained(peer.url, PEERS[way].name);
      const none = rate === 0 ? { notComparable: 'it sustained none of the rates' } : {};
      context.add(sustainedAgainst(way), 'x', [own / Math.max(rate, 1)], {
        target: { is: '>=', value: PEERS[way].times },
        remark: `open loop, Poisson arrivals, bodies of JSON with ${WIDTH} floats`,
        ...none,
      });
      context.add(lightAgainst(way), 'x', ratios(mine, theirs), {
        target: { is: '<=', value: 1 },
        remark: `at ${light}/s`,
      });
      context.add(`p50 at ${light}/s, tensorlane beside ${PEERS[way].name}`, 'ms', mine);
      context.add(`p50 at ${light}/s, ${PEERS[way].name}`, 'ms', theirs);
      context.add(`rate with p95 below ${MOST_P95_MS} ms, ${PEERS[way].name}`, '/s', [rate]);
    } finally {
      await peer.close();
    }
  }
  own ??= await sustained(ours, 'tensorlane');
  context.add(`rate with p95 below ${MOST_P95_MS} ms`, '/s', [own], {
    remark: `JSON bodies of ${WIDTH} floats, open loop`,
  });
}

/** The highest rate that is kept up with and answered in time: each is `step` times the one before, and then it is looked between. */
async function highestRate(
  measure: (rate: number) => Promise<Summary>,
  step: number,
  refinements: number,
): Promise<number> {
  const keepsUp = async (rate: number) => {
    const summary = await measure(rate);
    return isSustained(summary) && summary.latencyMs.p95 < MOST_P95_MS;
  };
  let good = 0;
  let bad = 25;
  while (bad < 50_000 && (await keepsUp(bad))) {
    good = bad;
    bad = Math.round(bad * step);
  }
  for (let i = 0; i < refinements; i++) {
    const middle = Math.round((good + bad) / 2);
    if (middle === good || middle === bad) break;
    if (await keepsUp(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

const json = { 'content-type': 'application/json' };

function jsonRequest({ url }: Place, model: string, shape: readonly number[], data: Float32Array): RawRequest {
  const body = JSON.stringify({ inputs: [{ name: 'x', shape, datatype: 'FP32', data: [...data] }] });
  return { url: `${url}/v2/models/${model}/infer`, headers: json, body: Buffer.from(body) };
}

function binaryRequest({ url }: Place, model: string, shape: readonly number[], data: Float32Array): RawRequest {
  const parameters = { binary_data_size: data.byteLength };
  const head = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [{ name: 'x', shape, datatype: 'FP32', parameters }],
    }),
  );
  const headers = {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': String(head.length),
  };
  return { url: `${url}/v2/models/${model}/infer`, headers, body: Buffer.concat([head, Buffer.from(data.buffer)]) };
}

function rowsBody(row: Float32Array): Buffer {
  return Buffer.from(JSON.stringify({ instances: [[...row]] }));
}

/** A ModelInferRequest for the model `square`: by hand, for a dozen of bytes around the floats. */
function inferMessage(row: Float32Array): Uint8Array {
  const field = (number: number, bytes: Uint8Array) =>
    Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes]);
  const input = Buffer.concat([
    field(1, Buffer.from('x')),
    field(2, Buffer.from('FP32')),
    field(3, Buffer.of(1, row.length)),
  ]);
  return Buffer.concat([field(1, Buffer.from('square')), field(5, input), field(7, Buffer.from(row.buffer))]);
}
