// Machines behind a balancer, simulated: what becomes of requests that come at given times.
//
// The rules it keeps: what a machine that fails had is lost, and counts; machines that are replaced or added answer nothing until they have
// started; one that is taken away answers what it has. All chance comes of the seed. The cost grows with the requests, however many machines there are.

import { Failure } from '../../batching/running/executor.js';
import { exponential, random } from '../load/random.js';
import { type Balancer, balancer, type Policy } from './balancer.js';
import { EventClock } from './event-clock.js';
import { Cores, Machine, type PlannedModel } from './machine.js';
import { type Placement, placed } from './placement.js';

export interface FleetModel extends PlannedModel {
  /** What a request takes beside its batch, in microseconds. */
  readonly overheadMicros: number;
  readonly sloMicros: number;
  /** What its requests take of the machines' time, in any unit: by model, so many of them hold it. */
  readonly work: number;
}

export interface Fleet {
  readonly machines: number;
  readonly policy: Policy;
  readonly models: readonly FleetModel[];
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
  readonly modelOf: (request: number) => number;
  /** Until when requests come, and until when answers are waited for. */
  readonly comeSeconds: number;
  readonly seconds: number;
  /** What came before is not counted. */
  readonly warmupSeconds: number;
  readonly seed: number;
}

/** What became of requests: of a model's, or of all. */
export interface Answered {
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
}

export interface Simulated extends Answered {
  readonly models: readonly (Answered & { readonly sloMicros: number })[];
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

/** Of a model's requests that are counted. */
class Counted {
  requests = 0;
  refused = 0;
  readonly latencies: number[] = [];
}

interface Slot {
  machine: Machine;
  /** Requests that it has. */
  has: number;
  /** When it was asked for, and when it went; of those that have not, undefined. */
  readonly from: number;
  to: number | undefined;
  /** What it had been busy for, less what machines in its place were that failed since, when the number of machines was looked at. */
  busyBefore: number;
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
  readonly #placement: Placement;
  readonly #balance: Balancer;
  readonly #retired: Machine[] = [];
  readonly #counted: readonly Counted[];
  /** How many machines start; by model, for each. */
  readonly #starting: number[];
  #requests = 0;
  #failures = 0;
  #mostMachines: number;
  #machineMicros = 0;

  constructor(fleet: Fleet, asked: Asked) {
    this.#fleet = fleet;
    this.#asked = asked;
    this.#random = random(asked.seed);
    this.#cores = fleet.processes === true ? new Cores(this.#clock) : undefined;
    this.#mostMachines = fleet.machines;
    this.#counted = fleet.models.map(() => new Counted());
    this.#starting = fleet.models.map(() => 0);
    this.#placement = placed(
      fleet.machines,
      fleet.models.map(({ work }) => work),
    );
    this.#balance = balancer(fleet.policy, fleet.machines, this.#random, this.#placement);
    for (let i = 0; i < fleet.machines; i++) this.#slots.push(this.#slot());
  }

