// What the command prints when it listens: what is served, where, and a line that works.

import type { ValueInfo } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { told } from '../core/errors.js';
import type { Servable } from '../engine/servable.js';
import type { Server } from '../server.js';

export function describe(server: Server): string {
  const { engine, url, grpcTarget } = server;
  const { kind, name, fallbackReason } = engine.device.info;
  const device = `on the ${kind.toUpperCase()} (${name})${fallbackReason === undefined ? '' : `: ${fallbackReason}`}`;
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
  // The one with the least to type.
  const [shortest] = engine
    .status()
    .flatMap(({ name }) => engine.available(name).slice(0, 1))
    .map((servable) => curlOf(server, servable))
    .sort((a, b) => a.length - b.length);
  if (shortest === undefined) lines.push('There is no model yet: what comes into the folder is served.');
  else lines.push('Try it:', `  ${shortest}`);
  return lines.join('\n');
}

/** An inference of zeros (of a matrix, where any rank is taken), with 1 for what is free of the dims. */
function curlOf({ url }: Server, { name, inputs }: Servable): string {
  const body = JSON.stringify({ inputs: inputs.map(exampleOf) });
  const socket = url.startsWith('unix:') ? `--unix-socket '${url.slice('unix:'.length)}' http://localhost` : url;
  const at = `${socket}/v2/models/${encodeURIComponent(name)}`;
  if (body.length > 500) return `curl -s ${at}`;
  return `curl -s ${at}/infer -d '${body.replaceAll("'", "'\\''")}'`;
}

function exampleOf({ name, type, dims }: ValueInfo) {
  // Of any rank: a matrix.
  if (dims === undefined) return { name, datatype: byType.get(type)?.v2, shape: [2, 2], data: [4, 1, 1, 3] };
  const shape = dims.map((dim) => (dim === -1 ? 1 : dim));
  const zero = type === 'string' ? '' : type === 'bool' ? false : 0;
  const length = Math.min(
    shape.reduce((product, dim) => product * dim, 1),
    1000,
  );
  return { name, datatype: byType.get(type)?.v2, shape, data: Array.from({ length }, () => zero) };
}
