// The demo, the main job on real input: reads pictures of text as 64 concurrent requests, without options, with such and by
// onnxruntime-node, then serves a model for which batches pay, and compresses a picture by SVD; prints what it found and writes it as
// one page, demo/output/index.html.
//
//   npm run demo                       the whole of it, about two minutes on two cores
//   npm run demo -- --short            fewer pictures and requests, and next to no warming up, for CI
//   npm run demo -- --device cuda:0    on the device named, where the best one is not wanted

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { type DeviceName, open, TensorlaneError } from 'tensorlane';
import { compareDense } from './dense.js';
import { installedFonts } from './ocr/fonts.js';
import { drawScenes } from './ocr/images.js';
import { idleLoop } from './ocr/measure.js';
import type { Picture } from './ocr/pixels.js';
import { compareRows } from './ocr/rows.js';
import { characterAccuracy, score } from './ocr/score.js';
import { Progress } from './progress.js';
import { denseVerdict, type Findings, rowsOf, summary, verdict } from './report/findings.js';
import { page } from './report/page.js';
import { denseFigures, figures, millis, ownWork, percent, readLines, table } from './report/terminal.js';
import { compress } from './svd/compress.js';
import { dusk } from './svd/picture.js';

const SEED = 2024;
/** Below this share of right characters something is broken, and the demo fails. */
const LEAST_ACCURACY = 0.9;

const OUTPUT = fileURLToPath(new URL('output/', import.meta.url));
const LINES = join(OUTPUT, 'lines');
const PICTURES = join(OUTPUT, 'svd');

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: { short: { type: 'boolean', default: false }, device: { type: 'string' } },
  });
  const size = options.short
    ? { pictures: 16, rounds: 1, inFlight: 16, warmUp: 2, requests: 16, alone: 4, turn: 150, ranks: [16, 64] }
    : {
        pictures: 64,
        rounds: 2,
        inFlight: 64,
        warmUp: 256,
        requests: 128,
        alone: 32,
        turn: 3000,
        ranks: [8, 32, 96, 256],
      };
  const progress = new Progress();
  await mkdir(PICTURES, { recursive: true });
  await using device = await open(options.device === undefined ? {} : { device: options.device as DeviceName });
  const versions = await versionsUsed();
  console.log(`tensorlane ${versions.tensorlane} on ${device.info.kind}: ${device.info.name}`);
  if (device.info.fallbackReason !== undefined) console.log(`no GPU: ${device.info.fallbackReason}`);

  const fonts = await installedFonts();
  const families = [...new Set(fonts.map((font) => font.family))];
  console.log(`fonts: ${families.join(', ')}`);
  if (families.length < 5)
    console.log('(only these were found; more of them make a better test: scripts/setup/fonts.json names some)');
  const truths = await progress.stage(`drawing ${size.pictures} pictures of text`, size.pictures, (report) =>
    drawScenes(LINES, size.pictures, fonts, SEED, report),
  );
  const pictures = await Promise.all(truths.map(({ file }) => decoded(join(LINES, file))));

  const idle = await idleLoop();
  const rows = await compareRows(device, pictures, size, progress);
  const lines = truths.map((truth, index) => {
    const [picture, reading] = [pictures[index], rows.usual.measured.readings[index]];
    if (picture === undefined || reading === undefined) throw new Error(`${truth.file} was never read`);
    return { truth, picture, reading, score: score(truth.text, reading.text) };
  });

  const dense = await compareDense(device, size, progress);

  const original = await progress.stage('painting a picture to compress', 0, () => dusk(SEED));
  const compression = await progress.stage('compressing it by SVD', 0, (report) =>
    compress(device, original, size.ranks, (what) => report(0, what)),
  );

  const findings: Findings = {
    when: new Date(),
    short: options.short,
    device: device.info,
    versions,
    machine: {
      processor: cpus()[0]?.model ?? 'unknown processor',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      system: `${type()} ${release()}`,
    },
    fonts: families,
    lines,
    accuracy: characterAccuracy(lines.map((line) => line.score)),
    idle,
    rows,
    dense,
    original,
    compression,
  };
  print(findings);

  await writePictures(findings);
  await writeFile(join(OUTPUT, 'summary.json'), `${JSON.stringify(summary(findings), null, 2)}\n`);
  await writeFile(join(OUTPUT, 'index.html'), await page(findings, LINES));
  if (findings.accuracy < LEAST_ACCURACY) {
    console.error(
      `\nfailed: only ${percent(findings.accuracy)} of the characters are right, and ${percent(LEAST_ACCURACY, 0)} are expected`,
    );
    process.exitCode = 1;
  }
  console.log(`\nthe report, with pictures and charts: ${join(OUTPUT, 'index.html')}`);
}

