// The emulated headers (test/emulation/include) beside NVIDIA's: every function's type, every enumerator's and constant's value,
// every structure's size and its members' places. A program that prints all that the emulated headers declare is compiled
// against each, and the outputs are compared by name.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from '../processes.mjs';
import { inRoot } from '../setup/run.mjs';

/** What the emulation has a part of. Its other headers are its own, or hold what only device code calls. */
const headers = [
  'cuda_runtime_api.h',
  'vector_functions.h',
  'cuda.h',
  'nvrtc.h',
  'library_types.h',
  'cublas_v2.h',
  'cublasLt.h',
  'cusolverDn.h',
];
/** Not a part of it: how the emulation itself is written, functions of device code, and versions, which may differ. */
const ownHeader = /^(emulated_.*|cuda_runtime\.h|cuda_fp16\.h|cuda_bf16\.h)$/;
const unlike = /^(__|EMULATION)|_VER(SION)?(_MAJOR|_MINOR|_PATCH)?$|^CUDART_VERSION$/;
const emulated = inRoot('test', 'emulation', 'include');

/** The differences, by name; `include` are the folders of NVIDIA's headers. */
export async function compareHeaders(include, folder) {
  mkdirSync(folder, { recursive: true });
  const everything = path.join(folder, 'headers.h');
  writeFileSync(everything, headers.map((name) => `#include <${name}>\n`).join(''));
  const preprocess = ['c++', '-std=c++20', '-E', '-dD', `-I${emulated}`, '-x', 'c++', everything];
  const { ok, output } = await runProgram(preprocess, { show: false });
  if (!ok) return { compared: 0, failures: [`the emulated headers: ${firstError(output)}`] };
  const surface = declarationsIn(ownText(output));
  const source = path.join(folder, 'surface.cpp');
  writeFileSync(source, printing(surface, everything));
  const ours = await printed(source, [emulated], path.join(folder, 'emulated'));
  if (ours.failures.length > 0) return { compared: 0, failures: ours.failures.map((text) => `the emulated ${text}`) };
  const theirs = await printed(source, include, path.join(folder, 'real'));
  if (theirs.failures.length > 0) return { compared: 0, failures: theirs.failures.map((text) => `NVIDIA's ${text}`) };
  const failures = [];
  for (const [name, value] of ours.values) {
    const real = theirs.values.get(name);
    if (real !== value) failures.push(`${name}: emulated ${value}, NVIDIA's ${real}`);
  }
  return { compared: ours.values.size, names: new Set(ours.values.keys()), failures };
}

async function printed(source, include, program) {
  const folders = include.flatMap((folder) => ['-isystem', folder]);
  const compile = ['c++', '-std=c++20', '-w', '-O0', ...folders, source, '-o', program];
  const compiled = await runProgram(compile, { show: false });
  if (!compiled.ok) {
    const errors = [...compiled.output.matchAll(/error: (.*)/g)].map(([, text]) => `headers: ${text}`);
    return { values: new Map(), failures: errors.length > 0 ? errors : [`headers: ${compiled.output}`] };
  }
  const { ok, output } = await runProgram([program], { show: false });
  const lines = output.trimEnd().split('\n');
  const values = new Map(lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]));
  return { values, failures: ok ? [] : [`headers: ${program} failed`] };
}

const firstError = (output) => /error: (.*)/.exec(output)?.[1] ?? output.slice(0, 400);

/** What the emulated headers say themselves, without what they include. */
function ownText(preprocessed) {
  let own = false;
  const lines = [];
  for (const line of preprocessed.split('\n')) {
    const marker = /^# \d+ "(.*?)"/.exec(line);
    if (marker) own = path.dirname(marker[1]) === emulated && !ownHeader.test(path.basename(marker[1]));
    else if (own) lines.push(line);
  }
  return lines.join('\n');
}

