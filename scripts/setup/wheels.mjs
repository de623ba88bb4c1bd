// Files out of Python wheels. pip says where a wheel is; only what is wanted of it is read: the headers of cuBLAS are 100 KB
// of a wheel of 400 MB.
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, inflateRawSync } from 'node:zlib';
import { runProgram } from '../processes.mjs';
import { SetupError } from './run.mjs';

const block = 2 * 1024 * 1024;

/**
 * Puts files of pinned wheels ({ name: version }) under `folder`. `target` gets each file's path in its wheel and returns
 * its path below the folder, or undefined for what is not wanted.
 */
export async function unpackWheels(wheels, folder, target) {
  const pinned = Object.entries(wheels).map(([name, version]) => `${name}==${version}`);
  const temporary = mkdtempSync(path.join(tmpdir(), 'tensorlane-wheels-'));
  try {
    const urls = await locate(pinned, temporary);
    for (const wheel of pinned) {
      const url = urls.get(wheel);
      try {
        if (!url) throw new Error('pip does not say where it is');
        await unpack(await open(url), folder, target);
      } catch {
        // An old pip, a server without ranges, a proxy that only pip knows: then pip gets the whole of it.
        const file = await download(wheel, temporary);
        await unpack(openFile(file), folder, target);
        rmSync(file);
      }
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function locate(pinned, temporary) {
  const report = path.join(temporary, 'report.json');
  const args = ['install', '--dry-run', '--ignore-installed', '--no-deps', '--only-binary=:all:', '--report', report];
  // Nothing is installed, so what manages this Python has nothing against it. An index that is not there is given up soon.
  const result = await pip([...args, ...pinned], { PIP_BREAK_SYSTEM_PACKAGES: '1', PIP_RETRIES: '1' });
  const urls = new Map();
  if (!result.ok) return urls;
  for (const { metadata, download_info } of JSON.parse(readFileSync(report, 'utf8')).install)
    urls.set(`${metadata.name.toLowerCase().replaceAll(/[-_.]+/g, '-')}==${metadata.version}`, download_info.url);
  return urls;
}

async function download(wheel, temporary) {
  const to = path.join(temporary, 'whole');
  const result = await pip(['download', '--no-deps', '--only-binary=:all:', '--dest', to, wheel]);
  const file = result.ok ? readdirSync(to).find((name) => name.endsWith('.whl')) : undefined;
  if (file) return path.join(to, file);
  const end = result.output.trimEnd().split('\n').slice(-10).join('\n');
  throw new SetupError(
    `pip could not get ${wheel}:\n${end.replace(/^/gm, '  | ')}\n` +
      'It takes python3 with pip (Debian, Ubuntu: apt-get install python3-pip) and its index. ' +
      'With a CUDA toolkit that is there already, neither is needed: name its folder in CUDA_HOME.',
  );
}

const pip = (args, env = {}) =>
  runProgram(['python3', '-m', 'pip', '--disable-pip-version-check', ...args], { env, show: false });

/** What a wheel is read from: its size, and any part of it. */
async function open(url) {
  return url.startsWith('file:') ? openFile(fileURLToPath(url)) : await openRemote(url);
}

function openFile(file) {
  const descriptor = openSync(file, 'r');
  return {
    size: statSync(file).size,
    read(offset, length) {
      const buffer = Buffer.alloc(length);
      if (readSync(descriptor, buffer, 0, length, offset) !== length) throw new Error(`${file} ends early`);
      return buffer;
    },
    close: () => closeSync(descriptor),
  };
}

async function openRemote(url) {
  let cached = { offset: 0, bytes: Buffer.alloc(0) };
  const fetchRange = async (range) => {
    const response = await fetch(url, { headers: { range: `bytes=${range}` }, signal: AbortSignal.timeout(120_000) });
    if (response.status !== 206) {
      await response.body?.cancel();
      throw new Error(`${url}: no ranges (${response.status})`);
    }
    return response;
  };
  const first = await fetchRange('-65536');
  const range = /bytes (\d+)-\d+\/(\d+)/.exec(first.headers.get('content-range') ?? '');
  if (!range) throw new Error(`${url}: no range is named`);
  const [, from, size] = range;
  cached = { offset: Number(from), bytes: Buffer.from(await first.arrayBuffer()) };
  return {
    size: Number(size),
    async read(offset, length) {
      let start = offset - cached.offset;
      if (start < 0 || start + length > cached.bytes.length) {
        const end = Math.min(Number(size), offset + Math.max(length, block)) - 1;
        const response = await fetchRange(`${offset}-${end}`);
        cached = { offset, bytes: Buffer.from(await response.arrayBuffer()) };
        start = 0;
      }
      const part = cached.bytes.subarray(start, start + length);
      if (part.length !== length) throw new Error(`${url} ends early`);
      return part;
    },
    close() {},
  };
}

async function unpack(source, folder, target) {
  try {
    for (const entry of await list(source)) {
      const to = entry.name.endsWith('/') ? undefined : target(entry.name);
      if (to === undefined) continue;
      const file = path.join(folder, to);
      if (path.relative(folder, file).startsWith('..')) throw new Error(`${entry.name} leads out of the wheel`);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, await contents(source, entry), { mode: entry.executable ? 0o755 : 0o644 });
    }
  } finally {
    source.close();
  }
}

/** The entries of a zip file's central directory, in the order in which their contents lie. */
async function list(source) {
  const tailSize = Math.min(source.size, 65_536);
  const tail = await source.read(source.size - tailSize, tailSize);
  const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0) throw new Error('not a zip file');
  const directory = await source.read(tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const entries = [];
  for (let at = 0; at + 46 <= directory.length; ) {
    const nameSize = directory.readUInt16LE(at + 28);
    entries.push({
      method: directory.readUInt16LE(at + 10),
      sum: directory.readUInt32LE(at + 16),
      packed: directory.readUInt32LE(at + 20),
      executable: ((directory.readUInt32LE(at + 38) >>> 16) & 0o100) !== 0,
      offset: directory.readUInt32LE(at + 42),
      name: directory.toString('utf8', at + 46, at + 46 + nameSize),
    });
    at += 46 + nameSize + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries.sort((a, b) => a.offset - b.offset);
}

async function contents(source, { name, method, sum, packed, offset }) {
  const header = await source.read(offset, 30);
  const start = offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const bytes = await source.read(start, packed);
  if (method !== 0 && method !== 8) throw new Error(`${name} is packed by an unknown method`);
  const whole = method === 8 ? inflateRawSync(bytes) : bytes;
  if (crc32(whole) !== sum) throw new Error(`${name} is damaged`);
  return whole;
}
