// Jobs that feed on others: what one gives, the next takes, without its caller in between. In the queue they are a BullMQ flow, parents
// whose children come first.

import type { FlowJob } from 'bullmq';
import { checkNames, isPlainObject, queueName, refuse, shown, text } from '../core/checks.js';
import type { Origin } from '../job/format.js';
import type { Tensors } from '../payload/tensors.js';
import type { AddOptions } from './add-options.js';

/** A job, and those whose outputs it takes. One object is one job, however many take from it. */
export interface Step {
  /** An operation, model or handler. */
  readonly name: string;
  /** Whose workers do it; the queue's own by default, and always that of the last. */
  readonly queue?: string | undefined;
  readonly feeds?: Tensors | undefined;
  /** Feeds that are outputs of other steps. */
  readonly from?: Readonly<Record<string, StepOutput>> | undefined;
  readonly options?: Omit<AddOptions, 'key'> | undefined;
}

export interface StepOutput {
  readonly step: Step;
  /** `result`, by which an operation's only result goes, by default. */
  readonly output?: string | undefined;
}

const stepNames = { name: true, queue: true, feeds: true, from: true, options: true } as const;
const outputNames = { step: true, output: true } as const;

/** Errors: ERR_ARGUMENT, also for what more than one step takes from: in a flow each job has one parent; and a last step of another queue. */
export function checkSteps(last: Step, queue: string): void {
  const seen = new Map<Step, Step | undefined>();
  const check = (step: Step, parent: Step | undefined): void => {
    checkNames('flow: a step', step, stepNames);
    text('flow: name of a step', step.name);
    if (step.queue !== undefined) queueName('flow: queue of a step', step.queue);
    if (seen.has(step)) {
      if (seen.get(step) === parent) return;
      refuse(
        `flow: the step '${step.name}' is taken from by two others; the queue '${queue}' can give a result to one`,
      );
    }
    seen.set(step, parent);
    const { from = {} } = step;
    if (!isPlainObject(from))
      refuse(`flow: from of '${step.name}' must be an object of steps by feeds, got ${shown(from)}`);
    for (const [feed, origin] of Object.entries(from)) {
      checkNames(`flow: '${feed}' of '${step.name}'`, origin, outputNames);
      if (step.feeds !== undefined && Object.hasOwn(step.feeds, feed)) {
        refuse(`flow: '${feed}' of '${step.name}' is both given and another step's`);
      }
      check(origin.step, step);
    }
  };
  check(last, undefined);
  // Its handle asks this queue.
  if (last.queue !== undefined && last.queue !== queue) {
    refuse(
      `flow: the last step, '${last.name}', must be of the queue itself, '${queue}', got ${shown(last.queue)}; ask a TensorQueue of that one`,
    );
  }
}

/** A step that is to be added: what the queue makes of one. */
export interface Prepared {
  readonly id: string;
  readonly queue: string;
  job(children: readonly FlowJob[], from: Readonly<Record<string, Origin>> | undefined): FlowJob;
}

/** The flow, from its last job down. `prepared` has every step. */
export function flowOf(step: Step, prepared: ReadonlyMap<Step, Prepared>, prefix: string, output: string): FlowJob {
  const origins = Object.entries(step.from ?? {});
  const own = prepared.get(step)!;
  if (origins.length === 0) return own.job([], undefined);
  const from = origins.map(([feed, origin]) => {
    const { id, queue } = prepared.get(origin.step)!;
    return [feed, { job: `${prefix}:${queue}:${id}`, output: origin.output ?? output }] as const;
  });
  const children = [...new Set(origins.map(([, origin]) => origin.step))];
  return own.job(
    children.map((child) => flowOf(child, prepared, prefix, output)),
    Object.fromEntries(from),
  );
}

export function stepsOf(last: Step): Step[] {
  const all = new Set<Step>();
  const walk = (step: Step): void => {
    all.add(step);
    for (const { step: before } of Object.values(step.from ?? {})) walk(before);
  };
  walk(last);
  return [...all];
}