/** { functions, enumerators, constants, aliases, types: [{ name, members }] } */
export function declarationsIn(text) {
  const found = { functions: [], enumerators: [], constants: [], aliases: [], types: [] };
  const define = /^#define (\w+)(?!\() +(\S.*)$/gm;
  for (const [, name, body] of text.matchAll(define)) {
    if (unlike.test(name)) continue;
    // A name that stands for another one, or a number.
    found[/^[a-z]\w+$/i.test(body) ? 'aliases' : 'constants'].push(name);
  }
  const code = text.replaceAll(/^#.*$/gm, '').replaceAll(/extern "C" *\{?/g, '');
  for (const statement of statementsIn(code)) readStatement(statement, found);
  return found;
}

function readStatement(statement, found) {
  const body = statement.includes('{') ? statement.slice(statement.indexOf('{') + 1, statement.lastIndexOf('}')) : '';
  const enumeration = /^(?:typedef )?enum\b[^{;]*\{/.test(statement);
  const structure = /^(?:typedef )?(?:struct|union)\b([^{;]*)\{/.exec(statement);
  if (enumeration) {
    for (const [name] of body.matchAll(/\b[A-Za-z_]\w*(?=\s*(?:=[^,]*)?(?:,|$))/g)) found.enumerators.push(name);
  } else if (structure) {
    const before = structure[1].replace(/alignas *\(.*?\)|__attribute__ *\(\(.*?\)\)\)?/g, '').trim();
    const name = /^typedef/.test(statement) ? /(\w+)\s*$/.exec(statement)[1] : before;
    found.types.push({ name, members: statementsIn(body).flatMap(membersOf) });
  } else if (/^typedef\b/.test(statement)) {
    const name = /\(\*(\w+)\)/.exec(statement)?.[1] ?? /(\w+)\s*$/.exec(statement)[1];
    found.types.push({ name, members: [] });
  } else if (statement.includes('(')) {
    found.functions.push(/(\w+)\s*\(/.exec(statement)[1]);
  }
}

/** The names that a statement of a structure's body declares. */
function membersOf(statement) {
  if (/^(?:struct|union)\b/.test(statement)) return [/(\w+)\s*$/.exec(statement)[1]];
  const text = statement.replace(/^alignas *\(\w+\) */, '').replaceAll(/\[[^\]]*\]/g, '');
  if (text.includes('(')) return []; // a constructor, a conversion
  const names = text.split(',').map((part) => /(\w+)\s*$/.exec(part)?.[1]);
  // What fills the place of members that the emulation does without.
  return names.filter((name) => name && !name.startsWith('unused'));
}

/** The statements at the outermost level, without the semicolons; a function's body ends its statement. */
function statementsIn(code) {
  const statements = [];
  let statement = '';
  let depth = 0;
  const end = () => {
    const text = statement.replaceAll(/\s+/g, ' ').trim();
    if (text !== '') statements.push(text);
    statement = '';
  };
  for (const letter of code) {
    if (letter === '}' && depth === 0) continue; // of extern "C"
    if (letter === ';' && depth === 0) {
      end();
      continue;
    }
    statement += letter;
    if (letter === '{') depth += 1;
    if (letter === '}') {
      depth -= 1;
      if (depth === 0 && /^\s*(?:static |constexpr |inline )/.test(statement)) end();
    }
  }
  end();
  return statements;
}

function printing({ functions, enumerators, constants, aliases, types }, everything) {
  const unique = (names) => [...new Set(names)];
  const lines = [
    ...unique(functions).map((name) => `  std::printf("${name}: %s\\n", typeid(decltype(&::${name})).name());`),
    ...unique(enumerators).map(
      (name) => `  std::printf("${name}: %lld of %s\\n", (long long)(${name}), typeid(decltype(${name})).name());`,
    ),
    ...unique(constants).map((name) => `  std::printf("${name}: %lld\\n", (long long)(${name}));`),
    ...unique(aliases).map((name) => `  std::printf("%s: %s\\n", "${name}", TEXT(${name}));`),
    ...types.flatMap(({ name, members }) => [
      `  std::printf("${name}: %s of %zu bytes, aligned to %zu\\n", typeid(${name}*).name(), size<${name}>(), alignment<${name}>());`,
      ...members.map(
        (member) =>
          `  std::printf("${name}.${member}: %zu bytes at %zu\\n", sizeof(${name}::${member}), offsetof(${name}, ${member}));`,
      ),
    ]),
  ];
  const small = ['__half', '__half2', '__nv_bfloat16', '__nv_bfloat162'].map(
    (name) => `  std::printf("${name}: %zu bytes, aligned to %zu\\n", sizeof(${name}), alignof(${name}));`,
  );
  return `#include "${everything}"

#include <cstddef>
#include <cstdio>
#include <typeinfo>

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

// Of what is declared and no more, nothing is known.
template <typename T>
std::size_t size() {
  if constexpr (requires { sizeof(T); }) return sizeof(T);
  else return 0;
}
template <typename T>
std::size_t alignment() {
  if constexpr (requires { alignof(T); }) return alignof(T);
  else return 0;
}

void print_small_floats();

int main() {
${lines.join('\n')}
  print_small_floats();
}

// Last, because they bring functions of the same names with other parameters.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

void print_small_floats() {
${small.join('\n')}
}
`;
}
