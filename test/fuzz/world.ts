// Does a random user's steps on a device, and knows what must come of each: the right answer, or an error that says what was wrong.

import { open, type Sequence, TensorlaneError, tensor } from 'tensorlane';
import { errorCodes } from '../../lib/core/errors.js';
import { add, lookup, randomFloats, recurrent, slow, square, strings } from '../support/onnx-builder.js';
import type { Load, Run, Step } from './steps.js';

type Opened = Awaited<ReturnType<typeof open>>;
type Loaded = Awaited<ReturnType<Opened['loadModel']>>;
type Resident = Awaited<ReturnType<Opened['put']>>;
type Given = Record<string, { type: string; data: unknown; dims: number[] }>;

/** Nothing is judged by it: what never settles should fail. */
const hangMs = 60_000;

const bytes = {
  square: square({ features: 3 }),
  add: add({ features: 3 }),
  recurrent: recurrent({ layers: 2, width: 3, features: 4 }),
  lookup: lookup({ rows: 10, features: 2 }),
  strings: strings({ features: 2 }),
  slow: slow({ iterations: 30, width: 64 }),
};

interface LoadedModel {
  readonly kind: Load['model'];
  readonly model: Loaded;
  readonly controllers: AbortController[];
  readonly sequences: { readonly sequence: Sequence; sum: number; pushed: number }[];
}

export type Tally = Map<string, number>;

/** A step's promise with its check. */
interface Pending {
  readonly what: string;
  readonly done: Promise<unknown>;
}

export class World {
  readonly #device: Opened;
  readonly #models: LoadedModel[] = [];
  readonly #tensors: { readonly tensor: Resident; readonly values: Float32Array }[] = [];
  readonly #pending: Pending[] = [];
  readonly #problems: string[] = [];

  /** How often each kind of step came to which end: 'right', or the code of an error. */
  readonly #tally: Tally;

  static async make(tally: Tally): Promise<World> {
    return new World(await open({ device: 'cpu', streams: 2 }), tally);
  }

  private constructor(device: Opened, tally: Tally) {
    this.#device = device;
    this.#tally = tally;
  }

  /** Does all of them, waits for everything that was begun, and gives what went wrong. */
  async live(steps: readonly Step[]): Promise<readonly string[]> {
    try {
      for (const step of steps) await this.#step(step);
      await this.#settle();
    } finally {
      await this.#within('the device disposes', this.#device.dispose());
      await this.#settle();
    }
    return this.#problems;
  }

  async #step(step: Step): Promise<void> {
    switch (step.do) {
      case 'load':
        return this.#load(step);
      case 'run':
        return this.#run(step);
      case 'wrong run': {
        const { model } = this.#model(step.model) ?? {};
        if (model) this.#expect('a wrong run', () => model.run(step.feeds as never, step.options as never));
        return;
      }
      case 'abort':
        for (const controller of this.#model(step.model)?.controllers.splice(0) ?? []) controller.abort();
        return;
      case 'dispose model': {
        const { model } = this.#model(step.model) ?? {};
        if (model) this.#expect('disposing a model', () => model.dispose(), accepted);
        return;
      }
      case 'sequence':
        return this.#sequence(step.model);
      case 'push':
        return this.#push(step.model, step.seed);
      case 'end sequence': {
        const last = this.#model(step.model)?.sequences.pop();
        if (last) this.#expect('ending a sequence', () => last.sequence.dispose(), accepted);
        return;
      }
      case 'matmul':
        return this.#matmul(step);
      case 'put': {
        const values = randomFloats(step.count, step.seed + 1);
        this.#expect(
          'put',
          () => this.#device.put(tensor(values)),
          (resident) => {
            this.#tensors.push({ tensor: resident as Resident, values });
            return undefined;
          },
        );
        return;
      }
      case 'get': {
        const held = at(this.#tensors, step.tensor);
        if (held)
          this.#expect(
            'get',
            () => held.tensor.get(),
            ({ data }) => unlike(data as Float32Array, held.values),
          );
        return;
      }
      case 'free': {
        const held = at(this.#tensors, step.tensor);
        if (held) this.#expect('freeing a tensor', () => held.tensor.dispose(), accepted);
        return;
      }
      case 'slice': {
        const held = at(this.#tensors, step.tensor);
        if (!held) return;
        const values = held.values.slice(step.start, step.end);
        this.#expect('slice', async () =>
          this.#tensors.push({ tensor: held.tensor.slice(step.start, step.end), values }),
        );
        return;
      }
      case 'junk':
        return this.#junk(step);
      case 'turn':
        await new Promise((resolve) => setImmediate(resolve));
        return;
      default:
        return this.#settle();
    }
  }

