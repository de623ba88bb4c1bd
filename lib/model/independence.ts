// Whether requests may share a batch: whether the rows of a model change one another's outputs.
//
// The rule: nobody shares a batch before it has been shown of inputs like theirs that rows stay apart. It is shown
//   1. by the graph, of all inputs: when the model is loaded;
//   2. by the graph, of inputs of one shape, where the model's way through it hangs on that: when the shape first comes;
//   3. by trial, where the graph does not say (an operator that is not known, say): with the next row of that shape.
// Meanwhile, and where it is not shown, requests run alone.

import type { KnownInputs, Model as NativeModel, RowsFinding, TrialRequest } from '../../binding.js';
import type { DType, Tensor } from '../tensor/types.js';
import { cut } from './blocks.js';
import type { BatchingFinding, RowsVerdict } from './finding.js';
import type { Layout } from './layout.js';
import type { CheckedFeeds } from './signature.js';

type Learned = RowsVerdict | 'learning' | 'wants a trial';

/** Shapes that are remembered; the one that was first seen makes room for another. */
const mostShapes = 1024;
/** Elements of an input that all rows share, which the way through the graph may hang on: a sampling rate, say. */
const mostElements = 16;

export class Independence {
  readonly #native: NativeModel;
  readonly #layout: Layout;
  readonly #general: RowsFinding & { graph: string };
  readonly #shapes = new Map<string, Learned>();
  /** What is being found out. */
  readonly #pending = new Set<Promise<unknown>>();
  /** Shapes of which it was shown, and all of which something is known. */
  #shown = 0;
  #known = 0;
  #closed = false;

  constructor(
    native: NativeModel,
    layout: Layout,
    general: RowsFinding & { graph: string },
    kept: BatchingFinding | undefined,
  ) {
    this.#native = native;
    this.#layout = layout;
    this.#general = general;
    if (kept === undefined || kept.graph === '' || kept.graph !== general.graph) return;
    for (const [key, { verdict, reason }] of Object.entries(kept.shapes)) this.#learn(key, { verdict, reason });
  }

