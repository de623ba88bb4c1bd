// What the package looks like to tools that read it: TypeScript in each of its ways to resolve, publint, arethetypeswrong.
import path from 'node:path';
import { inRoot } from '../../setup/run.mjs';
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

/** @type {import('../check.mjs').Check[]} */
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
  {
    name: 'publint',
    async run({ tools, version, folder }) {
      const project = new Project(folder(''));
      const publint = path.join(tools, 'publint', 'src', 'cli.js');
      const output = await project.command(
        process.execPath,
        publint,
        'run',
        inRoot('build', 'packages', `tensorlane-${version}.tgz`),
        '--strict',
      );
      if (!/All good/.test(output)) throw new Error(output);
    },
  },
  {
    name: 'arethetypeswrong',
    async run({ tools, version, folder }) {
      const project = new Project(folder(''));
      const attw = path.join(tools, '@arethetypeswrong', 'cli', 'dist', 'index.js');
      await project.command(
        process.execPath,
        attw,
        inRoot('build', 'packages', `tensorlane-${version}.tgz`),
        '--profile',
        'node16',
      );
    },
  },
];
