// An addon as others write them, whose arrays lie in memory of its own: { map(bytes) } gives a Buffer whose memory is the system's
// again as soon as Node says that it may be freed.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';

const source = `
#include <node_api.h>
#include <sys/mman.h>

static void unmap(napi_env env, void* data, void* bytes) {
  (void)env;
  munmap(data, (size_t)bytes);
}

static napi_value map(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value given, buffer;
  double bytes;
  napi_get_cb_info(env, info, &count, &given, 0, 0);
  napi_get_value_double(env, given, &bytes);
  void* data = mmap(0, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return 0;
  return napi_create_external_buffer(env, (size_t)bytes, data, unmap, (void*)(size_t)bytes, &buffer) == napi_ok ? buffer : 0;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "map", NAPI_AUTO_LENGTH, map, 0, &function) != napi_ok) return 0;
  return napi_set_named_property(env, exports, "map", function) == napi_ok ? exports : 0;
}
`;

const headers = join(dirname(createRequire(import.meta.url).resolve('node-api-headers')), 'include');

/** Its path, until the calling file's tests are over; undefined where there is no compiler. */
export function foreignAddon(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-addon-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const [code, addon] = [join(folder, 'foreign.c'), join(folder, 'foreign.node')];
  writeFileSync(code, source);
  const undefinedAllowed = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const command = ['-shared', '-fPIC', '-O1', `-I${headers}`, ...undefinedAllowed, '-o', addon, code];
  try {
    execFileSync(process.env.TENSORLANE_TEST_CC ?? 'cc', command, { stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return addon;
}
