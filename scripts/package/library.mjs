// The package tensorlane itself: the compiled TypeScript, in few files. Only here does it get its optional dependencies, the packages of the
// platforms: a clone builds its own addon, and before a release there are none to be had.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../setup/run.mjs';
import { bundleModules, commonJs, exportsOfBoth } from './bundle.mjs';
import { root, writeManifest } from './platform.mjs';
import { targets } from './targets.mjs';

/** What README.md leads to, whole: errors and the other packages name pages of it. Without the site that is built of it. */
const documentation = ['docs', 'examples', 'ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'];
const isBuilt = (file) => file === inRoot('docs', 'site') || /\/(node_modules|\.next)$/.test(file);

/** Resolves to the folder. */
export async function makeLibraryPackage(folder = inRoot('build', 'package', 'tensorlane')) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of [...root.files, ...documentation, 'README.md', 'LICENSE'])
    cpSync(inRoot(name), path.join(folder, name), { recursive: true, filter: (file) => !isBuilt(file) });
  const exported = Object.values(root.exports).flatMap((entry) => entry.default ?? []);
  await bundleModules(
    folder,
    exported.map((file) => path.relative('dist', file)),
  );
  const { scripts, devDependencies, binary, ...manifest } = root;
  const named = (wanted) => wanted.map(({ name }) => [`@tensorlane/${name}`, root.version]);
  const cuda = Object.fromEntries(named(targets.filter(({ cuda }) => cuda)));
  const peers = { ...cuda, 'onnxruntime-node': '*' };
  const optional = Object.fromEntries(Object.keys(peers).map((name) => [name, { optional: true }]));
  writeManifest(folder, {
    ...manifest,
    files: [...manifest.files, ...documentation, commonJs],
    main: `./${commonJs}/dist/index.js`,
    types: `./${commonJs}/dist/index.d.ts`,
    exports: exportsOfBoth(manifest.exports),
    optionalDependencies: Object.fromEntries(named(targets.filter(({ cuda }) => !cuda))),
    // Out of Yarn's archives: what is tried apart is run from its file.
    preferUnplugged: true,
    // Installed by choice; Yarn's Plug'n'Play lets no package see what it does not name.
    peerDependencies: { ...manifest.peerDependencies, ...peers },
    peerDependenciesMeta: { ...manifest.peerDependenciesMeta, ...optional },
  });
  return folder;
}
