// What `status` prints of a queue.

import type { DeadLetter } from '../producer/handle.js';
import type { QueueStatus } from '../producer/load.js';

const shownLetters = 5;

export function describeStatus(name: string, status: QueueStatus, letters: readonly DeadLetter[]): string {
  const { waiting, delayed, active, completed, failed, oldestMs, perSecond, workers } = status;
  const lines = [
    `${name}: ${waiting} waiting, ${delayed} delayed, ${active} active, ${completed} completed, ${failed} dead letters`,
    `  ${perSecond.toFixed(1)} jobs a second; the next has waited ${(oldestMs / 1000).toFixed(1)} s`,
    workers.length === 0 ? '  no workers' : `  ${workers.length} ${workers.length === 1 ? 'worker' : 'workers'}:`,
    ...workers.map(
      (one) =>
        `    ${one.host} pid ${one.pid}, ${one.device}, version ${one.version}: ${one.running} of ${one.slots} jobs, ` +
        `${one.perSecond.toFixed(1)} a second, ${one.completed} completed, ${one.failed} failed`,
    ),
  ];
  const last = letters.slice(0, shownLetters);
  for (const { id, name: job, error } of last) lines.push(`  dead: ${id} '${job}' ${error.code}: ${error.message}`);
  return lines.join('\n');
}
