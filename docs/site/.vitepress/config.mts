// The site of docs/: the README is its first page, and the reference comes from the docstrings (typedoc). Links between pages are
// those of the files, so they lead somewhere on both.

import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'vitepress';

const pages = [
  ['models', 'Models'],
  ['batching', 'Batching'],
  ['linear-algebra', 'Linear algebra'],
  ['accuracy', 'Accuracy of linear algebra'],
  ['linear-algebra-speed', 'Speed of linear algebra'],
  ['tensors', 'Tensors'],
  ['streams', 'Streams'],
  ['onnxruntime-node', 'In place of onnxruntime-node'],
  ['server', 'A model server'],
  ['tune', 'What to run here'],
  ['plan', 'How many machines'],
  ['run', 'Several processes'],
  ['jobs', 'Jobs'],
  ['jobs-scale', 'Jobs at scale'],
  ['errors', 'Errors'],
  ['install', 'Installing'],
  ['cuda', 'The CUDA device'],
  ['performance', 'Performance'],
  ['measurements', 'Measurements'],
] as const;
const folder = new URL('../pages/docs/', import.meta.url);
for (const file of readdirSync(folder)) {
  const name = file.replace(/\.md$/, '');
  if (file.endsWith('.md') && !pages.some(([page]) => page === name)) throw new Error(`docs/${file} is in no menu`);
}
if (!existsSync(new URL('reference/index.md', folder)))
  throw new Error('there is no reference: npm run build makes it');

export default defineConfig({
  title: 'tensorlane',
  description: 'ONNX models in dynamic batches and matrix operations for Node servers, off the JS thread',
  srcDir: 'pages',
  rewrites: { 'README.md': 'index.md', 'examples/README.md': 'examples/index.md' },
  outDir: '../../build/docs',
  lastUpdated: false,
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Guide', link: '/docs/models' },
      { text: 'Reference', link: '/docs/reference/' },
      { text: 'Changes', link: '/CHANGELOG' },
    ],
    sidebar: [
      { text: 'Start', link: '/' },
      { text: 'Guide', items: pages.map(([name, text]) => ({ text, link: `/docs/${name}` })) },
      { text: 'Reference', link: '/docs/reference/' },
      {
        text: 'Project',
        items: [
          { text: 'Examples', link: '/examples/' },
          { text: 'Architecture', link: '/ARCHITECTURE' },
          { text: 'Contributing', link: '/CONTRIBUTING' },
          { text: 'Changes', link: '/CHANGELOG' },
          { text: 'Security', link: '/SECURITY' },
        ],
      },
    ],
  },
});
