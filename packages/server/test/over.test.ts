// The command's options on top of a configuration's: what one says does not take away what stands beside it.

import { expect, test } from 'vitest';
import { over } from '../lib/cli/over.js';
import type { ServerOptions } from '../lib/index.js';

/** Without what is undefined, as whoever takes options sees them. */
const merged = (config: object, said: object) => JSON.parse(JSON.stringify(over(config, said as ServerOptions)));

test('access to control stays when tokens of inference are said, and the other way round', () => {
  const config = { auth: { inference: { tokens: ['a'] }, control: { tokens: ['b'], certificates: ['c'] } } };
  expect(merged(config, { auth: { inference: { tokenVariable: 'V' }, control: undefined } })).toEqual({
    auth: { inference: { tokenVariable: 'V' }, control: config.auth.control },
  });
  expect(merged(config, { auth: { inference: undefined, control: { tokenFile: 'f' } } })).toEqual({
    auth: { inference: config.auth.inference, control: { tokenFile: 'f', certificates: ['c'] } },
  });
});

test('so do the other limits, the other settings of traces, and whose certificates are needed', () => {
  const config = {
    limits: { clientRequests: 3, bodyBytes: 1 },
    trace: { file: 'a', rate: 7 },
    tls: { cert: 'a', key: 'a', ca: 'a' },
    log: 'info',
    drainSeconds: 1,
  };
  const said = { limits: { bodyBytes: 2 }, trace: { file: 'b' }, tls: { cert: 'b', key: 'b', ca: undefined } };
  expect(merged(config, { ...said, log: undefined, drainSeconds: 2 })).toEqual({
    limits: { clientRequests: 3, bodyBytes: 2 },
    trace: { file: 'b', rate: 7 },
    tls: { cert: 'b', key: 'b', ca: 'a' },
    log: 'info',
    drainSeconds: 2,
  });
  expect(merged({}, said)).toEqual(JSON.parse(JSON.stringify(said)));
  expect(merged(config, {})).toEqual(config);
});

test('so do options of models, of loading and of the device', () => {
  const config = {
    models: { a: { load: { concurrency: 3 }, versions: { latest: 2 } }, b: { folder: 'b' } },
    load: { memory: 1, batching: { maxQueueSize: 5, maxBatchSize: 1 } },
    device: 'cpu',
  };
  const said = {
    models: { a: { folder: 'a', versions: { all: true } }, c: { folder: 'c' } },
    load: { concurrency: 2, batching: { maxBatchSize: 8 } },
    device: { memory: { fraction: 0.5 } },
  };
  expect(merged(config, said)).toEqual({
    models: {
      a: { folder: 'a', load: { concurrency: 3 }, versions: { all: true } },
      b: { folder: 'b' },
      c: { folder: 'c' },
    },
    load: { memory: 1, concurrency: 2, batching: { maxQueueSize: 5, maxBatchSize: 8 } },
    device: { device: 'cpu', memory: { fraction: 0.5 } },
  });
  expect(merged({ device: { streams: 2, device: 'cuda' } }, { device: 'cpu' })).toEqual({
    device: { streams: 2, device: 'cpu' },
  });
  // A device that is named is one.
  const several = { device: { device: 'cuda', devices: 'all', streams: 2 } };
  expect(merged(several, { device: 'cuda:1' })).toEqual({ device: { device: 'cuda:1', streams: 2 } });
  expect(merged(several, { device: { memory: { fraction: 1 } } })).toEqual({
    device: { ...several.device, memory: { fraction: 1 } },
  });
  expect(merged({ device: 'cpu' }, several)).toEqual(several);
});

test('what is wrong in a configuration is left for who checks it, and an open device is not taken apart', () => {
  expect(merged({ auth: null, limits: 'many' }, { auth: { inference: {} }, limits: { bodyBytes: 1 } })).toEqual({
    auth: null,
    limits: 'many',
  });
  class Open {
    readonly info = {};
  }
  expect(over({ device: new Open() as never }, { device: 'cpu' }).device).toBe('cpu');
});