  async run(): Promise<Simulated> {
    const { seconds, arrivals, warmupSeconds } = this.#asked;
    const end = seconds * 1e6;
    const from = warmupSeconds * 1e6;
    const { failsEveryMicros, scaleTo } = this.#fleet;
    if (failsEveryMicros !== undefined) for (const index of this.#slots.keys()) this.#willFail(index, failsEveryMicros);
    if (scaleTo !== undefined) this.#clock.at(scalesEvery, () => this.#scale(scaleTo));
    await this.#clock.run(end, arrivals(), (at) => this.#arrive(at, from));

    for (const { from, to } of this.#slots) this.#machineMicros += (to ?? end) - from;
    const all = [...this.#slots.map(({ machine }) => machine), ...this.#retired];
    const busy = all.reduce((sum, machine) => sum + machine.busyMicros, 0);
    const { models } = this.#fleet;
    const answered = this.#answered(models.keys(), all);
    const of = (model: number) => (models.length === 1 ? answered : this.#answered([model], all));
    return {
      ...answered,
      models: models.map(({ sloMicros }, model) => ({ ...of(model), sloMicros })),
      busy: busy / this.#machineMicros,
      machines: this.#machineMicros / end,
      mostMachines: this.#mostMachines,
      failures: this.#failures,
      events: this.#clock.events,
    };
  }

  #answered(models: Iterable<number>, machines: readonly Machine[]): Answered {
    const { comeSeconds, warmupSeconds } = this.#asked;
    const sum = { requests: 0, refused: 0, good: 0, batches: 0, rows: 0 };
    const answers: number[][] = [];
    for (const model of models) {
      const { requests, refused, latencies } = this.#counted[model]!;
      const { sloMicros } = this.#fleet.models[model]!;
      sum.requests += requests;
      sum.refused += refused;
      for (const micros of latencies) if (micros <= sloMicros) sum.good++;
      answers.push(latencies);
      for (const machine of machines) {
        const { count, rows } = machine.batches(model);
        sum.batches += count;
        sum.rows += rows;
      }
    }
    const latencies = Float64Array.from(answers.flat()).sort();
    const at = (share: number) => latencies[Math.max(0, Math.ceil(share * latencies.length) - 1)] ?? 0;
    return {
      requests: sum.requests,
      refused: sum.refused,
      lost: sum.requests - latencies.length - sum.refused,
      goodput: sum.good / (comeSeconds - warmupSeconds),
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      p999: at(0.999),
      rowsPerBatch: sum.batches === 0 ? 0 : sum.rows / sum.batches,
    };
  }

  #slot(): Slot {
    const parts = { clock: this.#clock, models: this.#fleet.models, random: this.#random, cores: this.#cores };
    const machine = new Machine(parts);
    return { machine, has: 0, from: this.#clock.now(), to: undefined, busyBefore: 0 };
  }

  #arrive(at: number, countedFrom: number): void {
    const rows = this.#asked.rowsOf(this.#requests);
    const model = this.#asked.modelOf(this.#requests++);
    const { overheadMicros } = this.#fleet.models[model]!;
    const counted = at >= countedFrom ? this.#counted[model]! : undefined;
    if (counted) counted.requests++;
    if (this.#balance.up(model) === 0) return; // lost
    const index = this.#balance.choose(model);
    const slot = this.#slots[index]!;
    const { machine } = slot;
    slot.has++;
    void machine.submit(model, rows).then((outcome) => {
      if (slot.machine !== machine) return; // it failed meanwhile, and all that it had is settled
      slot.has--;
      this.#balance.done(index);
      if (counted === undefined) return;
      if (outcome instanceof Failure) counted.refused++;
      else counted.latencies.push(this.#clock.now() - at + overheadMicros);
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
      slot.busyBefore -= slot.machine.busyMicros;
      slot.machine = this.#slot().machine;
      for (; slot.has > 0; slot.has--) this.#balance.done(index);
      this.#clock.at(this.#clock.now() + this.#fleet.startUpMicros, () => {
        if (slot.to === undefined) this.#balance.setUp(index, true);
        this.#willFail(index, everyMicros);
      });
    });
  }

  /** As many more or fewer as would have had the machines as busy as they are to be; by model, those that hold it. */
  #scale(scaleTo: number): void {
    const byModel = this.#fleet.policy === 'byModel';
    const busy = new Array<number>(this.#starting.length).fill(0);
    for (const [index, slot] of this.#slots.entries()) {
      const now = slot.machine.busyMicros;
      for (const group of byModel ? this.#placement.of(index) : [0]) busy[group]! += now - slot.busyBefore;
      slot.busyBefore = now;
    }
    for (const group of byModel ? busy.keys() : [0]) this.#scaleGroup(group, busy[group]! / scalesEvery, scaleTo);
    this.#clock.at(this.#clock.now() + scalesEvery, () => this.#scale(scaleTo));
  }

  /** `busy`: so many of them on average. */
  #scaleGroup(group: number, busy: number, scaleTo: number): void {
    const up = this.#balance.up(group);
    const wanted = Math.max(1, Math.ceil(busy / scaleTo - 1e-9));
    for (let have = up + this.#starting[group]!; have < wanted; have++) this.#start(group);
    // What is taken away answers what it has. A tenth at a time, so that a lull does not cost what comes after it.
    for (let less = Math.min(up - wanted, Math.ceil(up / 10)); less > 0; less--) this.#takeAway(group);
  }

  #start(group: number): void {
    const { startUpMicros, failsEveryMicros } = this.#fleet;
    this.#placement.add(group);
    const index = this.#balance.add();
    const slot = this.#slot();
    this.#slots.push(slot);
    this.#starting[group]!++;
    this.#clock.at(this.#clock.now() + startUpMicros, () => {
      this.#starting[group]!--;
      if (slot.to !== undefined) return; // it is not wanted any more
      this.#balance.setUp(index, true);
      this.#mostMachines = Math.max(this.#mostMachines, this.#balance.up());
      if (failsEveryMicros !== undefined) this.#willFail(index, failsEveryMicros);
    });
  }

  #takeAway(group: number): void {
    if (this.#balance.up() <= 1) return;
    const byModel = this.#fleet.policy === 'byModel';
    const index = this.#slots.findLastIndex(
      ({ to }, machine) => to === undefined && (!byModel || this.#placement.takeAway(machine, group)),
    );
    if (index === -1) return;
    this.#balance.setUp(index, false);
    this.#slots[index]!.to = this.#clock.now();
  }
}
