// What the command prints when it listens: what is served, where, and a line that works.

import { told } from '../core/errors.js';
import type { Servable } from '../engine/servable.js';
import type { Server } from '../server.js';
import { type Conditions, curlOf } from './curl.js';

export function describe(server: Server, conditions: Conditions): string {
  const { engine, url, grpcTarget } = server;
  const { kind, name, devices, fallbackReason } = engine.device.info;
  const several = devices === undefined ? '' : `, ${devices.length} of them`;
  const device = `on the ${kind.toUpperCase()} (${name}${several})${fallbackReason === undefined ? '' : `: ${fallbackReason}`}`;
  const lines = [
    `Serving ${device}`,
    `  Open Inference Protocol v2   ${url}/v2`,
    `  TensorFlow Serving           ${url}/v1`,
    `  Prometheus                   ${url}/metrics`,
    `  OpenAPI                      ${url}/openapi.json`,
    `  a page that shows it         ${url}/`,
  ];
  if (grpcTarget !== undefined) lines.push(`  both of them over gRPC       ${grpcTarget}`);
  for (const { name, versions } of engine.status()) {
    for (const { version, state, error } of versions) {
      lines.push(`  ${name}/${version}   ${state}${error === undefined ? '' : `: ${told(error).message}`}`);
    }
  }
  // One that infers, with the least to type, of those that answer once, and by themselves, if there are any.
  const isPlain = (one: Servable) => !one.keepsState && !one.decoupled;
  const served = engine.status().flatMap(({ name }) => engine.available(name).slice(0, 1));
  const [shortest] = (served.some(isPlain) ? served.filter(isPlain) : served)
    .map((servable) => curlOf(url, servable, conditions))
    .sort((a, b) => Number(b.infers) - Number(a.infers) || a.line.length - b.line.length);
  if (shortest === undefined) lines.push('There is no model yet: what comes into the folder is served.');
  else lines.push(`Try it${shortest.needs.map((one) => `, with ${one}`).join('')}:`, `  ${shortest.line}`);
  return lines.join('\n');
}
