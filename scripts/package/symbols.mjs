// The rule for every binary in a package: it runs with glibc 2.28 and what else was of that time, and needs nothing that is not on each
// such system. The symbols that a file takes from others tell.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { ask } from '../processes.mjs';
import { SetupError } from '../setup/run.mjs';

// Of the libraries of GCC, what came with GCC 8.
const newest = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11', GCC: '7.0.0' };
const everywhere = /^(lib(c|m|dl|rt|pthread|gcc_s)\.so\.\d+|ld-linux[-\w]*\.so\.\d+)$/;

const compare = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** Throws a SetupError that names each file and symbol which breaks the rule. */
export function checkBinaries(folder, tools) {
  const problems = readdirSync(folder)
    .filter((name) => /\.node$|\.so(\.\d+)*$/.test(name))
    .flatMap((name) => problemsOf(path.join(folder, name), tools).map((problem) => `${name}: ${problem}`));
  if (problems.length > 0) throw new SetupError(`These would not run everywhere:\n  ${problems.join('\n  ')}`);
}

function problemsOf(file, tools) {
  const isAddon = file.endsWith('.node');
  const symbols = ask(`${tools}objdump`, '-T', file);
  const headers = ask(`${tools}objdump`, '-p', file);
  if (!symbols || !headers) return [`${tools}objdump cannot read it`];
  const problems = [];
  for (const line of symbols.split('\n').filter((entry) => entry.includes('*UND*'))) {
    const [, weak, library, version, symbol] =
      /^\S+ (.{7}).*\*UND\*\s+\S+\s+(?:\(?([A-Z]+)_([\d.]+)\)?\s+|Base\s+)?(\S+)$/.exec(line) ?? [];
    if (symbol === undefined) problems.push(`not understood: ${line}`);
    else if (library === undefined) {
      // Node has these, and every glibc from 2.18 on; the rest nobody has, unless it may be missing.
      if (!/^(napi_\w+|__cxa_thread_atexit_impl)$/.test(symbol) && !weak.includes('w'))
        problems.push(`${symbol} comes from nowhere`);
    } else if (!newest[library] || compare(version, newest[library]) > 0) {
      problems.push(`${symbol} is of ${library}_${version}`);
    }
  }
  for (const [, library] of headers.matchAll(/^\s*NEEDED\s+(\S+)$/gm))
    if (!everywhere.test(library) && (isAddon || library !== 'libstdc++.so.6')) problems.push(`it needs ${library}`);
  return problems;
}