  #load({ model: kind, options }: Load): Promise<void> | undefined {
    this.#expect(
      `loading ${kind}`,
      () => this.#device.loadModel(bytes[kind], options as never),
      (model) => {
        this.#models.push({ kind, model: model as Loaded, controllers: [], sequences: [] });
        return undefined;
      },
    );
    // The first ones are wanted by the steps that follow.
    return this.#models.length < 2 ? this.#settle() : undefined;
  }

  #run({ model: index, rows, seed, options, afterwards }: Run): void {
    const loaded = this.#model(index);
    if (!loaded) return;
    const feeds = feedsOf(loaded.kind, rows, seed);
    const expected = answerOf(loaded.kind, feeds);
    const { abortable, ...others } = options;
    const controller = abortable ? new AbortController() : undefined;
    if (controller) loaded.controllers.push(controller);
    const given = { ...others, signal: controller?.signal };
    this.#expect(
      `a run of ${loaded.kind} with ${rows} rows`,
      () => loaded.model.run(feeds as never, given),
      (outputs) => {
        if (expected === undefined) return undefined;
        const { name, values } = expected;
        return unlike((outputs as Record<string, { data: ArrayLike<number | string> }>)[name]!.data, values);
      },
    );
    for (const { data } of Object.values(feeds)) {
      if (afterwards === 'overwrite')
        (data as Float32Array).fill((Array.isArray(data) ? '' : data instanceof BigInt64Array ? 0n : 7) as never);
      // What is taken away while it is checked is refused; afterwards it has been copied.
      if (afterwards === 'transfer' && ArrayBuffer.isView(data))
        structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
    }
  }

  #sequence(index: number): void {
    const recurrents = this.#models.filter(({ kind }) => kind === 'recurrent');
    const loaded = at(recurrents, index) ?? this.#model(index);
    if (!loaded) return;
    const isRecurrent = loaded.kind === 'recurrent';
    const states = isRecurrent ? { state: 'next' } : { x: 'y' };
    this.#expect('a sequence', async () => {
      const sequence = loaded.model.sequence({ states });
      if (isRecurrent) loaded.sequences.push({ sequence, sum: 0, pushed: 0 });
    });
  }

  #push(index: number, seed: number): void {
    const loaded = at(
      this.#models.filter(({ sequences }) => sequences.length > 0),
      index,
    );
    const last = loaded?.sequences.at(-1);
    if (!last) {
      // One for the next push.
      this.#sequence(index);
      return;
    }
    const { x, k } = feedsOf('recurrent', 1, seed) as unknown as {
      x: { data: Float32Array };
      k: { data: Float32Array };
    };
    const expected = Array.from(x.data, (value) => Math.fround(value * k.data[0]!));
    this.#expect(
      'a push',
      () => last.sequence.run({ x, k } as never),
      (outputs) => {
        const { y } = outputs as unknown as { y: { data: Float32Array } };
        return unlike(y.data, expected);
      },
    );
  }

  #matmul({ m, k, n, seed, resident }: Extract<Step, { do: 'matmul' }>): void {
    const [a, b] = [randomFloats(m * k, seed), randomFloats(k * n, seed + 1)];
    const expected = Array.from({ length: m * n }, (_, at) => {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += a[Math.floor(at / n) * k + i]! * b[i * n + (at % n)]!;
      return sum;
    });
    this.#expect(
      'matmul',
      async () => {
        if (!resident) return this.#device.linalg.matmul(tensor(a, [m, k]), tensor(b, [k, n]));
        await using first = await this.#device.put(tensor(a, [m, k]));
        await using second = await this.#device.put(tensor(b, [k, n]));
        await using product = await this.#device.linalg.matmul(first, second);
        return product.get();
      },
      ({ data }) => unlike(data as Float32Array, expected),
    );
  }

  #junk({ of, method, given }: Extract<Step, { do: 'junk' }>): void {
    const model = this.#models[0]?.model;
    const device = this.#device;
    const targets: Record<typeof of, object | undefined> = {
      device,
      model,
      linalg: device.linalg,
      ops: device.ops,
      tensor: { tensor },
    };
    const target = targets[of] as Record<string, (...given: readonly unknown[]) => unknown> | undefined;
    if (target === undefined) return;
    const names = of === 'tensor' ? ['tensor'] : methodsOf(target);
    const name = names[method % names.length]!;
    // What it takes is anyone's guess; that it tells so in an error of its own is not.
    this.#expect(`${of}.${name} of ${given.length}`, async () => {
      const result = await target[name]!(...given);
      const disposable = result as { dispose?(): Promise<void>; release?(): void } | undefined;
      if (typeof disposable?.dispose === 'function') await disposable.dispose();
      else if (typeof disposable?.release === 'function') disposable.release();
    });
  }

  /** Settles, with what `check` finds right, or with an error of ours. */
  #expect<T>(what: string, call: () => Promise<T>, check?: (value: T) => string | undefined): void {
    const done = (async () => {
      try {
        const value = await call();
        const wrong = check?.(value);
        this.#count(what, 'right');
        if (wrong !== undefined) this.#problems.push(`${what}: ${wrong}`);
      } catch (error) {
        this.#count(what, (error as TensorlaneError)?.code ?? 'another error');
        const known =
          error instanceof TensorlaneError && errorCodes.includes(error.code) && error.code !== 'ERR_INTERNAL';
        if (!known) this.#problems.push(`${what}: ${(error as Error)?.stack ?? String(error)}`);
      }
    })();
    this.#pending.push({ what, done });
  }

  #count(what: string, end: string): void {
    const name = `${what.replace(/ \d+/g, '')}: ${end}`;
    this.#tally.set(name, (this.#tally.get(name) ?? 0) + 1);
  }

  async #settle(): Promise<void> {
    for (const { what, done } of this.#pending.splice(0)) await this.#within(what, done);
  }

  async #within(what: string, done: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('late'), hangMs);
    });
    if ((await Promise.race([done, late])) === 'late') this.#problems.push(`${what}: it never settles`);
    clearTimeout(timer);
  }

  #model(index: number): LoadedModel | undefined {
    return at(this.#models, index);
  }
}

