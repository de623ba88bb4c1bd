// Which statistic becomes which metric. Prometheus's conventions hold: base units, counters that end with _total, and a unit
// in the name.

import type { BatcherStats } from '../batching/statistics/stats.js';
import type { LatencyCounts, LatencySummary } from '../core/latency.js';
import type { DeviceStats } from '../device/info.js';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** What follows the metric's name. */
  readonly suffix: '' | '_sum' | '_count' | '_bucket';
  readonly labels: Labels;
  readonly value: number;
}

/** A metric with all its label values, made of one source's statistics. */
export interface Family<Stats> {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'summary' | 'histogram';
  samples(stats: Stats): Sample[];
}

/** Labels that are the samples' own. */
export const ownLabels: ReadonlySet<string> = new Set(['outcome', 'reason', 'quantile', 'le']);

/** The same for every model, so that they can be added up. */
const sizeBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

export const batcherFamilies: readonly Family<BatcherStats>[] = [
  counter(
    'requests_accepted_total',
    'Requests that were accepted: those settled, and those pending',
    ({ requests }) => requests.accepted,
  ),
  counters('requests_total', 'Accepted requests that were settled, by outcome', 'outcome', ({ requests }) => {
    const { completed, failed, cancelled, expired, shed } = requests;
    return { completed, failed, cancelled, expired, shed };
  }),
  counters(
    'requests_refused_total',
    'Requests that were not accepted, by reason',
    'reason',
    ({ requests }) => requests.refused,
  ),
  gauge('requests_pending', 'Requests that are queued or running', ({ requests }) => requests.pending),
  gauge(
    'requests_queued',
    'Of the pending: those that do not run yet, or of which a part does not',
    ({ requests }) => requests.queued,
  ),
  ...latency(
    ['request_queue_seconds', 'request_queue_duration_seconds'],
    "From a request's arrival to the start of its batch",
    (stats: BatcherStats) => stats.queueMicros,
  ),
  ...latency(
    ['request_seconds', 'request_duration_seconds'],
    "From a completed request's arrival to its settlement",
    (stats: BatcherStats) => stats.totalMicros,
  ),
  counters(
    'batches_total',
    'Batches that were started, by why they stopped growing',
    'reason',
    ({ batches }) => batches.closed,
  ),
  counter(
    'batches_retried_total',
    'Batches that failed and whose requests were run again by themselves',
    ({ batches }) => batches.retried,
  ),
  gauge('batches_running', 'Batches in flight', ({ batches }) => batches.running),
  {
    name: 'batch_rows',
    help: 'Rows of each execution, of batches and of requests run again by themselves, without padding',
    type: 'histogram',
    samples: ({ batches }) => distribution(batches.sizes),
  },
  counter('padded_rows_total', 'Rows of padding, up to an allowed batch size', ({ batches }) => batches.paddedRows),
  counter(
    'padded_lengths_total',
    "How many rows' worth of the rows was padding of variable lengths",
    ({ batches }) => batches.paddedLengths,
  ),
  summary(
    'batch_forming_seconds',
    "From the arrival of a batch's first request to the batch's start",
    (stats) => stats.formingMicros,
  ),
  ...latency(
    ['batch_compute_seconds', 'batch_compute_duration_seconds'],
    'From the start of an execution to its end',
    (stats: BatcherStats) => stats.computeMicros,
  ),
  histogram(
    'batch_lane_wait_seconds',
    'From the moment when a batch might have started, full or with its delay over, to its start',
    (stats) => stats.laneWaitMicros,
  ),
  gauge('lanes', 'Batches that may be in flight at once', ({ lanes }) => lanes.size),
  counter(
    'lanes_busy_seconds_total',
    'For how long batches were in flight, all together',
    ({ lanes }) => lanes.busyMicros / 1e6,
  ),
  gauge(
    'latency_target_seconds',
    'The target latency',
    ({ adaptive }) => adaptive?.targetMicros && adaptive.targetMicros / 1e6,
  ),
  gauge(
    'latency_budget_seconds',
    'What is left of the target latency for what is foreseen',
    ({ adaptive }) => adaptive?.budgetMicros && adaptive.budgetMicros / 1e6,
  ),
  gauge(
    'batch_rows_limit',
    'The most rows of a batch at present, for the target latency',
    ({ adaptive }) => adaptive?.rows,
  ),
  gauge(
    'batches_limit',
    'The most batches in flight at present, for the target latency',
    ({ adaptive }) => adaptive?.atOnce,
  ),
];

