// sessionOptions.extra: nested keys joined by dots, strings at the ends. ONNX Runtime's configuration entries, but for what is behind
// 'tensorlane.', which may also be a number or a boolean.

const own = 'tensorlane.';

export interface Extra {
  /** Keys and values. */
  readonly entries: Readonly<Record<string, string>>;
  /** Behind 'tensorlane.'. */
  readonly tensorlane: ReadonlyMap<string, unknown>;
}

/** Errors: TypeError. */
export function extraOf(given: unknown): Extra {
  const entries: Record<string, string> = {};
  const tensorlane = new Map<string, unknown>();
  if (given === null || typeof given !== 'object') {
    throw new TypeError('Invalid argument: sessionOptions.extra must be an object.');
  }
  walk(given, '', (key, value) => {
    if (key.startsWith(own)) tensorlane.set(key.slice(own.length), value);
    else if (typeof value === 'string') Object.defineProperty(entries, key, { value, enumerable: true });
    else throw new TypeError('Invalid argument: sessionOptions.extra value must be a string in Node.js binding.');
  });
  return { entries, tensorlane };
}

function walk(given: object, prefix: string, take: (key: string, value: unknown) => void): void {
  // Inherited ones as well, as onnxruntime-node has it.
  for (const key in given) {
    const value = (given as Record<string, unknown>)[key];
    if (value !== null && typeof value === 'object') walk(value, `${prefix}${key}.`, take);
    else take(prefix + key, value);
  }
}
