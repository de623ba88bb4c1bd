// Traces in a file, as Triton writes them: an array of JSON, in which objects with one `id` are of one run of a model.
//
// The rule: what is there is whole JSON after each trace, and a disk that is slow or full costs traces, and no request.

import { type FileHandle, open } from 'node:fs/promises';

/** A point in time, by process.hrtime. */
export interface Mark {
  readonly name: string;
  readonly ns: bigint;
}

export interface TracedRun {
  readonly model: string;
  readonly version: number;
  readonly id: number;
  /** The run that it was a step of. */
  readonly parent?: number | undefined;
  readonly marks: readonly Mark[];
}

/** More that wait to be written are dropped. */
const mostWaiting = 1000;
const empty = '[\n]';
const end = '\n]';

export class TraceFile {
  readonly path: string;
  /** How many traces a file has, PATH.0 and so on; 0: all are in PATH. */
  readonly #frequency: () => number;
  #file: FileHandle;
  /** Where the next trace is written: over the end of the array. */
  #at = 0;
  #count = 0;
  /** Of the file that comes next. */
  #index = 0;
  #ids = 0;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();
  #isOver = false;

  private constructor(path: string, file: FileHandle, frequency: () => number) {
    this.path = path;
    this.#file = file;
    this.#frequency = frequency;
  }

  /** Begins the file anew. Errors: those of the file system. */
  static async open(path: string, frequency: () => number): Promise<TraceFile> {
    const file = await open(path, 'w');
    await file.write(empty, 0);
    return new TraceFile(path, file, frequency);
  }

  nextId(): number {
    return ++this.#ids;
  }

  /** The runs of one request. */
  write(runs: readonly TracedRun[]): void {
    if (runs.length === 0 || this.#waiting >= mostWaiting || this.#isOver) return;
    this.#waiting++;
    this.#tail = this.#tail
      .then(() => this.#append(runs.flatMap(objectsOf).join(',\n')))
      .catch((error: Error) => {
        if (!this.#isOver) process.emitWarning(`no more traces are written: ${error.message}`, 'TensorlaneWarning');
        this.#isOver = true;
      })
      .then(() => {
        this.#waiting--;
      });
  }

  /** When all are written. */
  async close(): Promise<void> {
    await this.#tail;
    this.#isOver = true;
    await this.#file.close();
  }

  async #append(text: string): Promise<void> {
    const frequency = this.#frequency();
    if (frequency > 0 && (this.#index === 0 || this.#count >= frequency)) {
      const next = await open(`${this.path}.${this.#index++}`, 'w');
      await this.#file.close();
      this.#file = next;
      this.#at = 0;
      this.#count = 0;
    }
    const bytes = Buffer.from(`${this.#at === 0 ? '[\n' : ',\n'}${text}${end}`);
    await this.#file.write(bytes, 0, bytes.length, this.#at);
    this.#at += bytes.length - end.length;
    this.#count++;
  }
}

function objectsOf({ model, version, id, parent, marks }: TracedRun): string[] {
  const of = parent === undefined ? '' : `,"parent_id":${parent}`;
  const times = marks.map(({ name, ns }) => `{"name":"${name}","ns":${ns}}`).join(',');
  return [
    `{"id":${id},"model_name":${JSON.stringify(model)},"model_version":${version}${of}}`,
    `{"id":${id},"timestamps":[${times}]}`,
  ];
}