export const deviceFamilies: readonly Family<DeviceStats>[] = [
  gauge('device_streams', 'Streams (lanes) of the device', ({ streams }) => streams.size),
  gauge('device_streams_busy', 'Streams with an operation running', ({ streams }) => streams.busy),
  gauge('device_operations_queued', 'Operations that wait for a stream', ({ streams }) => streams.queued),
  counter('device_operations_total', 'Operations that have ended', ({ streams }) => streams.completed),
  counter(
    'device_operations_expedited_total',
    'Of them: small ones that went past large ones',
    ({ streams }) => streams.expedited,
  ),
  counter(
    'device_streams_busy_seconds_total',
    'For how long streams had operations running, all together',
    ({ streams }) => streams.busyMicros / 1e6,
  ),
  counter(
    'device_operations_queue_seconds_total',
    'For how long operations have waited for a stream, all together',
    ({ streams }) => streams.waitedMicros / 1e6,
  ),
  gauge('device_models', 'Models that are loaded', ({ models }) => models),
  gauge('device_tensors', 'Memories that device tensors hold', ({ tensors }) => tensors),
  gauge('device_memory_limit_bytes', 'What the device may hold; 0 for all there is', ({ memory }) => memory.limitBytes),
  gauge('device_memory_used_bytes', 'In tensors and operations', ({ memory }) => memory.usedBytes),
  gauge('device_memory_peak_bytes', 'The most that was in use at once', ({ memory }) => memory.peakBytes),
  gauge(
    'device_memory_reserved_bytes',
    'Taken from the system: used, or kept for reuse',
    ({ memory }) => memory.reservedBytes,
  ),
  gauge('device_memory_tensor_bytes', 'Of the used: in device tensors', ({ memory }) => memory.tensorBytes),
  gauge(
    'device_memory_workspace_bytes',
    'Of the used: kept by streams for their libraries',
    ({ memory }) => memory.workspaceBytes,
  ),
  gauge('device_memory_pinned_bytes', 'Pinned host memory for staging', ({ memory }) => memory.pinnedBytes),
  gauge('device_memory_pinned_used_bytes', 'Of the pinned: in use', ({ memory }) => memory.pinnedUsedBytes),
];

function counter<Stats>(name: string, help: string, read: (stats: Stats) => number): Family<Stats> {
  return { name, help, type: 'counter', samples: (stats) => [sample(read(stats))] };
}

/** One for each of several values of a label. */
function counters<Stats>(
  name: string,
  help: string,
  label: string,
  read: (stats: Stats) => Readonly<Record<string, number>>,
): Family<Stats> {
  const samples = (stats: Stats) =>
    Object.entries(read(stats)).map(([labelValue, value]) => sample(value, { [label]: labelValue }));
  return { name, help, type: 'counter', samples };
}

/** Left out where it is undefined. */
function gauge<Stats>(name: string, help: string, read: (stats: Stats) => number | undefined): Family<Stats> {
  const samples = (stats: Stats) => {
    const value = read(stats);
    return value === undefined ? [] : [sample(value)];
  };
  return { name, help, type: 'gauge', samples };
}

/** A summary, for one process, and a histogram, which can be added up over processes; a metric has one type, so they are two. */
function latency<Stats>(
  [ofSummary, ofHistogram]: readonly [string, string],
  help: string,
  read: (stats: Stats) => LatencySummary,
): Family<Stats>[] {
  return [summary(ofSummary, help, read), histogram(ofHistogram, help, read)];
}

function histogram<Stats>(name: string, help: string, read: (stats: Stats) => LatencyCounts): Family<Stats> {
  const samples = (stats: Stats) => {
    const { count, sum, buckets } = read(stats);
    return [
      ...buckets.upTo.map((micros, i) => sample(buckets.counts[i]!, { le: String(micros / 1e6) }, '_bucket')),
      sample(count, { le: '+Inf' }, '_bucket'),
      sample(sum / 1e6, {}, '_sum'),
      sample(count, {}, '_count'),
    ];
  };
  return { name, help, type: 'histogram', samples };
}

/** Quantiles of latencies. The quantile 1 is the maximum. */
function summary<Stats>(name: string, help: string, read: (stats: Stats) => LatencySummary): Family<Stats> {
  const samples = (stats: Stats) => {
    const { count, sum, p50, p95, p99, max } = read(stats);
    const known = [['0.5', p50] as const, ['0.95', p95] as const, ['0.99', p99] as const, ['1', max] as const];
    const quantiles = count === 0 ? [] : known;
    return [
      ...quantiles.map(([quantile, micros]) => sample(micros / 1e6, { quantile })),
      sample(sum / 1e6, {}, '_sum'),
      sample(count, {}, '_count'),
    ];
  };
  return { name, help, type: 'summary', samples };
}

function distribution(counts: Readonly<Record<number, number>>): Sample[] {
  const sizes = Object.entries(counts).map(([rows, count]) => ({ rows: Number(rows), count }));
  const total = (most: number) => sizes.reduce((sum, { rows, count }) => (rows <= most ? sum + count : sum), 0);
  const all = total(Number.POSITIVE_INFINITY);
  return [
    ...sizeBuckets.map((most) => sample(total(most), { le: String(most) }, '_bucket')),
    sample(all, { le: '+Inf' }, '_bucket'),
    sample(
      sizes.reduce((sum, { rows, count }) => sum + rows * count, 0),
      {},
      '_sum',
    ),
    sample(all, {}, '_count'),
  ];
}

function sample(value: number, labels: Labels = {}, suffix: Sample['suffix'] = ''): Sample {
  return { suffix, labels, value };
}
