// What the results file keeps of a model's way to its settings.

/** Answers in each span since the model was loaded, and after changes of load; and what the best fixed setting answers a second. */
export interface Course {
  readonly spanMs: number;
  readonly phases: readonly { readonly callers: number; readonly best: number; readonly answers: readonly number[] }[];
}
