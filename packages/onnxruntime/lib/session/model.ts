// What `session.tensorlane` gives, in declarations of the package's own.
//
// The rule it keeps: the package's declarations need onnxruntime-common and nothing else, in the language that onnxruntime-node's need.
// tensorlane's own take a newer TypeScript, and Node's types. Its Model is assignable to what stands here (`extendSessions` gives it as such),
// and whoever has them may say `session.tensorlane as Model`.

import type { Tensor } from 'onnxruntime-common';

/** How many, and how they are spread; in microseconds. */
export interface SessionLatencies {
  readonly count: number;
  readonly sum: number;
  /** `counts` of those that took at most `upTo`. */
  readonly buckets: { readonly upTo: readonly number[]; readonly counts: readonly number[] };
}

export interface SessionLatencySummary extends SessionLatencies {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Counters and histograms of a session's runs. */
export interface SessionStats {
  /** accepted = completed + failed + cancelled + expired + shed + pending */
  readonly requests: {
    readonly accepted: number;
    readonly completed: number;
    readonly failed: number;
    readonly cancelled: number;
    readonly expired: number;
    readonly shed: number;
    readonly pending: number;
    /** Of the pending: those that do not run yet. */
    readonly queued: number;
    readonly refused: { readonly queueFull: number; readonly overloaded: number; readonly oversize: number };
  };
  readonly batches: {
    readonly count: number;
    readonly rows: number;
    readonly running: number;
    /** Batches that failed and whose runs were made again by themselves. */
    readonly retried: number;
    /** How many batches had so many rows. */
    readonly sizes: Readonly<Record<number, number>>;
    readonly paddedRows: number;
    readonly paddedLengths: number;
    /** Why batches stopped growing. */
    readonly closed: Readonly<Record<string, number>>;
  };
  readonly lanes: { readonly size: number; readonly busyMicros: number };
  /** What is chosen at present, and why. */
  readonly adaptive?: {
    readonly rows: number;
    readonly atOnce: number;
    readonly threads: number;
    readonly why: string;
  };
  /** From a run's call to the start of its batch. */
  readonly queueMicros: SessionLatencySummary;
  readonly formingMicros: SessionLatencySummary;
  readonly laneWaitMicros: SessionLatencies;
  readonly computeMicros: SessionLatencySummary;
  /** From a run's call to its end. */
  readonly totalMicros: SessionLatencySummary;
}

/** A tensor as tensorlane gives it. */
export interface SessionTensor {
  /** onnxruntime-common's names, and some for which it has none: 'bfloat16'. */
  readonly type: string;
  readonly data: Tensor.DataType;
  readonly dims: readonly number[];
}

/** A session's model as tensorlane has it. */
export interface SessionModel {
  /** In events and metrics. */
  readonly name: string;
  readonly inputs: readonly { readonly name: string; readonly type: string }[];
  readonly outputs: readonly { readonly name: string; readonly type: string }[];
  /** The most batches at once. */
  readonly concurrency: number;
  /** What ONNX Runtime runs it on: 'cpu' or 'cuda'. */
  readonly provider: string;
  /** Why not on what was asked for. */
  readonly fallbackReason: string | undefined;
  readonly info: {
    readonly provider: string;
    readonly fallbackReason?: string;
    readonly memory: 'host' | 'device';
  };
  readonly disposed: boolean;
  readonly batching: {
    /** Whether runs share batches. */
    readonly enabled: boolean;
    /** Why not, where they do not; or why some may not. */
    readonly reason?: string;
    readonly maxBatchSize: number;
    readonly maxQueueDelayMicros: number;
  };
  /** What was learned of rows a batch and batches at once, as plain data. */
  readonly tuned: { readonly version: 1 } | undefined;
  /** One request of one or more rows: tensors by name, onnxruntime-common's or SessionTensors. Its errors are tensorlane's. */
  run(
    feeds: Readonly<Record<string, unknown>>,
    options?: {
      /** The outputs that are wanted; all by default. */
      outputs?: readonly string[];
      /** Whether it shares no batch. */
      alone?: boolean;
      /** Gives up a run that waits for its turn. */
      signal?: AbortSignal;
      timeoutMicros?: number;
    },
  ): Promise<Record<string, SessionTensor>>;
  /** Cheap enough to poll. */
  stats(): SessionStats;
}
