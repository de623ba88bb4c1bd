// Machines behind a balancer, simulated: what becomes of requests that come at given times.
//
// The rules it keeps: what a machine that fails had is lost, and counts; machines that are replaced or added answer nothing until they have
// started; one that is taken away answers what it has. All chance comes of the seed. The cost grows with the requests, however many machines there are.

import type { BatcherSettings } from '../../batching/options.js';
import { Failure } from '../../batching/running/executor.js';
import { exponential, random } from '../load/random.js';
import { type Balancer, balancer, type Policy } from './balancer.js';
import { EventClock } from './event-clock.js';
import { Cores, Machine } from './machine.js';
import type { ServiceTimes } from './service.js';

export interface Fleet {
  readonly machines: number;
  readonly policy: Policy;
  readonly settings: BatcherSettings;
  readonly times: ServiceTimes;
  /** What a request takes beside its batch, in microseconds. */
  readonly overheadMicros: number;
  /** Of each machine: the mean time between failures, in microseconds; undefined: none fails. */
  readonly failsEveryMicros: number | undefined;
  /** From when a machine is asked for until it answers. */
  readonly startUpMicros: number;
  /** They are processes of one machine, which share its cores. */
  readonly processes?: boolean;
  /** What part of their time the machines are to be busy: their number follows; undefined: it does not change. */
  readonly scaleTo: number | undefined;
}

export interface Asked {
  /** When requests come, in microseconds, ascending, with their rows; called for each simulation. */
  readonly arrivals: () => Iterator<number>;
  readonly rowsOf: (request: number) => number;
  /** Until when requests come, and until when answers are waited for. */
  readonly comeSeconds: number;
  readonly seconds: number;
  /** What came before is not counted. */
  readonly warmupSeconds: number;
  readonly sloMicros: number;
  readonly seed: number;
}

export interface Simulated {
  /** Counted requests; of them, those that were refused, shed, lost by a failure, or not answered until the end. */
  readonly requests: number;
  readonly refused: number;
  readonly lost: number;
  /** Answers within the SLO, a second. */
  readonly goodput: number;
  /** Of those that were answered, in microseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly rowsPerBatch: number;
  /** The part of their time in which machines had something to run. */
  readonly busy: number;
  /** On average, started or starting; the most; and how many failed. */
  readonly machines: number;
  readonly mostMachines: number;
  readonly failures: number;
  readonly events: number;
}

/** How often the number of machines is looked at where it follows the load. */
const scalesEvery = 15e6;

interface Slot {
  machine: Machine;
  /** Requests that it has. */
  has: number;
  /** When it was asked for, and when it went; of those that have not, undefined. */
  readonly from: number;
  to: number | undefined;
}

export async function simulate(fleet: Fleet, asked: Asked): Promise<Simulated> {
  const run = new Simulation(fleet, asked);
  return run.run();
}

class Simulation {
  readonly #fleet: Fleet;
  readonly #asked: Asked;
  readonly #clock = new EventClock();
  readonly #random;
  readonly #cores: Cores | undefined;
  readonly #slots: Slot[] = [];
  readonly #balance: Balancer;
  readonly #latencies: number[] = [];
  readonly #retired: Machine[] = [];
  #requests = 0;
  #counted = 0;
  #refused = 0;
  #failures = 0;
  #starting = 0;
  #mostMachines: number;
  #machineMicros = 0;
  #busyBefore = 0;

  constructor(fleet: Fleet, asked: Asked) {
    this.#fleet = fleet;
    this.#asked = asked;
    this.#random = random(asked.seed);
    this.#cores = fleet.processes === true ? new Cores(this.#clock, fleet.times) : undefined;
    this.#mostMachines = fleet.machines;
    this.#balance = balancer(fleet.policy, fleet.machines, this.#random);
    for (let i = 0; i < fleet.machines; i++) this.#slots.push(this.#slot());
  }

