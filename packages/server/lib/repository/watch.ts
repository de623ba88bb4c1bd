// Tells when something changes in folders of models, so that nobody waits for the next look at them.
//
// The rule: a hint and no more. What the system does not tell, or has no room to tell, is found by looking.

import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** After the last change: copies write in pieces. */
const quietMillis = 200;
/** More folders than this are looked at alone. */
const mostFolders = 2000;

export class Watch implements Disposable {
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** From now on these, with the folders of models and of versions in them, and no others. Never rejects. */
  async follow(roots: readonly string[]): Promise<void> {
    const folders = new Set<string>();
    for (const root of roots) await collect(root, 2, folders);
    if (this.#isOver) return;
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) if (!this.#watchers.has(folder)) this.#add(folder);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #add(folder: string): void {
    const forget = () => {
      this.#watchers.get(folder)?.close();
      this.#watchers.delete(folder);
    };
    try {
      const watcher = watch(folder, { persistent: false }, () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(this.#onChange, quietMillis).unref();
      });
      watcher.on('error', forget);
      this.#watchers.set(folder, watcher);
    } catch {
      // It went meanwhile, or the system watches as many as it may.
    }
  }
}

async function collect(folder: string, depth: number, into: Set<string>): Promise<void> {
  if (into.size >= mostFolders) return;
  into.add(folder);
  if (depth === 0) return;
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory() && !entry.name.startsWith('.'))
      await collect(path.join(folder, entry.name), depth - 1, into);
  }
}
