// A queue's state in Prometheus' text format.

import type { QueueStatus } from './load.js';

const states = ['waiting', 'delayed', 'active', 'completed', 'failed'] as const;

export function metricsOf(queue: string, status: QueueStatus): string {
  const label = `queue="${escaped(queue)}"`;
  const families: readonly [
    name: string,
    help: string,
    samples: readonly (readonly [labels: string, value: number])[],
  ][] = [
    [
      'jobs',
      'Jobs that the queue has, by state; failed: dead letters',
      states.map((state) => [`${label},state="${state}"`, status[state]]),
    ],
    ['oldest_job_seconds', 'For how long the next job has waited', [[label, status.oldestMs / 1000]]],
    ['workers', 'Workers of the queue', [[label, status.workers.length]]],
    ['worker_slots', 'How many jobs its workers take at once', [[label, total(status, ({ slots }) => slots)]]],
    ['worker_jobs_running', 'Jobs that its workers have taken', [[label, total(status, ({ running }) => running)]]],
    ['jobs_per_second', 'Jobs that its workers answer a second', [[label, status.perSecond]]],
  ];
  return families
    .flatMap(([name, help, samples]) => [
      `# HELP tensorlane_queue_${name} ${help}`,
      `# TYPE tensorlane_queue_${name} gauge`,
      ...samples.map(([labels, value]) => `tensorlane_queue_${name}{${labels}} ${value}`),
    ])
    .join('\n')
    .concat('\n');
}

function total({ workers }: QueueStatus, of: (worker: QueueStatus['workers'][number]) => number): number {
  return workers.reduce((sum, worker) => sum + of(worker), 0);
}

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
