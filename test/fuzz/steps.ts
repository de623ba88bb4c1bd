// What a random user does with tensorlane, step by step: plain data, so that a failure can be shown, made smaller and done again.

import fc from 'fast-check';

export interface Load {
  readonly do: 'load';
  readonly model: 'square' | 'add' | 'recurrent' | 'lookup' | 'strings' | 'slow';
  readonly options: object;
}

export interface Run {
  readonly do: 'run';
  readonly model: number;
  readonly rows: number;
  readonly seed: number;
  readonly options: {
    readonly timeoutMicros?: number | undefined;
    readonly priority?: number | undefined;
    readonly abortable?: boolean | undefined;
  };
  /** What is done to the inputs as soon as `run` has returned. */
  readonly afterwards: 'nothing' | 'overwrite' | 'transfer';
}

export type Step =
  | Load
  | Run
  /** A run with something that is wrong. */
  | { readonly do: 'wrong run'; readonly model: number; readonly feeds: unknown; readonly options: unknown }
  | { readonly do: 'abort' | 'dispose model' | 'sequence' | 'end sequence'; readonly model: number }
  | { readonly do: 'push'; readonly model: number; readonly seed: number }
  | {
      readonly do: 'matmul';
      readonly m: number;
      readonly k: number;
      readonly n: number;
      readonly seed: number;
      readonly resident: boolean;
    }
  | { readonly do: 'put'; readonly count: number; readonly seed: number }
  | { readonly do: 'get' | 'free'; readonly tensor: number }
  | { readonly do: 'slice'; readonly tensor: number; readonly start: number; readonly end: number }
  /** Any method of `of`, by number, with arguments that fit or do not. */
  | {
      readonly do: 'junk';
      readonly of: 'device' | 'model' | 'linalg' | 'ops' | 'tensor';
      readonly method: number;
      readonly given: readonly unknown[];
    }
  | { readonly do: 'turn' | 'settle' };

const small = fc.nat({ max: 5 });
const seed = fc.nat({ max: 1e6 });

/** Now and then a value that is none of those that are allowed. */
const mostly = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 100, arbitrary: right }, { weight: 1, arbitrary: fc.anything() });
const optional = (options: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(
    Object.fromEntries(
      Object.entries(options).map(([name, value]) => [name, fc.option(mostly(value), { nil: undefined })]),
    ),
    { requiredKeys: [] },
  );

const batching = optional({
  maxBatchSize: fc.integer({ min: 1, max: 8 }),
  maxQueueDelayMicros: fc.constantFrom(0, 100, 1000),
  maxQueueSize: fc.integer({ min: 0, max: 6 }),
  priorityLevels: fc.integer({ min: 1, max: 3 }),
  preserveOrdering: fc.boolean(),
  splitOversize: fc.boolean(),
  independentRows: fc.boolean(),
});
const loadOptions = optional({
  batching: fc.oneof(fc.constant(false), batching),
  concurrency: fc.integer({ min: 1, max: 3 }),
  threads: fc.integer({ min: 1, max: 2 }),
  warmup: fc.boolean(),
  name: fc.string({ maxLength: 5 }),
});

/** What a tensor, or what stands in its place, may look like. */
const tensorLike = fc.oneof(
  fc.record({
    type: fc.oneof(fc.constantFrom('float32', 'int64', 'string', 'bool', 'int4', 'float16'), fc.string()),
    data: fc.oneof(
      fc.float32Array({ maxLength: 8 }),
      fc.bigInt64Array({ maxLength: 8 }),
      fc.uint8Array({ maxLength: 8 }),
      fc.array(fc.string(), { maxLength: 4 }),
      fc.anything(),
    ),
    dims: fc.oneof(fc.array(fc.integer({ min: -1, max: 8 }), { maxLength: 4 }), fc.array(fc.double()), fc.anything()),
  }),
  fc.anything(),
);

const junk = fc.oneof(
  tensorLike,
  fc.constantFrom(Number.NaN, -0, 2 ** 53, 1e300, -1, '', null, undefined, '__proto__', true, 10n),
  fc.float32Array({ maxLength: 16 }),
  fc.array(fc.array(fc.double(), { maxLength: 3 }), { maxLength: 3 }),
  fc.dictionary(fc.string({ maxLength: 8 }), fc.anything(), { maxKeys: 3 }),
);

const steps: readonly { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('load' as const),
      model: fc.constantFrom('square', 'add', 'recurrent', 'lookup', 'strings', 'slow'),
      options: loadOptions,
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      model: small,
      rows: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 1, max: 5 }) },
        { weight: 1, arbitrary: fc.constant(40) },
      ),
      seed,
      options: fc.record(
        {
          timeoutMicros: fc.constantFrom(undefined, 1, 500, 1e6),
          priority: fc.constantFrom(undefined, 1, 2),
          abortable: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
      afterwards: fc.constantFrom('nothing', 'nothing', 'overwrite', 'transfer'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wrong run' as const),
      model: small,
      feeds: fc.oneof(fc.anything(), fc.record({ x: tensorLike }), fc.record({ a: tensorLike, b: tensorLike })),
      options: fc.oneof(fc.constant(undefined), fc.record({ outputs: fc.array(fc.string()) }), fc.anything()),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'abort' as const,
        'abort' as const,
        'dispose model' as const,
        'sequence' as const,
        'end sequence' as const,
      ),
      model: small,
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('push' as const), model: small, seed }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('matmul' as const),
      m: small,
      k: small,
      n: small,
      seed,
      resident: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('put' as const), count: fc.nat({ max: 40_000 }), seed }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'get' as const, 'free' as const), tensor: small }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('slice' as const), tensor: small, start: fc.integer(), end: fc.integer() }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('junk' as const),
      of: fc.constantFrom('device' as const, 'model' as const, 'linalg' as const, 'ops' as const, 'tensor' as const),
      method: fc.nat({ max: 40 }),
      given: fc.array(junk, { maxLength: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('turn' as const, 'settle' as const) }) },
];

export const randomSteps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(...steps), {
  minLength: 1,
  maxLength: 40,
  size: 'max',
});
