// The command `tensorlane types`, run as a user runs it: what it writes compiles, and fits what the model takes and gives.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { identity, model, node, square, value } from '../support/onnx-builder.js';
import { dictVectorizer, optionalThrough, overridable, sequences, zipMap } from '../support/onnx-values.js';
import { runNode } from '../support/processes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { tensorlane: string } };
const folder = join(root, 'build', 'cli-types');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

function tensorlane(...args: string[]) {
  return runNode([join(root, bin.tensorlane), ...args], { cwd: folder });
}

async function typesOf(name: string, bytes: Uint8Array): Promise<string> {
  writeFileSync(join(folder, `${name}.onnx`), bytes);
  const { stdout, stderr, code } = await tensorlane('types', `${name}.onnx`);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

test('tensors by their element types, with their dims', async () => {
  expect(await typesOf('square', square({ features: 3 }))).toBe(
    [
      '// What square.onnx takes and gives, for loadModel<Model>(...): by `tensorlane types`.',
      '',
      'export interface Model {',
      '  inputs: {',
      '    /** [N, 3] */',
      "    x: 'float32';",
      '  };',
      '  outputs: {',
      '    /** [N, 3] */',
      "    y: 'float32';",
      '  };',
      '}',
      '',
    ].join('\n'),
  );
});

test('what is no tensor by its values, and what may be left out with a question mark', async () => {
  expect(await typesOf('zipmap', zipMap([3, 4]))).toContain('probabilities: readonly ReadonlyMap<bigint, number>[];');
  expect(await typesOf('dict', dictVectorizer('string', 'int64', ['a']))).toContain('x: ReadonlyMap<string, bigint>;');
  expect(await typesOf('sequences', sequences())).toContain("given: readonly Tensor<'float32'>[];");
  expect(await typesOf('optional', optionalThrough())).toContain("x?: Tensor<'float32'> | null;");
  expect(await typesOf('overridable', overridable())).toContain("scale?: 'float32';");
});

test('all that it writes compiles, and is what loadModel takes', async () => {
  const odd = model({
    inputs: [value('a b', 'int64', [null]), value('*/', 'int64', ['*/ x']), value('__proto__', 'int64', [1])],
    outputs: [value("it's", 'int64', null)],
    nodes: [node('Max', ['a b', '*/', '__proto__'], ["it's"])],
  });
  const sum = identity('float64', ['N', 2]);
  const all = { zip: zipMap(['a', 'b']), sequences: sequences(), optional: optionalThrough(), odd, sum };
  for (const [name, bytes] of Object.entries(all)) {
    writeFileSync(join(folder, `${name}.onnx`), bytes);
    const { code, stdout, stderr } = await tensorlane(
      'types',
      `${name}.onnx`,
      '--out',
      `${name}.d.ts`,
      '--name',
      'Known',
    );
    expect([code, stdout, stderr]).toEqual([0, '', '']);
  }
  const program = [
    "import { open, type Tensor, tensor } from 'tensorlane';",
    ...Object.keys(all).map((name) => `import type { Known as ${name} } from './${name}.js';`),
    "const device = await open('cpu');",
    ...Object.keys(all).map((name) => `export const ${name}Model = await device.loadModel<${name}>('${name}.onnx');`),
    'const { y } = await sumModel.run({ x: tensor(Float64Array.of(1, 2), [1, 2]) });',
    'export const doubles: Float64Array = y.data;',
    'const { probabilities } = await zipModel.run({ x: tensor([[1, 2]]) });',
    "export const b: number | undefined = probabilities[0]?.get('b');",
    'const { parts } = await sequencesModel.run({ x: tensor([[1, 2]]), given: [tensor([[1, 2]])] });',
    "export const part: Tensor<'float32'> | undefined = parts[0];",
    'export const { there } = await optionalModel.run({});',
    'if (doubles[1] !== 2 || b !== 2 || part?.data[1] !== 2 || there.data[0] !== 0) throw new Error("wrong");',
    'await device.dispose();',
  ];
  writeFileSync(join(folder, 'program.ts'), program.join('\n'));
  const compilerOptions = { noEmit: true, declaration: false, declarationMap: false, rootDir: root };
  const include = ['*.ts'];
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include }),
  );
  const require = createRequire(import.meta.url);
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const compiled = await runNode([tsc, '-p', folder]);
  expect([compiled.stdout, compiled.code]).toEqual(['', 0]);
  const ran = await runNode(['--import', require.resolve('tsx'), 'program.ts'], { cwd: folder });
  expect([ran.stderr, ran.code]).toEqual(['', 0]);
});

test('what does not fit is told, with the usage or with what is wrong', async () => {
  const none = await tensorlane('types');
  expect([none.code, none.stderr]).toEqual([
    2,
    expect.stringMatching(/takes one model, got 0\nUsage: tensorlane types/),
  ]);
  const missing = await tensorlane('types', 'nowhere.onnx');
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("'nowhere.onnx'")]);
  writeFileSync(join(folder, 'square.onnx'), square());
  const noFolder = await tensorlane('types', 'square.onnx', '--out', 'no/such.d.ts');
  expect([noFolder.code, noFolder.stderr]).toEqual([1, expect.stringContaining('ENOENT')]);
  const badName = await tensorlane('types', 'square.onnx', '--name', 'a b');
  expect([badName.code, badName.stderr]).toEqual([2, expect.stringContaining("got 'a b'")]);
  const badOption = await tensorlane('types', 'square.onnx', '--nmae', 'A');
  expect([badOption.code, badOption.stderr]).toEqual([2, expect.stringContaining('--nmae')]);
  const other = await tensorlane('tpyes');
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("no command 'tpyes'")]);
  const help = await tensorlane('--help');
  expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('types model.onnx')]);
});
