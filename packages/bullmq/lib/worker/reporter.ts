// Says of a worker what others may know, while it is there.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { DeviceInfo } from 'tensorlane';
import { version } from '../core/version.js';
import { Rate, report, reportEveryMs, takeBack, type WorkerReport } from '../job/workers.js';
import type { RedisClock } from '../redis/clock.js';

type Counts = Pick<WorkerReport, 'slots' | 'running' | 'completed' | 'failed'>;

const takeBackMs = 1000;

export class Reporter {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #clock: RedisClock;
  readonly #device: string;
  readonly #counts: () => Counts;
  readonly #id = randomUUID();
  readonly #rate = new Rate();
  #timer: NodeJS.Timeout | undefined;

  constructor(redis: Redis, key: string, clock: RedisClock, device: DeviceInfo, counts: () => Counts) {
    this.#redis = redis;
    this.#key = key;
    this.#clock = clock;
    this.#device = `${device.kind} ${device.name}`;
    this.#counts = counts;
  }

  async start(): Promise<void> {
    await this.#say();
    // A Redis that is away hears of it when it is back.
    this.#timer = setInterval(() => {
      if (this.#redis.status === 'ready') this.#say().catch(() => {});
    }, reportEveryMs).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#redis.status !== 'ready') return;
    // One that stands still need not hear it: who says nothing more is gone.
    const told = takeBack(this.#redis, this.#key, this.#id).catch(() => {});
    await Promise.race([told, setTimeout(takeBackMs, undefined, { ref: false })]);
  }

  async #say(): Promise<void> {
    const counts = this.#counts();
    await report(this.#redis, this.#key, {
      id: this.#id,
      host: hostname(),
      pid: process.pid,
      device: this.#device,
      version,
      replies: true,
      ...counts,
      perSecond: this.#rate.look(counts.completed + counts.failed, performance.now()),
      at: await this.#clock.now(),
    });
  }
}
