// How far a download is: on a terminal, on one line; elsewhere, a line for each tenth.

export interface Progress {
  at(bytes: number): void;
  end(): void;
}

export function progress(name: string, size: number | undefined, out: NodeJS.WriteStream = process.stderr): Progress {
  const all = size === undefined ? '' : ` of ${(size / 1e6).toFixed(1)}`;
  let shown = 0;
  return {
    at(bytes) {
      const step = out.isTTY ? 1e6 : (size ?? 1e9) / 10;
      if (bytes < shown + step && bytes !== size) return;
      shown = bytes;
      out.write(`${out.isTTY ? '\r' : ''}${name}: ${(bytes / 1e6).toFixed(1)}${all} MB${out.isTTY ? '' : '\n'}`);
    },
    end() {
      if (out.isTTY) out.write('\n');
    },
  };
}
