// What was found of a model's rows, as plain data.

import { namesOf, plainObject, refuseUnknown, wrong } from '../core/arguments.js';
import { shown } from '../core/shown.js';

/** What was found of inputs of one shape, or of all. */
export interface RowsVerdict {
  /** doubtful: neither the graph nor a trial says. */
  readonly verdict: 'independent' | 'mixed' | 'doubtful';
  /** Which node, or which run, says so; empty where the graph shows that rows are independent. */
  readonly reason: string;
}

/** What was found of a model's rows. It is plain data, to be kept as JSON and given to a later load of the same model. */
export interface BatchingFinding extends RowsVerdict {
  /**
   * A digest of the model's graph, of the beginnings of its weights, and the axes of its batch: what was found of another one is not
   * used.
   */
  readonly graph: string;
  /** What was found of single shapes, where the graph says nothing of all. */
  readonly shapes: Readonly<Record<string, RowsVerdict>>;
}

const what = 'batching.finding';
const verdicts = ['independent', 'mixed', 'doubtful'];
const verdictNames = namesOf<RowsVerdict>({ verdict: true, reason: true });
const findingNames = namesOf<BatchingFinding>({ graph: true, verdict: true, reason: true, shapes: true });

/** Errors: ERR_ARGUMENT. */
export function checkedFinding(given: unknown): BatchingFinding {
  const finding: Partial<BatchingFinding> = plainObject(what, given as object);
  refuseUnknown(finding, findingNames, what);
  checkVerdict(what, finding);
  if (typeof finding.graph !== 'string') throw wrong(`${what}.graph must be a string`, finding.graph);
  const shapes = plainObject(`${what}.shapes`, finding.shapes);
  for (const [key, of] of Object.entries(shapes)) {
    const name = `${what}.shapes[${shown(key)}]`;
    refuseUnknown(plainObject(name, of), verdictNames, name);
    checkVerdict(name, of as Partial<RowsVerdict>);
  }
  return finding as BatchingFinding;
}

function checkVerdict(name: string, { verdict, reason }: Partial<RowsVerdict>): void {
  if (!verdicts.includes(verdict as string))
    throw wrong(`${name}.verdict must be one of ${verdicts.join(', ')}`, verdict);
  if (typeof reason !== 'string') throw wrong(`${name}.reason must be a string`, reason);
}
