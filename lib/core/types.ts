// Helpers of public types.

/** What users of a class see of it, and what a test's own object has to have to stand in for one. */
export type Public<T> = Pick<T, keyof T>;

/** A class that may be asked for (`instanceof`), and that only the library makes objects of. */
export interface ClassOf<T> {
  readonly name: string;
  readonly prototype: T;
  [Symbol.hasInstance](value: unknown): value is T;
}
