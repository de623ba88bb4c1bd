// Running: every overload, what is fed, what is fetched, and what is refused.
import { join } from 'node:path';

export function cases({ InferenceSession, Tensor }, folder) {
  const floats = (values, dims = [values.length]) => new Tensor('float32', Float32Array.from(values), dims);
  const a = floats([1, 2, 3], [1, 3]);
  const b = floats([4, 5, 6], [1, 3]);
  const opened = new Map();
  const open = (name) => {
    if (!opened.has(name)) opened.set(name, InferenceSession.create(join(folder, `${name}.onnx`)));
    return opened.get(name);
  };
  const run =
    (...given) =>
    async () =>
      (await open('two')).run(...given);
  const fed = (name, feeds) => async () => (await open(name)).run(feeds);
  const plain = (changes) =>
    run({ a, b: { type: 'float32', data: new Float32Array(3), dims: [1, 3], location: 'cpu', ...changes } });
  const into = (tensor) => async () => {
    const results = await (await open('two')).run({ a, b }, { sum: tensor });
    return [Object.keys(results), results.sum === tensor, results.sum, tensor];
  };
  const disposed = floats([1, 2, 3], [1, 3]);
  disposed.dispose();
  const feedsOf = (create) => Object.assign(create, { a, b });
  const shaped = { x: floats([1, -1, 2, -2], [1, 1, 4]), any: floats([1]), one: floats([1], []) };
  const fetchNames = async (...given) => Object.keys(await (await open('two')).run({ b, a }, ...given));
  return [
    ['all outputs', run({ a, b })],
    ['names', run({ a, b }, ['product'])],
    ['names in another order', () => fetchNames(['product', 'sum'])],
    ['a name twice', () => fetchNames(['product', 'product'])],
    ['names and options', run({ a, b }, ['product'], { tag: 'x' })],
    ['an object of null', run({ a, b }, { product: null })],
    ['an object of undefined', run({ a, b }, { sum: undefined })],
    ['an object of nothing', run({ a, b }, {})],
    ['an object of a name that there is not', run({ a, b }, { none: null })],
    ['an object of one that there is not, and one that there is', () => fetchNames({ none: null, sum: null })],
    [
      'a plain object to be filled',
      run({ a, b }, { sum: { type: 'float32', data: new Float32Array(3), dims: [1, 3] } }),
    ],
    ['to be filled', into(floats([0, 0, 0], [1, 3]))],
    ['to be filled in a view', into(new Tensor('float32', new Float32Array(new ArrayBuffer(64), 16, 3), [1, 3]))],
    ['to be filled, of another shape', into(floats([0, 0, 0, 0], [1, 4]))],
    ['to be filled, of a free size that is another', into(floats([0, 0, 0, 0, 0, 0], [2, 3]))],
    ['to be filled, of another rank', into(floats([0, 0, 0], [3]))],
    ['to be filled, of another type', into(new Tensor('int32', new Int32Array(3), [1, 3]))],
    ['an input that is missing', run({ a })],
    ['an input of undefined', run({ a, b: undefined })],
    ['an input of null', run({ a, b: null })],
    ['an input too many', run({ a, b, none: a })],
    ['junk too many', run({ a, b, none: 5 })],
    ['an initializer that a run could override', fed('overridable', { a: floats([1, 2]), b: floats([5, 5]) })],
    ['feeds of null', run(null)],
    ['a tensor as feeds', run(a)],
    ['an array as feeds', run([a])],
    ['no feeds', run()],
    [
      'a Map as feeds',
      run(
        new Map([
          ['a', a],
          ['b', b],
        ]),
      ),
    ],
    ['feeds without a prototype', run(feedsOf(Object.create(null)))],
    ['inherited feeds', run(Object.create({ a, b }))],
    ['null instead of fetches', run({ a, b }, null)],
    ['a number instead of fetches', run({ a, b }, 1)],
    ['a tensor instead of fetches', run({ a, b }, a)],
    ['no names', run({ a, b }, [])],
    ['a number among names', run({ a, b }, [1])],
    ['a name that there is not', run({ a, b }, ['none'])],
    ['a number instead of options', run({ a, b }, ['sum'], 1)],
    ['null instead of options', run({ a, b }, ['sum'], null)],
    ['another type', run({ a, b: new Tensor('float64', [1, 2, 3], [1, 3]) })],
    ['another rank', run({ a, b: floats([1, 2, 3]) })],
    ['another size', run({ a, b: floats([1, 2, 3, 4], [1, 4]) })],
    ['another size, of both', run({ a: floats([1, 2], [1, 2]), b: floats([1, 2, 3, 4], [1, 4]) })],
    ['rows that broadcast', run({ a: floats([1, 2, 3, 4, 5, 6], [2, 3]), b })],
    ['no rows', run({ a: floats([], [0, 3]), b: floats([], [0, 3]) })],
    ['one tensor for both', run({ a, b: a })],
    ['any rank', fed('shapes', shaped)],
    ['any rank: another', fed('shapes', { ...shaped, any: floats([1, 2, 3, 4], [2, 1, 2]) })],
    ['a scalar for which a vector is given', fed('shapes', { ...shaped, one: floats([1], [1]) })],
    ['a fixed size among free ones', fed('shapes', { ...shaped, x: floats([1, 2, 3], [1, 1, 3]) })],
    ['no inputs', fed('noInputs', {})],
    // Names that every object has something for.
    ['an input called __proto__', fed('proto', { ['__proto__']: floats([1, -1]) })],
    ['inputs of an object’s own names', fed('inherited', { toString: floats([1, 2]), constructor: floats([3, 4]) })],
    ['of which one is missing', fed('inherited', { toString: floats([1, 2]) })],
    ['and the other', fed('inherited', { constructor: floats([1, 2]) })],
    [
      'fetched',
      async () => (await open('inherited')).run({ toString: floats([1]), constructor: floats([2]) }, ['valueOf']),
    ],
    ['a function', run({ a, b: () => {} })],
    ['a plain object', plain({})],
    ['without a location', plain({ location: undefined })],
    ['of a location that there is not', plain({ location: 'moon' })],
    ['of a texture', plain({ location: 'texture' })],
    ['of a gpu-buffer that is none', plain({ location: 'gpu-buffer' })],
    ['pinned', run({ a, b: Tensor.fromPinnedBuffer('float32', new Float32Array(3), [1, 3]) })],
    ['in another array', plain({ data: new Float64Array(3) })],
    ['in an array of numbers', plain({ data: [1, 2, 3] })],
    ['in a DataView', plain({ data: new DataView(new ArrayBuffer(12)) })],
    ['without data', plain({ data: undefined })],
    ['of too few', plain({ data: new Float32Array(2) })],
    ['of more', plain({ data: new Float32Array(9).fill(1) })],
    ['of a type that there is not', plain({ type: 'none' })],
    ['of no type', plain({ type: undefined })],
    ['dims of a number', plain({ dims: 3 })],
    ['dims in an array of numbers', plain({ dims: Int32Array.of(1, 3) })],
    ['dims below 0', plain({ dims: [-1, 3] })],
    ['dims of halves', plain({ dims: [1.5, 3] })],
    ['dims of strings', plain({ dims: ['1', 3] })],
    ['a number', run({ a, b: 5 })],
    ['an array', run({ a, b: new Float32Array(3) })],
    ['disposed', run({ a, b: disposed })],
    [
      'detached',
      async () => {
        const tensor = floats([1, 2, 3], [1, 3]);
        structuredClone(tensor.data.buffer, { transfer: [tensor.data.buffer] });
        return (await open('two')).run({ a, b: tensor });
      },
    ],
    ['in shared memory', run({ a, b: new Tensor('float32', new Float32Array(new SharedArrayBuffer(12)), [1, 3]) })],
    ['the model fails', fed('reshape', { x: floats([1, 2, 3]), shape: new Tensor('int64', [2n, 2n], [2]) })],
    ['a sequence comes out', fed('sequence', { a: floats([1, 2]) })],
    ['beside a sequence', async () => (await open('sequence')).run({ a: floats([1, 2]) }, ['y'])],
    ['a tensor for a sequence', fed('atPlace', { s: a, i: new Tensor('int64', [0n], []) })],
    [
      'changed after the call',
      async () => {
        const own = floats([1, 2, 3], [1, 3]);
        const running = (await open('two')).run({ a: own, b });
        own.data.fill(100);
        return (await running).sum;
      },
    ],
    [
      'disposed after the call',
      async () => {
        const own = floats([1, 2, 3], [1, 3]);
        const running = (await open('two')).run({ a: own, b });
        own.dispose();
        return (await running).sum;
      },
    ],
    [
      'results are their own',
      async () => {
        const x = floats([1, 2, 3]);
        const { y, z } = await (await open('alias')).run({ x });
        y.data[0] = 99;
        return [x.data, z.data, y.data.buffer.byteLength, y instanceof Tensor, Object.keys(y)];
      },
    ],
    [
      'results can be transferred',
      async () => {
        const { sum } = await (await open('two')).run({ a, b });
        return [structuredClone(sum.data, { transfer: [sum.data.buffer] }), sum.data.length];
      },
    ],
    ...[
      { logSeverityLevel: 'x' },
      { logSeverityLevel: 8 },
      { logSeverityLevel: undefined },
      { logSeverityLevel: 3 },
      { tag: 1 },
    ].map((options, i) => [`options ${i}`, run({ a, b }, options)]),
    ...[{ tag: 't' }, { terminate: true }, { logVerbosityLevel: 'x' }, { extra: 'x' }, { nobody: 1 }].map(
      (options, i) => [`options that do nothing ${i}`, run({ a, b }, options)],
    ),
  ];
}
