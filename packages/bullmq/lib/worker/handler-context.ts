// What a function or a model in JS is told of its job.

export interface HandlerContext {
  readonly id: string;
  /** From 1. */
  readonly attempt: number;
  /** The job's `options`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** When the job is cancelled or late. */
  readonly signal: AbortSignal;
  /** Tells the caller how far it is: a number, or anything that JSON has. */
  progress(value: number | object): Promise<void>;
}
