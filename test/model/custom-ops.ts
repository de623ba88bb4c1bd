// A shared library with an operator of its own, made here by the C compiler that is at hand: y = x + 100, of float32.
//
// It needs no header of ONNX Runtime: the functions that it calls are named by their places in the API's table, which never move.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const source = `
#include <stddef.h>
#include <stdint.h>

typedef struct { const void* (*get_api)(uint32_t version); } ApiBase;
static void** api;

/* Operators in the form of version 13 of the API. */
typedef struct Op {
  uint32_t version;
  void* (*create)(const struct Op*, const void*, const void*);
  const char* (*name)(const struct Op*);
  const char* (*provider)(const struct Op*);
  int (*input_type)(const struct Op*, size_t);
  size_t (*input_count)(const struct Op*);
  int (*output_type)(const struct Op*, size_t);
  size_t (*output_count)(const struct Op*);
  void (*compute)(void*, void*);
  void (*destroy)(void*);
  int (*input_characteristic)(const struct Op*, size_t);
  int (*output_characteristic)(const struct Op*, size_t);
  int (*input_memory)(const struct Op*, size_t);
  void* later[24];
} Op;

static void* create(const Op* op, const void* a, const void* i) { (void)a; (void)i; return (void*)op; }
static const char* name(const Op* op) { (void)op; return "AddHundred"; }
static const char* provider(const Op* op) { (void)op; return 0; }
static int type(const Op* op, size_t i) { (void)op; (void)i; return 1; }
static size_t one(const Op* op) { (void)op; return 1; }
static int required(const Op* op, size_t i) { (void)op; (void)i; return 0; }
static void destroy(void* kernel) { (void)kernel; }

static void compute(void* kernel, void* context) {
  const void* x; void* y; void* shape; size_t rank, count; int64_t dims[8]; const float* from; float* to;
  (void)kernel;
  ((void* (*)(const void*, size_t, const void**))api[90])(context, 0, &x);
  ((void* (*)(const void*, void**))api[65])(x, &shape);
  ((void* (*)(const void*, size_t*))api[61])(shape, &rank);
  ((void* (*)(const void*, int64_t*, size_t))api[62])(shape, dims, rank);
  ((void* (*)(const void*, size_t*))api[64])(shape, &count);
  ((void (*)(void*))api[99])(shape);
  ((void* (*)(void*, size_t, const int64_t*, size_t, void**))api[91])(context, 0, dims, rank, &y);
  ((void* (*)(void*, void**))api[51])((void*)x, (void**)&from);
  ((void* (*)(void*, void**))api[51])(y, (void**)&to);
  for (size_t i = 0; i < count; i++) to[i] = from[i] + 100;
}

static const Op op = {13, create, name, provider, type, one, type, one, compute, destroy, required, required, required, {0}};

void* RegisterCustomOps(void* options, const ApiBase* base) {
  void* domain; void* status;
  api = (void**)base->get_api(21);
  if ((status = ((void* (*)(const char*, void**))api[26])("test.custom", &domain))) return status;
  if ((status = ((void* (*)(void*, const Op*))api[27])(domain, &op))) return status;
  return ((void* (*)(void*, void*))api[28])(options, domain);
}
`;

/** Its path; undefined where there is no compiler. */
export function customOps(folder: string): string | undefined {
  const [code, library] = [join(folder, 'ops.c'), join(folder, 'libops.so')];
  writeFileSync(code, source);
  try {
    execFileSync(process.env.TENSORLANE_TEST_CC ?? 'cc', ['-shared', '-fPIC', '-O1', '-o', library, code], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return library;
}
