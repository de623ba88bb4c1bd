// The subscripts of einsum, as numpy reads them.

import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';

/** A letter; or '.0', '.1', ... for the dimensions of an ellipsis, counted from the last one. */
export type Label = string;

export interface Subscripts {
  /** The labels of each operand's axes. */
  readonly inputs: readonly (readonly Label[])[];
  readonly output: readonly Label[];
}

/** For operands of so many dimensions. Errors: ERR_ARGUMENT, ERR_SHAPE. */
export function parseSubscripts(subscripts: unknown, ranks: readonly number[]): Subscripts {
  const refuse = (why: string) => new TensorlaneError('ERR_ARGUMENT', `einsum: ${why}, got ${shown(subscripts)}`);
  if (typeof subscripts !== 'string') throw refuse("the subscripts must be a string such as 'ij,jk->ik'");
  const sides = subscripts.replaceAll(' ', '').split('->');
  if (sides.length > 2) throw refuse("there must be one '->' at most");
  const [left, right] = sides as [string, string | undefined];
  const terms = left.split(',');
  if (terms.length !== ranks.length) {
    throw refuse(
      `there are ${ranks.length} operand${ranks.length === 1 ? '' : 's'}, and subscripts for ${terms.length}`,
    );
  }
  const parsed = terms.map((term, i) => splitTerm(term, `operand ${i}`, refuse));
  let broadcast = 0;
  const inputs = parsed.map(({ before, after, ellipsis }, i) => {
    const further = ranks[i]! - before.length - after.length;
    if (further < 0 || (further > 0 && !ellipsis)) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `einsum: '${terms[i]}' names ${before.length + after.length} axes, operand ${i} has ${ranks[i]} dimensions`,
      );
    }
    broadcast = Math.max(broadcast, further);
    return [...before, ...ellipsisLabels(further), ...after];
  });
  if (right === undefined) return { inputs, output: implicitOutput(inputs, broadcast) };
  const { before, after, ellipsis } = splitTerm(right, 'the result', refuse);
  if (broadcast > 0 && !ellipsis) throw refuse("the operands' further dimensions need a '...' behind '->'");
  const output = [...before, ...ellipsisLabels(broadcast), ...after];
  const known = new Set(inputs.flat());
  for (const [i, label] of output.entries()) {
    if (!known.has(label)) throw refuse(`'${label}' is in the result, but in no operand`);
    if (output.indexOf(label) !== i) throw refuse(`'${label}' is in the result twice`);
  }
  return { inputs, output };
}

function splitTerm(term: string, what: string, refuse: (why: string) => TensorlaneError) {
  const parts = term.split('...');
  if (parts.length > 2) throw refuse(`${what} has more than one '...'`);
  for (const part of parts) {
    const wrong = /[^A-Za-z]/.exec(part);
    if (wrong !== null) throw refuse(`${what} has '${wrong[0]}', which is no letter`);
  }
  const [before, after] = parts.map((part) => [...part]) as [string[], string[] | undefined];
  return { before, after: after ?? [], ellipsis: parts.length === 2 };
}

/** From the first one to the last. */
function ellipsisLabels(count: number): Label[] {
  return Array.from({ length: count }, (_, i) => `.${count - 1 - i}`);
}

/** The ellipsis, and then the letters that occur once, by the alphabet. */
function implicitOutput(inputs: readonly (readonly Label[])[], broadcast: number): Label[] {
  const letters = inputs.flat().filter((label) => !label.startsWith('.'));
  const once = letters.filter((label) => letters.indexOf(label) === letters.lastIndexOf(label));
  return [...ellipsisLabels(broadcast), ...once.sort()];
}