  async run(): Promise<Simulated> {
    const { seconds, comeSeconds, warmupSeconds, sloMicros, arrivals } = this.#asked;
    const end = seconds * 1e6;
    const from = warmupSeconds * 1e6;
    const { failsEveryMicros, scaleTo } = this.#fleet;
    if (failsEveryMicros !== undefined) for (const index of this.#slots.keys()) this.#willFail(index, failsEveryMicros);
    if (scaleTo !== undefined) this.#clock.at(scalesEvery, () => this.#scale(scaleTo));
    await this.#clock.run(end, arrivals(), (at) => this.#arrive(at, from));

    const latencies = Float64Array.from(this.#latencies).sort();
    const at = (share: number) => latencies[Math.max(0, Math.ceil(share * latencies.length) - 1)] ?? 0;
    const good = latencies.findLastIndex((micros) => micros <= sloMicros) + 1;
    for (const { from, to } of this.#slots) this.#machineMicros += (to ?? end) - from;
    const all = [...this.#slots.map(({ machine }) => machine), ...this.#retired];
    let batches = 0;
    let rows = 0;
    let busy = 0;
    for (const machine of all) {
      batches += machine.batches.count;
      rows += machine.batches.rows;
      busy += machine.busyMicros;
    }
    return {
      requests: this.#counted,
      refused: this.#refused,
      lost: this.#counted - latencies.length - this.#refused,
      goodput: good / (comeSeconds - warmupSeconds),
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      p999: at(0.999),
      rowsPerBatch: batches === 0 ? 0 : rows / batches,
      busy: busy / this.#machineMicros,
      machines: this.#machineMicros / end,
      mostMachines: this.#mostMachines,
      failures: this.#failures,
      events: this.#clock.events,
    };
  }

  #slot(): Slot {
    const { times, settings } = this.#fleet;
    const parts = { clock: this.#clock, times, settings, random: this.#random, cores: this.#cores };
    const machine = new Machine(parts);
    return { machine, has: 0, from: this.#clock.now(), to: undefined };
  }

  #arrive(at: number, countedFrom: number): void {
    const rows = this.#asked.rowsOf(this.#requests++);
    const counts = at >= countedFrom;
    if (counts) this.#counted++;
    if (this.#balance.up === 0) return; // lost
    const index = this.#balance.choose();
    const slot = this.#slots[index]!;
    const { machine } = slot;
    slot.has++;
    void machine.submit(rows).then((outcome) => {
      if (slot.machine !== machine) return; // it failed meanwhile, and all that it had is settled
      slot.has--;
      this.#balance.done(index);
      if (!counts) return;
      if (outcome instanceof Failure) this.#refused++;
      else this.#latencies.push(this.#clock.now() - at + this.#fleet.overheadMicros);
    });
  }

  #willFail(index: number, everyMicros: number): void {
    this.#clock.at(this.#clock.now() + exponential(everyMicros, this.#random), () => {
      const slot = this.#slots[index]!;
      if (slot.to !== undefined) return; // it was taken away before
      this.#failures++;
      this.#balance.setUp(index, false);
      slot.machine.fail();
      this.#retired.push(slot.machine);
      slot.machine = this.#slot().machine;
      for (; slot.has > 0; slot.has--) this.#balance.done(index);
      this.#clock.at(this.#clock.now() + this.#fleet.startUpMicros, () => {
        if (slot.to === undefined) this.#balance.setUp(index, true);
        this.#willFail(index, everyMicros);
      });
    });
  }

  /** As many more or fewer as would have had the machines as busy as they are to be. */
  #scale(scaleTo: number): void {
    let busy = 0;
    for (const { machine } of this.#slots) busy += machine.busyMicros;
    for (const machine of this.#retired) busy += machine.busyMicros;
    const up = this.#balance.up;
    const share = (busy - this.#busyBefore) / scalesEvery / Math.max(1, up);
    this.#busyBefore = busy;
    const wanted = Math.max(1, Math.ceil((up * share) / scaleTo - 1e-9));
    for (let have = up + this.#starting; have < wanted; have++) this.#start();
    // What is taken away answers what it has. A tenth at a time, so that a lull does not cost what comes after it.
    for (let less = Math.min(up - wanted, Math.ceil(up / 10)); less > 0; less--) this.#takeAway();
    this.#clock.at(this.#clock.now() + scalesEvery, () => this.#scale(scaleTo));
  }

  #start(): void {
    const { startUpMicros, failsEveryMicros } = this.#fleet;
    const index = this.#balance.add();
    const slot = this.#slot();
    this.#slots.push(slot);
    this.#starting++;
    this.#clock.at(this.#clock.now() + startUpMicros, () => {
      this.#starting--;
      if (slot.to !== undefined) return; // it is not wanted any more
      this.#balance.setUp(index, true);
      this.#mostMachines = Math.max(this.#mostMachines, this.#balance.up);
      if (failsEveryMicros !== undefined) this.#willFail(index, failsEveryMicros);
    });
  }

  #takeAway(): void {
    const index = this.#slots.findLastIndex(({ to }) => to === undefined);
    if (index === -1 || this.#balance.up <= 1) return;
    this.#balance.setUp(index, false);
    this.#slots[index]!.to = this.#clock.now();
  }
}
