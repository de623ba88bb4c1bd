// What was measured, as a table and in words.

import { bestPoint, clientsServed, ms, rate, servedWell } from './advice.js';
import type { Measured, MeasuredPoint } from './file.js';

/** A load that took this much of a core may have been what bounded the measured process. */
const senderBusy = 0.85;
/** So late it sent, as a part of the SLO. */
const senderLate = 0.1;

function isBoundByLoad({ sender }: MeasuredPoint, sloMillis: number): boolean {
  return sender.busy > senderBusy || sender.late > Math.max(1, senderLate * sloMillis);
}

const usual = ['set-up', 'requests/s', 'p50', 'p95', 'p99', 'callers', 'memory', 'cores'] as const;

const gpuTold = ({ setups }: Measured) => setups.some(({ points }) => points.some(({ gpu }) => gpu !== undefined));

/** What the GPUs did has a column where it is known. */
export const columnsOf = (measured: Measured): readonly string[] => (gpuTold(measured) ? [...usual, 'GPU'] : usual);

/** A row for each set-up: the load under which it answers the most within the SLO. */
export function rowsOf(measured: Measured): string[][] {
  const { setups, sloMicros } = measured;
  const told = gpuTold(measured);
  const sloMillis = sloMicros / 1000;
  return setups.map((setup) => {
    const point = bestPoint(setup, sloMillis);
    const { memoryBytes, name } = setup;
    const note = `${servedWell(point, sloMillis) ? '' : ' (late)'}${isBoundByLoad(point, sloMillis) ? ' *' : ''}`;
    return [
      name,
      rate(point.throughput) + note,
      ms(point.p50),
      ms(point.p95),
      ms(point.p99),
      String(clientsServed(setup, sloMillis)),
      memoryBytes === undefined ? '-' : `${Math.round(memoryBytes / 2 ** 20)} MiB`,
      point.usage === undefined ? '-' : point.usage.own.toFixed(2),
      ...(told ? [gpuText(point.gpu)] : []),
    ];
  });
}

function gpuText(gpu: MeasuredPoint['gpu']): string {
  const busy = gpu?.busy === undefined ? [] : [`${Math.round(100 * gpu.busy)}%`];
  const used = gpu?.usedBytes === undefined ? [] : [`${(gpu.usedBytes / 2 ** 30).toFixed(1)} GiB`];
  return [...busy, ...used].join(', ') || '-';
}

/** What has to be known to read the table. */
export function notesOf(measured: Measured): string[] {
  const { setups, skipped, sloMicros, machine, throttled = 0, noGpuUsage } = measured;
  const sloMillis = sloMicros / 1000;
  const bound = setups.some((setup) => isBoundByLoad(bestPoint(setup, sloMillis), sloMillis));
  const points = setups.flatMap(({ points }) => points).flatMap(({ usage }) => usage ?? []);
  const others = points.length === 0 ? 0 : Math.max(...points.map(({ all, own }) => all - own));
  return [
    `Each row is the load under which 99 of 100 answers came within ${ms(sloMillis)} and most came at all; callers: as many as can ask again and again so.`,
    ...(bound ? ['*: the load was busy or late itself here, and may be what bounds this row.'] : []),
    ...(machine.device === 'CPU' ? [] : [`The GPU is: ${machine.device}.`]),
    ...(gpuTold(measured)
      ? [
          'GPU: the part of the time in which kernels ran on it, and its memory in use at the peak, as its driver tells; on average, and together, of several.',
        ]
      : []),
    ...(noGpuUsage === undefined ? [] : [`What the GPU did is not known: ${noGpuUsage}.`]),
    ...(others > 0.2 * machine.cores
      ? [`Beside what was measured up to ${others.toFixed(1)} cores were at work, the load itself and other programs.`]
      : []),
    ...(throttled >= 0.05
      ? [
          `The container's limit of CPU time stopped what was measured in ${Math.round(100 * throttled)}% of its periods: long latencies are its pauses.`,
        ]
      : []),
    ...skipped.map(({ name, why }) => `Not measured: ${name}: ${why}.`),
  ];
}

export function textOf(measured: Measured): string {
  const columns = columnsOf(measured);
  const rows = [[...columns], ...rowsOf(measured)];
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
  return [
    lines[0]!,
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...lines.slice(1),
    '',
    ...notesOf(measured),
    '',
    ...measured.advice.sentences,
  ].join('\n');
}
