// Triton's settings of traces and logs, by REST and by gRPC.
//
// The rule: to look at them is inference, to change them is control, which is switched on by who starts the server.

import { invalid, Refusal } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import { type Answer, type Exchange, jsonAnswer } from '../http/exchange.js';
import type { JsonValue } from '../json/parse.js';
import type { LogSetting, LogSettings } from '../log/settings.js';
import type { TraceChange } from '../trace/settings.js';
import { objectIn } from './parameters.js';

const notSwitchedOn = 'settings are not changed by calls here';

/** Of all models, or of one. Without a change they are told. Errors: ERR_NOT_FOUND, ERR_NOT_SUPPORTED (not switched on), those of the change. */
export function traceSettings(engine: Engine, name: string | undefined, change: TraceChange = {}) {
  if (name !== undefined) engine.status(name);
  if (Object.keys(change).length > 0) {
    engine.requireControl(notSwitchedOn);
    engine.tracing.change(name, change);
  }
  return engine.tracing.settings(name);
}

/** Errors: UNIMPLEMENTED (logs are another program's, or not switched on), those of the change. */
export function logSettings(
  engine: Engine,
  logging: LogSettings | undefined,
  change: Readonly<Record<string, LogSetting | null>> = {},
) {
  if (logging === undefined)
    throw new Refusal('UNIMPLEMENTED', 'what is logged is for the program to say that the server is in');
  if (Object.keys(change).length > 0) {
    engine.requireControl(notSwitchedOn);
    logging.change(change);
  }
  return logging.all;
}

export async function traceHandler(engine: Engine, exchange: Exchange, { name }: ModelReference): Promise<Answer> {
  const given = exchange.method === 'POST' ? Object.entries(await objectIn(exchange)) : [];
  const change = Object.fromEntries(given.map(([key, value]) => [key, valuesOf(key, value)]));
  return jsonAnswer(200, traceSettings(engine, name === '' ? undefined : name, change));
}

/** One value, or several; null stays what it is. */
function valuesOf(name: string, value: JsonValue): readonly string[] | null {
  if (value === null) return null;
  const values = Array.isArray(value) ? value : [value];
  return values.map((one) => {
    if (typeof one === 'string') return one;
    if (typeof one === 'number') return String(one);
    throw invalid(`${name.slice(0, 100)} must be a string, or a list of them`);
  });
}

export function logHandler(logging: LogSettings | undefined) {
  return async (engine: Engine, exchange: Exchange): Promise<Answer> => {
    const change = exchange.method === 'POST' ? await objectIn(exchange) : {};
    return jsonAnswer(200, logSettings(engine, logging, change as Readonly<Record<string, LogSetting | null>>));
  };
}