const accepted = () => undefined;

const at = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(list.length, 1)];

/** But those that end the device, whose end has its own step, and those that wait for somebody to release what they gave. */
function methodsOf(target: object): string[] {
  const own = Object.getPrototypeOf(target) as object;
  if (own === Object.prototype) return [];
  const names = Object.getOwnPropertyNames(own).filter(
    (name) =>
      !['constructor', 'dispose', 'warmUp'].includes(name) &&
      typeof Object.getOwnPropertyDescriptor(own, name)?.value === 'function',
  );
  return [...names, ...methodsOf(own)];
}

function feedsOf(kind: Load['model'], rows: number, seed: number): Given {
  const floats = (dims: number[], more = 0) => ({
    type: 'float32',
    data: randomFloats(
      dims.reduce((a, b) => a * b, 1),
      seed + more + 1,
    ),
    dims,
  });
  if (kind === 'add') return { a: floats([rows, 3]), b: floats([rows, 3], 1) };
  if (kind === 'recurrent') return { x: floats([rows, 4]), state: floats([2, rows, 3], 1), k: floats([], 2) };
  if (kind === 'lookup') {
    // Now and then an index outside of the table, which is an error of this caller's alone.
    const data = BigInt64Array.from({ length: rows }, (_, row) =>
      BigInt((seed + row * 7) % (seed % 5 === 0 ? 12 : 10)),
    );
    return { index: { type: 'int64', data, dims: [rows, 1] } };
  }
  if (kind === 'strings') {
    const data = Array.from({ length: rows * 2 }, (_, i) => `${seed}-${i}\u{1f600}`);
    return { x: { type: 'string', data, dims: [rows, 2] } };
  }
  return { x: floats([rows, kind === 'slow' ? 64 : 3]) };
}

/** Of an output, as JS computes it; undefined where that is not known. */
function answerOf(kind: Load['model'], feeds: Given): { name: string; values: ArrayLike<number | string> } | undefined {
  const values = (name: string) => (feeds[name] as { data: Float32Array }).data;
  if (kind === 'square') return { name: 'y', values: values('x').map((x) => x * x) };
  if (kind === 'add') {
    const b = values('b');
    return { name: 'c', values: values('a').map((a, i) => a + b[i]!) };
  }
  if (kind === 'recurrent') {
    const [k] = values('k');
    return { name: 'y', values: values('x').map((x) => x * k!) };
  }
  if (kind === 'lookup') {
    const indices = feeds.index!.data as BigInt64Array;
    return { name: 'y', values: Array.from(indices).flatMap((index) => [Number(index), Number(index)]) };
  }
  if (kind === 'strings') return { name: 'y', values: [...(feeds.x!.data as string[])] };
  return undefined;
}

function unlike(given: ArrayLike<number | string>, expected: ArrayLike<number | string>): string | undefined {
  if (given.length !== expected.length) return `${given.length} elements instead of ${expected.length}`;
  for (let i = 0; i < given.length; i++) {
    const [a, b] = [given[i], expected[i]];
    if (a === b || (typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= 1e-5 * (1 + Math.abs(b))))
      continue;
    return `${a} at ${i} instead of ${b}`;
  }
  return undefined;
}