function print(findings: Findings): void {
  const { lines, accuracy, idle, rows, compression } = findings;
  const exact = lines.filter((line) => line.score.exact).length;
  console.log(`\nwhat was read (right or wrong, confidence, whether it was upside down):\n${readLines(lines)}`);
  console.log(`\ncharacter accuracy ${percent(accuracy, 2)}; ${exact} of ${lines.length} lines without a mistake\n`);
  console.log(table(figures(findings)));
  console.log(`\n  ${verdict(findings)}\n`);
  console.log(table(denseFigures(findings)));
  console.log(`\n  ${denseVerdict(findings)}`);
  console.log(
    '\n  mean batch: detection / direction / recognition; loop delay: of a 1 ms timer, ' +
      `${millis(idle.p99)} ms (p99) when idle`,
  );
  for (const row of rowsOf(findings)) {
    const differing =
      row.differing > 0 ? ` Read ${row.differing} pictures otherwise than the row without options.` : '';
    console.log(`  ${row.name}: ${row.what}${differing}`);
  }
  console.log(`  the demo's own pixel work on the JS thread: ${ownWork(rows.usual.measured)}`);
  const { svdMillis, svdLoop, width, height } = compression;
  console.log(
    `\nSVD of three ${height} x ${width} matrices: ${millis(svdMillis)} ms, loop delay p99 ${millis(svdLoop.p99)} ms, max ${millis(svdLoop.max)} ms`,
  );
  console.log(
    table({
      head: ['rank', 'PSNR dB', 'numbers stored', "of the original's", 'put together in ms'],
      body: compression.results.map((one) => [
        String(one.rank),
        one.psnr.toFixed(1),
        one.stored.toLocaleString('en'),
        percent(one.share),
        millis(one.millis),
      ]),
    }),
  );
}

async function writePictures({ original, compression }: Findings): Promise<void> {
  await rm(PICTURES, { recursive: true, force: true });
  await mkdir(PICTURES, { recursive: true });
  const write = (name: string, { data, width, height }: Picture): Promise<unknown> =>
    sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(join(PICTURES, name));
  await Promise.all([
    write('original.png', original),
    ...compression.results.map(({ rank, picture }) => write(`rank-${String(rank).padStart(3, '0')}.png`, picture)),
  ]);
}

async function decoded(file: string): Promise<Picture> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

async function versionsUsed(): Promise<{ tensorlane: string; 'ONNX Runtime': string; Node: string }> {
  const version = async (manifest: string): Promise<string> =>
    (JSON.parse(await readFile(fileURLToPath(manifest), 'utf8')) as { version: string }).version;
  return {
    tensorlane: await version(import.meta.resolve('tensorlane/package.json')),
    'ONNX Runtime': await version(import.meta.resolve('onnxruntime-node/package.json')),
    Node: process.versions.node,
  };
}

try {
  await main();
} catch (error) {
  const code = error instanceof TensorlaneError ? ` (${error.code})` : '';
  console.error(`\nthe demo failed${code}:`, error);
  process.exitCode = 1;
}
