// In tests that Jest runs: by `require`, by `import` as Babel makes it, and as ES modules of Node's.
import path from 'node:path';
import { Project } from './project.mjs';

const required = "const { open, tensor } = require('tensorlane');";
const imported = "import { open, tensor } from 'tensorlane';";

/** A file of tests: what every program of the checks does, and that errors are those that the package exports. */
const tests = (taken, body) => `
  ${taken.replace('tensor }', 'tensor, TensorlaneError }')}
  test('algebra, a model, and callers that share batches', async () => {
    const console = { log: (text) => expect(text).toBe('right') };
    expect.assertions(1);
    ${body}
  });
  test('a typed error', async () => {
    const device = await open('cpu');
    await expect(device.linalg.svd(tensor([1, 2]))).rejects.toBeInstanceOf(TensorlaneError);
    await expect(device.linalg.svd(tensor([1, 2]))).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    await device.dispose();
  });
`;

/** @type {import('./surroundings.mjs').Check[]} */
export const jest = [
  { name: 'Jest, CommonJS', manifest: {}, taken: required },
  { name: 'Jest, import through Babel', manifest: {}, taken: imported, babel: true },
  { name: 'Jest, ES modules', manifest: { type: 'module' }, taken: imported, node: ['--experimental-vm-modules'] },
].map(({ name, manifest, taken, babel, node = [] }) => ({
  name,
  async run({ registry, version, tools, folder }) {
    const project = new Project(folder(''), { ...manifest, dependencies: { tensorlane: version } });
    await project.command('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--registry', registry);
    project.write('main.test.js', tests(taken, project.body));
    const plugin = path.join(tools, '@babel', 'plugin-transform-modules-commonjs');
    if (babel) project.write('babel.config.json', JSON.stringify({ plugins: [plugin] }));
    const config = { testEnvironment: 'node', ...(babel ? {} : { transform: {} }), watchman: false };
    project.write('jest.json', JSON.stringify(config));
    const program = path.join(tools, 'jest', 'bin', 'jest.js');
    const options = ['--config', 'jest.json', '--runInBand', '--detectOpenHandles', '--colors=false'];
    const printed = await project.command(process.execPath, ...node, program, ...options);
    if (!/^Tests: +2 passed, 2 total$/m.test(printed)) throw new Error(`Jest says: ${printed}`);
  },
}));
