// Answers at / with the page, and at /status with what it shows.

import type { Advice } from 'tensorlane';
import { told } from '../core/errors.js';
import { pagePath, statusPath } from '../core/routes.js';
import { serverName, serverVersion } from '../core/version.js';
import type { Engine } from '../engine/engine.js';
import type { Servable } from '../engine/servable.js';
import type { VersionStatus } from '../engine/versions.js';
import { type Answer, jsonAnswer, type Protocol } from '../http/exchange.js';
import { modelMetadata } from '../v2/metadata.js';
import { pageDocument } from './document.js';

export const pagePaths: readonly string[] = [pagePath, statusPath];

export function page(engine: Engine): Protocol {
  return ({ method, path }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === pagePath) return Promise.resolve(pageAnswer());
    if (path !== statusPath) return undefined;
    return Promise.resolve(jsonAnswer(200, status(engine), { 'cache-control': 'no-store' }));
  };
}

function pageAnswer(): Answer {
  const { html, policy } = pageDocument();
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  };
  return { status: 200, headers, body: html };
}

function status(engine: Engine) {
  const { kind, name, fallbackReason } = engine.device.info;
  return {
    server: { name: serverName, version: serverVersion },
    device: { kind, name, fallbackReason },
    ready: engine.ready,
    /** What is wrong with how requests are served, and what to change. */
    advice: engine.device.advise().map(byVersion),
    models: engine.status().map((model) => ({
      name: model.name,
      versions: model.versions
        .map((version) => versionStatus(engine, model.name, version))
        .sort((a, b) => b.version - a.version),
    })),
  };
}

/** Names are the library's: of the model, its version, and which loading of it. */
const byVersion = ({ model, ...advice }: Advice) => ({ ...advice, model: model?.replace(/#\d+$/, '') });

function versionStatus(engine: Engine, name: string, { version, state, error }: VersionStatus) {
  const servable = engine.available(name).find((one) => one.version === version);
  return {
    version,
    state,
    ...(error === undefined ? {} : { error: told(error).message }),
    ...(servable === undefined ? {} : { ...modelMetadata(engine, { name, version }), stats: statsOf(servable) }),
  };
}

/** Sums since the version was loaded: whoever asks again and again sees what came in between. */
function statsOf(servable: Servable) {
  const { success, failure } = servable.statistics;
  const stats = servable.stats();
  return {
    succeeded: success.count,
    failed: failure.count,
    queued: stats?.requests.queued ?? 0,
    running: stats?.batches.running ?? 0,
    rows: stats?.batches.rows ?? 0,
    batches: stats?.batches.count ?? 0,
    sizes: stats?.batches.sizes ?? {},
    closed: stats?.batches.closed ?? {},
    /** How many took at most so many microseconds. */
    latency: stats?.totalMicros.buckets ?? servable.statistics.latency,
  };
}
