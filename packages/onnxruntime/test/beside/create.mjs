// Making sessions: where models come from, and what is refused.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export function cases({ InferenceSession }, folder) {
  const path = join(folder, 'two.onnx');
  const bytes = readFileSync(path);
  const wide = new Uint8Array(bytes.length + 20);
  wide.set(bytes, 7);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  const create = (...given) => InferenceSession.create(...given);
  const names = async (...given) => (await create(...given)).inputNames;
  return [
    ['nothing', () => create()],
    ['null', () => create(null)],
    ['a path', () => names(path)],
    ['a path and undefined', () => names(path, undefined)],
    ['a path and null', () => create(path, null)],
    ['a path and a string', () => create(path, 'cpu')],
    ['no file', () => create(join(folder, 'none.onnx'))],
    ['a folder', () => create(folder)],
    ['a path with a zero', () => create(join(folder, 'none\0two.onnx'))],
    ['a file: URL as a string', () => create(String(pathToFileURL(path)))],
    ['a URL', () => create(pathToFileURL(path))],
    ['a Buffer', () => names(bytes)],
    ['an ArrayBuffer', () => names(Uint8Array.from(bytes).buffer)],
    ['a view', () => names(wide.subarray(7, 7 + bytes.length))],
    ['an offset and a length', () => names(wide.buffer, 7, bytes.length)],
    ['an offset, a length and options', () => names(wide.buffer, 7, bytes.length, { intraOpNumThreads: 1 })],
    ['an offset and options', () => create(wide.buffer, 7, {})],
    ['an offset below 0', () => create(wide.buffer, -1)],
    ['half an offset', () => create(wide.buffer, 1.5)],
    ['a length of 0', () => create(wide.buffer, 0, 0)],
    ['a length that is no number', () => create(wide.buffer, 0, 'x')],
    ['floats', () => create(new Float32Array(4))],
    ['no bytes', () => create(new Uint8Array(0))],
    ['bytes that are no model', () => create(Buffer.from('a model it is not, this'))],
    ['an operator that there is not', () => create(join(folder, 'unknownOperator.onnx'))],
    ['shared memory', () => names(shared)],
    ['bytes in shared memory', () => names(new Uint8Array(shared))],
    [
      'bytes that change before they are read',
      async () => {
        const own = Uint8Array.from(bytes);
        const session = create(own);
        own.fill(0);
        return (await session).inputNames;
      },
    ],
    ['new', () => new InferenceSession().inputNames],
    ['options that nobody knows', () => names(bytes, { nobody: 1 })],
    ['inherited options', () => create(bytes, Object.create({ intraOpNumThreads: 'x' }))],
    ['frozen options without providers', () => names(bytes, Object.freeze({ intraOpNumThreads: 1 }))],
    ['frozen options', () => names(bytes, Object.freeze({ executionProviders: ['cpu'] }))],
    [
      'a session can be extended',
      async () => {
        const session = await create(bytes);
        session.config = 1;
        return [Object.keys(session), Object.keys(session.handler), session instanceof InferenceSession];
      },
    ],
    [
      'metadata',
      async () => {
        const session = await create(join(folder, 'shapes.onnx'));
        const { inputMetadata, outputMetadata, inputNames, outputNames } = session;
        await session.release();
        return [inputMetadata, outputMetadata, inputNames, outputNames, session.inputMetadata === inputMetadata];
      },
    ],
    ['metadata of an initializer', async () => (await create(join(folder, 'overridable.onnx'))).inputMetadata],
    ['metadata of a sequence', async () => (await create(join(folder, 'sequence.onnx'))).outputMetadata],
  ];
}
