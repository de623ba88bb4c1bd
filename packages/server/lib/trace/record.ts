// What the trace file is told of one request: the runs that it caused, and when what of them was.
//
// The rule: it is found from within the request's work, and by nobody else; where no file is written, nothing looks for it.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Mark, TracedRun, TraceFile } from './file.js';
import type { RunTrace } from './run-trace.js';

interface Around {
  readonly request: RequestRecord;
  /** The run that this is a step of. */
  readonly run: number | undefined;
}

const within = new AsyncLocalStorage<Around>();

export class RequestRecord {
  readonly #file: TraceFile;
  readonly #protocol: string;
  readonly #marks: Mark[] = [];
  readonly #runs: (TracedRun & { readonly marks: Mark[] })[] = [];

  constructor(file: TraceFile, protocol: 'HTTP' | 'GRPC') {
    this.#file = file;
    this.#protocol = protocol;
  }

  /** `name`: Triton's. `at`: by performance.now(). */
  mark(name: string, at = performance.now()): void {
    this.#marks.push({ name, ns: nanosOf(at) });
  }

  /** Does the request's work, and writes down what came of it. */
  async around<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await within.run({ request: this, run: undefined }, work);
    } finally {
      this.mark(`${this.#protocol}_SEND_START`);
      const [first] = this.#runs;
      first?.marks.push(...this.#marks);
      this.#file.write(this.#runs.map((run) => ({ ...run, marks: run.marks.sort(byTime) })));
    }
  }

  run(model: string, version: number, parent: number | undefined): RunTrace & Required<Pick<RunTrace, 'around'>> {
    const id = this.#file.nextId();
    const marks: Mark[] = [];
    const mark = (name: string, at = performance.now()) => marks.push({ name, ns: nanosOf(at) });
    this.#runs.push({ model, version, id, parent, marks });
    mark('REQUEST_START');
    mark('QUEUE_START');
    return {
      observer: {
        started: () => mark('COMPUTE_START'),
        ran({ deviceMicros }) {
          const now = performance.now();
          mark('COMPUTE_INPUT_END', now - deviceMicros / 1000);
          mark('COMPUTE_OUTPUT_START', now);
          mark('COMPUTE_END');
        },
      },
      around: (work) => within.run({ request: this, run: id }, work),
      end() {
        mark('INFER_RESPONSE_COMPLETE');
        mark('REQUEST_END');
      },
    };
  }
}

/** undefined: no file is told of the request around it. */
export function recordOfRun(model: string, version: number) {
  const around = within.getStore();
  return around?.request.run(model, version, around.run);
}

const byTime = (a: Mark, b: Mark) => Number(a.ns - b.ns);

/** Both clocks are one, which began at another time. Asked for once: what lies between two reads would change the order of marks. */
const origin = process.hrtime.bigint() - BigInt(Math.round(performance.now() * 1e6));

/** Of performance.now(), by process.hrtime. */
function nanosOf(millis: number): bigint {
  return origin + BigInt(Math.round(millis * 1e6));
}