  /** Why no requests ever share a batch; undefined where some may. */
  get refusal(): string | undefined {
    const { verdict, reason } = this.#general;
    if (verdict === 'independent') return undefined;
    if (!this.#byShape) return reason;
    if (this.#known === 0 || this.#shown > 0) return undefined;
    for (const learned of this.#shapes.values()) if (typeof learned === 'object') return learned.reason;
    return undefined;
  }

  /** Why some requests may run alone, though others share batches. */
  get doubt(): string | undefined {
    return this.#general.verdict === 'independent' ? undefined : this.#general.reason;
  }

  get finding(): BatchingFinding {
    const { graph, verdict, reason } = this.#general;
    const known = [...this.#shapes].filter((entry): entry is [string, RowsVerdict] => typeof entry[1] === 'object');
    return { graph, verdict, reason, shapes: Object.fromEntries(known) };
  }

  /** Whether inputs like these may share a batch. Where that is not known, it begins to find out. */
  holds(checked: CheckedFeeds): boolean {
    if (this.#general.verdict === 'independent') return this.#layout.agrees(checked.tensors as readonly Tensor[]);
    if (!this.#byShape) return false;
    const learned = this.#shapes.get(checked.key);
    if (typeof learned === 'object') return learned.verdict === 'independent';
    if (learned === undefined) this.#examine(checked);
    else if (learned === 'wants a trial') this.#try(checked);
    return false;
  }

  /** Whether it would find out of inputs like these, for which it needs their elements. */
  wants(checked: CheckedFeeds): boolean {
    const learned = this.#shapes.get(checked.key);
    return (
      this.#byShape && this.#general.verdict !== 'independent' && typeof learned !== 'object' && learned !== 'learning'
    );
  }

  /** The same as `holds`, once it is known. */
  async learn(checked: CheckedFeeds): Promise<boolean> {
    let holds = this.holds(checked);
    while (this.#pending.size > 0) {
      await this.settled();
      holds = this.holds(checked);
    }
    return holds;
  }

  /** When nothing is being found out. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** Begins nothing more. */
  close(): Promise<void> {
    this.#closed = true;
    return this.settled();
  }

  get #byShape(): boolean {
    return this.#general.mayChange || this.#general.verdict === 'doubtful';
  }

  #examine(checked: CheckedFeeds): void {
    if (!this.#general.mayChange) {
      this.#try(checked);
      return;
    }
    this.#find(checked.key, this.#native.examine(this.#knownOf(checked)), ({ verdict, reason }) =>
      verdict === 'doubtful' ? 'wants a trial' : { verdict, reason },
    );
  }

  #try(checked: CheckedFeeds): void {
    const stranger = this.#layout.strangeOutput;
    if (stranger !== undefined) {
      this.#learn(checked.key, { verdict: 'doubtful', reason: this.#because(stranger) });
      return;
    }
    this.#find(checked.key, this.#native.tryRows(this.#rowOf(checked)), ({ verdict, reason }) => ({
      verdict,
      reason: verdict === 'independent' ? 'runs of a row alone and among others agree' : this.#because(reason),
    }));
  }

  #because(reason: string): string {
    return this.#general.reason === '' ? reason : `${reason}; ${this.#general.reason}`;
  }

  #find(key: string, asked: Promise<RowsFinding>, learned: (finding: RowsFinding) => Learned): void {
    if (this.#closed) return;
    this.#learn(key, 'learning');
    const finding = asked.then(
      (found) => this.#learn(key, learned(found)),
      // The device is being disposed, or has no memory for it now: it is asked again when the shape comes again.
      () => this.#forget(key),
    );
    this.#pending.add(finding);
    void finding.finally(() => this.#pending.delete(finding));
  }

  #learn(key: string, learned: Learned): void {
    this.#forget(key);
    if (this.#shapes.size >= mostShapes) this.#forget(this.#shapes.keys().next().value as string);
    this.#shapes.set(key, learned);
    this.#count(learned, 1);
  }

  #forget(key: string): void {
    this.#count(this.#shapes.get(key), -1);
    this.#shapes.delete(key);
  }

  #count(learned: Learned | undefined, by: number): void {
    if (typeof learned !== 'object') return;
    this.#known += by;
    if (learned.verdict === 'independent') this.#shown += by;
  }

  /** The shapes of all inputs, and the elements of small ones that all rows share. */
  #knownOf({ tensors, rows, padded }: CheckedFeeds): KnownInputs {
    const known: Record<string, KnownInputs[string]> = {};
    let given = 0;
    for (const { name, axis, padding, made, type } of this.#layout.inputs) {
      if (made !== undefined) {
        known[name] = { dims: made === 'mask' ? [rows, padded] : [rows] };
        continue;
      }
      const { dims, data } = tensors[given++] as Tensor;
      const elements = axis === undefined ? integersOf(type as DType, data) : undefined;
      known[name] = {
        dims: padding === undefined ? [...dims] : dims.with(padding.axis, padded),
        ...(elements && { elements }),
      };
    }
    return known;
  }

  /** The first row, copied: its owner may have it back before the trial runs. */
  #rowOf({ tensors, length }: CheckedFeeds): TrialRequest {
    let given = 0;
    const inputs = this.#layout.inputs.map(({ axis, made, arrayClass }) => {
      if (made !== undefined) {
        // Not padded: all of its length is the row's own.
        const mask = made === 'mask';
        const data = new arrayClass!(mask ? length : 1) as Float32Array;
        const element = mask ? 1 : length;
        data.fill(
          (data instanceof BigInt64Array || data instanceof BigUint64Array ? BigInt(element) : element) as number,
        );
        return { dims: mask ? [1, length] : [1], axis: 0, data };
      }
      const { dims, data } = tensors[given++] as Tensor;
      const row = axis === undefined ? data.slice() : cut(data, dims, axis, 0, 1);
      return { dims: axis === undefined ? [...dims] : dims.with(axis, 1), axis: axis ?? null, data: row };
    });
    return { inputs, outputs: this.#layout.outputs.map(({ axis }) => axis ?? null) };
  }
}

/** Of few integers or bools; undefined for others. */
function integersOf(type: string, data: ArrayLike<unknown>): number[] | undefined {
  if (!/^(u?int(8|16|32|64)|bool)$/.test(type) || data.length > mostElements) return undefined;
  const integers = Array.from(data, Number);
  return integers.every(Number.isSafeInteger) ? integers : undefined;
}
