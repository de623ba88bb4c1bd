// What the package looks like to tools that read it: TypeScript in each of its ways to resolve, publint, arethetypeswrong.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../../setup/run.mjs';
import { workspaceFolders } from '../../setup/steps.mjs';
import { targets } from '../targets.mjs';
import { tarballOf } from './packed.mjs';
import { Project } from './project.mjs';

const program = `
  import { open, tensor, TensorlaneError, type Device, type Tensor } from 'tensorlane';
  import { batched } from 'tensorlane/batching';
  export async function singular(device: Device): Promise<Float32Array> {
    const { s } = await device.linalg.svd(tensor([[1, 2], [3, 4]]));
    return s.data;
  }
  export const failed = (error: unknown) => error instanceof TensorlaneError && error.code === 'ERR_SHAPE';
  export const row: Tensor<'float32'> = tensor(Float32Array.of(1, 2), [1, 2]);
  void open().then(singular);
  void batched;
`;

const withTypes = ['tensorlane', ...workspaceFolders.map((folder) => path.basename(folder))];
const published = [...withTypes, ...targets.map(({ name }) => name)];

/** Has no CommonJS that TypeScript could take it for: what requires it does so by Node's require(esm). */
const isOfEsModules = (name) =>
  JSON.parse(readFileSync(inRoot('packages', name, 'package.json'), 'utf8')).type === 'module';

/** @type {import('./surroundings.mjs').Check[]} */
export const shapes = [
  ...[
    ['node16', 'node16'],
    ['nodenext', 'nodenext'],
    ['bundler', 'esnext'],
  ].map(([moduleResolution, module]) => ({
    name: `TypeScript, ${moduleResolution}`,
    async run({ registry, version, folder }) {
      const dependencies = { tensorlane: version, '@types/node': '^20' };
      const project = new Project(folder(''), { type: 'module', dependencies });
      await project.command('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--registry', registry);
      // In CommonJS too, where there is a choice.
      const files = moduleResolution === 'bundler' ? ['main.ts'] : ['main.ts', 'main.cts'];
      for (const file of files) project.write(file, program);
      const options = {
        module,
        moduleResolution,
        strict: true,
        skipLibCheck: false,
        noEmit: true,
        target: 'es2022',
        lib: ['es2023', 'esnext.disposable'],
        types: ['node'],
      };
      project.write('tsconfig.json', JSON.stringify({ compilerOptions: options, files }));
      await project.command(
        process.execPath,
        inRoot('node_modules', 'typescript', 'bin', 'tsc'),
        '-p',
        'tsconfig.json',
      );
    },
  })),
  ...published.map((name) => ({
    name: `publint, ${name}`,
    async run({ tools, folder }) {
      const project = new Project(folder(''));
      const publint = path.join(tools, 'publint', 'src', 'cli.js');
      const output = await project.command(process.execPath, publint, 'run', tarballOf(name), '--strict');
      if (!/All good/.test(output)) throw new Error(output);
    },
  })),
  ...withTypes.map((name) => ({
    name: `arethetypeswrong, ${name}`,
    async run({ tools, folder }) {
      const project = new Project(folder(''));
      const attw = path.join(tools, '@arethetypeswrong', 'cli', 'dist', 'index.js');
      const profile = name !== 'tensorlane' && isOfEsModules(name) ? 'esm-only' : 'node16';
      await project.command(process.execPath, attw, tarballOf(name), '--profile', profile);
    },
  })),
];
