// JSON laid out as TensorFlow Serving's is, to the blank: four spaces a level; within rows, all on a line.

/** Bytes of fewer characters are not worth being sent by themselves. */
const fewestBytes = 1024;

export class PrettyWriter {
  readonly #parts: (string | Uint8Array)[] = [];
  #text = '';
  /** Of what is open: whether it is an array, and how many values it has. */
  readonly #open: { readonly isArray: boolean; count: number }[] = [];
  /** Whether the elements of arrays follow each other on a line. */
  inLine = false;

  /** What was written, to be sent one after the other. */
  get parts(): readonly (string | Uint8Array)[] {
    return [...this.#parts, this.#text];
  }

  /** How many arrays and objects are open. */
  get depth(): number {
    return this.#open.length;
  }

  startObject(): void {
    this.#before();
    this.#text += '{';
    this.#open.push({ isArray: false, count: 0 });
  }

  endObject(): void {
    const { count } = this.#open.pop()!;
    this.#text += count > 0 ? `${this.#newLine()}}` : '}';
  }

  startArray(): void {
    this.#before();
    this.#text += '[';
    this.#open.push({ isArray: true, count: 0 });
  }

  endArray(): void {
    const { count } = this.#open.pop()!;
    this.#text += count > 0 && !this.inLine ? `${this.#newLine()}]` : ']';
  }

  key(name: string): void {
    const object = this.#open.at(-1)!;
    this.#text += `${object.count > 0 ? ',' : ''}${this.#newLine()}${JSON.stringify(name)}: `;
    object.count++;
  }

  /** Of what is JSON already; bytes are ASCII. */
  value(json: string | Uint8Array): void {
    this.#before();
    if (typeof json === 'string') {
      this.#text += json;
    } else if (json.length < fewestBytes) {
      this.#text += Buffer.from(json.buffer, json.byteOffset, json.length).toString('latin1');
    } else {
      this.#parts.push(this.#text, json);
      this.#text = '';
    }
  }

  #before(): void {
    const within = this.#open.at(-1);
    if (within === undefined || !within.isArray) return;
    const comma = within.count > 0 ? ',' : '';
    this.#text += this.inLine ? `${comma}${comma && ' '}` : `${comma}${this.#newLine()}`;
    within.count++;
  }

  #newLine(): string {
    return `\n${'    '.repeat(this.#open.length)}`;
  }
}
