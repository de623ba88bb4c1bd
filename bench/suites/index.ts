// Every suite, in the order in which they run.

import type { Suite } from '../suite.js';
import { adaptive } from './adaptive.js';
import { advisor } from './advisor.js';
import { defaults } from './defaults.js';
import { dense } from './dense.js';
import { dropin } from './dropin.js';
import { jobs } from './jobs.js';
import { json } from './json.js';
import { latency } from './latency.js';
import { linalg } from './linalg.js';
import { loading } from './loading.js';
import { neighbours } from './neighbours.js';
import { ocr } from './ocr.js';
import { ops } from './ops.js';
import { parity } from './parity.js';
import { scheduler } from './scheduler.js';
import { serve } from './serve.js';
import { server } from './server.js';
import { small } from './small.js';
import { square } from './square.js';
import { startup } from './startup.js';
import { svd } from './svd.js';
import { waiting } from './waiting.js';

export const SUITES: readonly Suite[] = [
  parity,
  dense,
  square,
  ocr,
  latency,
  loading,
  startup,
  svd,
  linalg,
  waiting,
  neighbours,
  small,
  ops,
  scheduler,
  server,
  serve,
  adaptive,
  dropin,
  defaults,
  jobs,
  json,
  advisor,
];
