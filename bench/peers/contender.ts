// What a library must be able to do to be measured as a model server.

export interface HostTensor {
  readonly type: 'float32' | 'int64';
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

export type HostTensors = Readonly<Record<string, HostTensor>>;

export interface LoadOptions {
  /** Used by libraries that batch; others ignore both. */
  readonly maxBatchSize?: number;
  readonly concurrency?: number;
}

export interface Batches {
  readonly count: number;
  readonly rows: number;
}

export interface LoadedModel {
  /**
   * Brings inputs into the library's own form. It is not measured: a load program prepares once what it sends many
   * times, so no library pays for its tensor objects.
   */
  prepare(inputs: HostTensors): unknown;
  run(prepared: unknown): Promise<HostTensors>;
  /** Batches run so far and the rows in them, of a library that batches. */
  batches(): Batches | undefined;
  close(): Promise<void>;
}

export interface Contender {
  readonly name: ContenderName;
  load(path: string, options?: LoadOptions): Promise<LoadedModel>;
  close(): Promise<void>;
}

export const CONTENDERS = ['tensorlane', 'onnxruntime-node'] as const;
/** Beside the two where there are many callers. */
export const PISCINA = 'onnxruntime-node in piscina';
export type ContenderName = (typeof CONTENDERS)[number] | typeof PISCINA;
