// What is at which path: the one table from which requests find their handlers, spans their names, access its kinds and the description
// (OpenAPI) its paths.
//
// The rule: a segment that is named stands above a free one, and a free one is never empty. Names are as they were sent: percent-encoded.

/** For whom it is: everyone, who asks for inference, or who controls the server. */
export type Kind = 'health' | 'inference' | 'control';

export interface Route {
  readonly method: 'GET' | 'POST';
  /** With what is free of it in braces. */
  readonly path: string;
  readonly kind: Kind;
}

/** What is at a path. */
export interface Place {
  readonly path: string;
  /** By method. */
  readonly routes: readonly Route[];
  /** What is free of the path, by the names in braces. */
  readonly free: Readonly<Record<string, string>>;
}

export const pagePath = '/';
export const statusPath = '/status';
export const openApiPath = '/openapi.json';
export const metricsPaths: readonly string[] = ['/metrics', '/monitoring/prometheus/metrics'];

const route = (method: Route['method'], path: string, kind: Kind = 'inference'): Route => ({ method, path, kind });

const v2Model = ['/v2/models/{model}', '/v2/models/{model}/versions/{version}'];
const v1Model = ['/v1/models/{model}', '/v1/models/{model}/versions/{version}', '/v1/models/{model}/labels/{label}'];

export const routes: readonly Route[] = [
  route('GET', '/v2'),
  route('GET', '/v2/health/live', 'health'),
  route('GET', '/v2/health/ready', 'health'),
  route('GET', '/v2/models/stats'),
  route('GET', '/v2/logging'),
  route('POST', '/v2/logging', 'control'),
  route('GET', '/v2/trace/setting'),
  route('POST', '/v2/trace/setting', 'control'),
  route('POST', '/v2/repository/index'),
  ...v2Model.flatMap((model) => [
    route('GET', model),
    ...['ready', 'config', 'stats'].map((what) => route('GET', `${model}/${what}`)),
    ...['infer', 'generate', 'generate_stream'].map((what) => route('POST', `${model}/${what}`)),
  ]),
  route('GET', '/v2/models/{model}/trace/setting'),
  route('POST', '/v2/models/{model}/trace/setting', 'control'),
  route('POST', '/v2/repository/models/{model}/load', 'control'),
  route('POST', '/v2/repository/models/{model}/unload', 'control'),
  ...['/v2/systemsharedmemory', '/v2/cudasharedmemory'].flatMap((memory) => [
    route('GET', `${memory}/status`),
    route('POST', `${memory}/unregister`, 'control'),
    route('GET', `${memory}/region/{region}/status`),
    route('POST', `${memory}/region/{region}/register`, 'control'),
    route('POST', `${memory}/region/{region}/unregister`, 'control'),
  ]),
  ...v1Model.flatMap((model) => [
    ...['predict', 'classify', 'regress'].map((verb) => route('POST', `${model}:${verb}`)),
    route('GET', model),
    route('GET', `${model}/metadata`),
  ]),
  ...metricsPaths.map((path) => route('GET', path)),
  route('GET', openApiPath),
  // The page has nothing of the server in it: what it shows it asks for.
  route('GET', pagePath, 'health'),
  route('GET', statusPath),
];

interface Node {
  readonly named: Map<string, Node>;
  free: { readonly name: string; readonly node: Node } | undefined;
  path: string;
  readonly routes: Route[];
}

const newNode = (): Node => ({ named: new Map(), free: undefined, path: '', routes: [] });

const root = newNode();
for (const one of routes) {
  let node = root;
  for (const segment of segmentsOf(one.path)) {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    let next = name === undefined ? node.named.get(segment) : node.free?.node;
    if (next === undefined) {
      next = newNode();
      if (name === undefined) node.named.set(segment, next);
      else node.free = { name, node: next };
    }
    node = next;
  }
  node.path = one.path;
  node.routes.push(one);
}

/** Of a path as it was sent, without its query; undefined: there is nothing at it. */
export function placeOf(path: string): Place | undefined {
  if (path[0] !== '/') return undefined;
  const free: Record<string, string> = {};
  const anyCase = isTfs(path);
  const isClosed = !anyCase && path.length > 1 && path.endsWith('/');
  const node = nodeAt(root, segmentsOf(isClosed ? path.slice(0, -1) : path), 0, anyCase, free);
  return node === undefined ? undefined : { path: node.path, routes: node.routes, free };
}

/** The methods that a place takes, as the header Allow has them: what is got may be asked for its headers alone. */
export function allowedAt({ routes: at }: Place): string {
  return [...at.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])), 'OPTIONS'].join(', ');
}

/** A path without what differs from request to request: names of spans are few, whatever clients ask for. */
export function templateOf(path: string): string {
  return placeOf(path)?.path ?? '/{path}';
}

/** Of a request over HTTP. What is not known to be inference is control. */
export function kindOfRequest(method: string, path: string): Kind {
  const looks = method === 'GET' || method === 'HEAD';
  const wanted = looks ? 'GET' : method;
  return placeOf(path)?.routes.find((one) => one.method === wanted)?.kind ?? (looks ? 'inference' : 'control');
}

/** TensorFlow Serving's paths: whatever their case, and the verb of the last segment is behind its last colon. */
function isTfs(path: string): boolean {
  return /^\/v1\//i.test(path);
}

function segmentsOf(path: string): string[] {
  const segments = path.slice(1).split('/');
  if (!isTfs(path)) return segments;
  const last = segments.pop()!;
  const colon = last.lastIndexOf(':');
  return colon < 0 ? [...segments, last] : [...segments, last.slice(0, colon), last.slice(colon)];
}

function nodeAt(
  node: Node,
  segments: readonly string[],
  at: number,
  anyCase: boolean,
  free: Record<string, string>,
): Node | undefined {
  if (at === segments.length) return node.routes.length > 0 ? node : undefined;
  const segment = segments[at]!;
  const named = node.named.get(anyCase ? segment.toLowerCase() : segment);
  const found = named && nodeAt(named, segments, at + 1, anyCase, free);
  if (found !== undefined) return found;
  const next = node.free;
  if (next === undefined || segment === '' || (anyCase && segment.includes(':'))) return undefined;
  const below = nodeAt(next.node, segments, at + 1, anyCase, free);
  if (below !== undefined) free[next.name] = segment;
  return below;
}
