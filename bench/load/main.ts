// node --import tsx bench/load/main.ts URL [options]
//
// Puts load on any HTTP server that takes a POST, at one rate after the other, prints the percentiles, and writes them with a
// chart of latency against load. Latency is corrected for coordinated omission: see open-loop.ts and latencies.ts.

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Arrivals, arrivalKinds, schedule } from '../../lib/cli/load/arrivals.js';
import { openLoop } from '../../lib/cli/load/open-loop.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { COLUMNS, drawChart, drawPage, type LoadPoint, tableRows } from './chart.js';
import { closedLoop } from './closed-loop.js';
import { HttpDriver, isRefusal } from './http-driver.js';
import { type Summary, summarise } from './summary.js';
import { isSustained } from './sustained.js';

const USAGE = `Usage: node --import tsx bench/load/main.ts URL [options]
  --body FILE         what to send; by default --floats N random ones (16)
  --rates 50,100,200  open loop: requests a second
  --arrivals NAME     of the open loop: ${arrivalKinds.join(', ')} (poisson)
  --in-flight N       at most so many on their way, more are not sent (1024)
  --spin              keep a core busy to send on the microsecond
  --callers 1,8,64    closed loop instead: so many callers, each asking again when it has its answer
  --interval MS       of the closed loop: how often each would have asked, had nothing held it up
  --duration S        measured for each point (10), after --warmup S (2)
  --seed N            of the arrivals (1)
  --out PREFIX        where PREFIX.svg, PREFIX.html and PREFIX.json go (load)`;

class UsageError extends Error {}

function numbers(name: string, text: string): number[] {
  const all = text.split(',').map(Number);
  if (all.some((number) => !(number > 0))) throw new UsageError(`--${name} takes numbers above 0, not "${text}"`);
  return all;
}

function settings() {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values, positionals } = parseArgs({
    options: {
      body: { type: 'string' },
      floats: text('16'),
      rates: text('50,100,200,400'),
      arrivals: text('poisson'),
      'in-flight': text('1024'),
      spin: { type: 'boolean', default: false },
      callers: { type: 'string' },
      interval: { type: 'string' },
      duration: text('10'),
      warmup: text('2'),
      seed: text('1'),
      out: text('load'),
    },
    allowPositionals: true,
  });
  const [url] = positionals;
  if (url === undefined || positionals.length > 1) throw new UsageError('one URL is needed');
  if (!arrivalKinds.includes(values.arrivals as Arrivals))
    throw new UsageError(`--arrivals: ${arrivalKinds.join(', ')}`);
  const one = (name: 'floats' | 'in-flight' | 'duration' | 'warmup' | 'seed') =>
    numbers(name, values[name])[0] as number;
  return {
    url: new URL(url),
    body: values.body === undefined ? new Uint8Array(randomFloats(one('floats'), 1).buffer) : readFileSync(values.body),
    rates: numbers('rates', values.rates),
    arrivals: values.arrivals as Arrivals,
    maxInFlight: one('in-flight'),
    spin: values.spin,
    callers: values.callers === undefined ? undefined : numbers('callers', values.callers),
    interval: values.interval === undefined ? undefined : numbers('interval', values.interval)[0],
    measureMs: one('duration') * 1000,
    warmupMs: one('warmup') * 1000,
    seed: one('seed'),
    out: values.out,
  };
}

type Settings = ReturnType<typeof settings>;

async function open(post: () => Promise<unknown>, rate: number, settings: Settings): Promise<LoadPoint> {
  const { arrivals, seed, maxInFlight, spin, warmupMs, measureMs } = settings;
  const durationMs = warmupMs + measureMs;
  const times = schedule({ arrivals, rate, durationMs, seed });
  const record = await openLoop(post, { times, durationMs, maxInFlight, spin, drainMs: 5000, isShed: isRefusal });
  const summary = summarise(record, warmupMs);
  if (summary.failure !== undefined) console.error(`At ${rate}/s requests failed, the first with ${summary.failure}`);
  return { rate, summary, sustained: isSustained(summary) };
}

async function closed(post: () => Promise<unknown>, callers: number, settings: Settings): Promise<LoadPoint> {
  const { interval, warmupMs, measureMs } = settings;
  const { throughput, latencyMs, loop } = await closedLoop(post, {
    callers,
    warmupMs,
    durationMs: measureMs,
    ...(interval === undefined ? {} : { expectedIntervalMs: interval }),
  });
  const answered = Math.round((throughput * measureMs) / 1000);
  const summary: Summary = {
    offered: throughput,
    achieved: throughput,
    counts: { answered, unanswered: 0, unsent: 0, shed: 0, failed: 0 },
    latencyMs,
    sender: { lateP50: 0, lateP99: loop.p99, tooLate: false },
    failure: undefined,
  };
  return { rate: throughput, summary, sustained: true };
}

async function main(): Promise<void> {
  const chosen = settings();
  const driver = new HttpDriver(chosen.url);
  const post = () => driver.post(chosen.body);
  const points: LoadPoint[] = [];
  try {
    await post(); // Whoever got the address wrong shall know it now.
    for (const callers of chosen.callers ?? []) points.push(await closed(post, callers, chosen));
    if (chosen.callers === undefined) for (const rate of chosen.rates) points.push(await open(post, rate, chosen));
  } finally {
    driver.close();
  }
  const how = chosen.callers === undefined ? `${chosen.arrivals} arrivals` : `${chosen.callers.join(', ')} callers`;
  const chart = {
    title: `${chosen.url.href}: latency against load`,
    notes: [`${how}, ${chosen.measureMs / 1000} s a point. ${cpus()[0]?.model.trim()}, ${cpus().length} cores.`],
    series: [{ name: chosen.url.host, points: points.sort((a, b) => a.rate - b.rate) }],
  };
  console.table(tableRows(chart.series).map((row) => Object.fromEntries(COLUMNS.map((name, i) => [name, row[i]]))));
  writeFileSync(`${chosen.out}.svg`, drawChart(chart));
  writeFileSync(`${chosen.out}.html`, drawPage(chart));
  writeFileSync(`${chosen.out}.json`, `${JSON.stringify(chart, null, 2)}\n`);
  console.log(`Written to ${chosen.out}.svg, .html and .json`);
}

try {
  await main();
} catch (error) {
  const expected = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  console.error(expected ? `${(error as Error).message}\n${USAGE}` : String(error));
  process.exitCode = 1;
}
