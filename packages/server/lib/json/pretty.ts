// JSON laid out as TensorFlow Serving's is, to the blank: four spaces a level; within rows, all on a line.

export class PrettyWriter {
  #text = '';
  /** Of what is open: whether it is an array, and how many values it has. */
  readonly #open: { readonly isArray: boolean; count: number }[] = [];
  /** Whether the elements of arrays follow each other on a line. */
  inLine = false;

  get text(): string {
    return this.#text;
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

  /** Of what is JSON already. */
  value(text: string): void {
    this.#before();
    this.#text += text;
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
