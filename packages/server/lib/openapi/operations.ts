// What each route takes and gives. Which there are, core/routes.ts says, so that none can be missing.

import { metricsPaths, openApiPath, pagePath, type Route, routes, statusPath } from '../core/routes.js';
import type { SchemaName } from './schemas.js';

export interface Operation {
  readonly summary: string;
  /** What the body is; without one there is none. */
  readonly takes?: SchemaName;
  /** Whether there may be no body. */
  readonly isOptional?: boolean;
  /** What is answered, as JSON or as a media type; without it the answer is empty. */
  readonly gives?: SchemaName | { readonly media: string };
  /** Also as bytes behind the JSON, in both directions. */
  readonly isBinary?: boolean;
}

export interface DescribedRoute extends Route {
  readonly operation: Operation;
  readonly tag: string;
}

const traceSettings = (whose: string): Record<string, Operation> => ({
  [`GET ${whose}/trace/setting`]: { summary: 'Which requests are traced', gives: 'TraceSettings' },
  [`POST ${whose}/trace/setting`]: {
    summary: 'Changes it, where that is switched on; null: back to what it was',
    takes: 'TraceSettings',
    gives: 'TraceSettings',
  },
});

const sharedMemory = (kind: 'system' | 'cuda'): Record<string, Operation> => {
  const memory = `/v2/${kind}sharedmemory`;
  const called = kind === 'system' ? 'system shared memory' : 'shared memory of CUDA (of which there is none)';
  return {
    [`GET ${memory}/status`]: { summary: `Every region of ${called}`, gives: 'SharedMemoryRegions' },
    [`GET ${memory}/region/{region}/status`]: { summary: `A region of ${called}`, gives: 'SharedMemoryRegions' },
    [`POST ${memory}/region/{region}/register`]: { summary: `Registers ${called}`, takes: 'Object' },
    [`POST ${memory}/region/{region}/unregister`]: { summary: `Forgets a region of ${called}` },
    [`POST ${memory}/unregister`]: { summary: `Forgets every region of ${called}` },
  };
};

/** By method and path, without a version or label. */
const operations: Readonly<Record<string, Operation>> = {
  'GET /v2': { summary: 'What the server is', gives: 'ServerMetadata' },
  'GET /v2/health/live': { summary: 'Whether it runs' },
  'GET /v2/health/ready': { summary: 'Whether every model has a version that is served (400: not)' },
  'GET /v2/models/stats': { summary: 'Statistics of all models', gives: 'ModelStatistics' },
  'GET /v2/logging': { summary: 'What is logged', gives: 'LogSettings' },
  'POST /v2/logging': {
    summary: 'Changes what is logged, where that is switched on',
    takes: 'LogSettings',
    gives: 'LogSettings',
  },
  ...traceSettings('/v2'),
  ...traceSettings('/v2/models/{model}'),
  'POST /v2/repository/index': {
    summary: 'Every version, its state, and why it is not served',
    takes: 'RepositoryIndexRequest',
    isOptional: true,
    gives: 'RepositoryIndex',
  },
  'GET /v2/models/{model}': { summary: 'What a model takes and gives', gives: 'ModelMetadata' },
  'GET /v2/models/{model}/ready': { summary: 'Whether it is served (400: not)' },
  'GET /v2/models/{model}/stats': { summary: 'Statistics of a model', gives: 'ModelStatistics' },
  'GET /v2/models/{model}/config': { summary: 'How a model is served', gives: 'Object' },
  'POST /v2/models/{model}/infer': {
    summary: 'Inference, with tensors as JSON or as bytes',
    takes: 'InferRequest',
    gives: 'InferResponse',
    isBinary: true,
  },
  'POST /v2/models/{model}/generate': { summary: 'Inference of named values', takes: 'Object', gives: 'Object' },
  'POST /v2/models/{model}/generate_stream': {
    summary: 'The same, each answer as an event',
    takes: 'Object',
    gives: { media: 'text/event-stream' },
  },
  'POST /v2/repository/models/{model}/load': {
    summary:
      'Loads a model, from the repository or as its parameters have it (config, file:PATH), where that is switched on',
    takes: 'ControlRequest',
    isOptional: true,
  },
  'POST /v2/repository/models/{model}/unload': {
    summary: 'Unloads a model, where that is switched on',
    takes: 'ControlRequest',
    isOptional: true,
  },
  ...sharedMemory('system'),
  ...sharedMemory('cuda'),
  'POST /v1/models/{model}:predict': {
    summary: 'Inference by rows or columns',
    takes: 'PredictRequest',
    gives: 'PredictResponse',
  },
  'POST /v1/models/{model}:classify': {
    summary: 'Classes and their scores',
    takes: 'ClassifyRequest',
    gives: 'ClassifyResponse',
  },
  'POST /v1/models/{model}:regress': {
    summary: 'A number for each example',
    takes: 'ClassifyRequest',
    gives: 'ClassifyResponse',
  },
  'GET /v1/models/{model}': { summary: 'The states of its versions', gives: 'ServedModelStatus' },
  'GET /v1/models/{model}/metadata': { summary: 'What it takes and gives', gives: 'ServedModelMetadata' },
  ...Object.fromEntries(
    metricsPaths.map((path) => [`GET ${path}`, { summary: 'Metrics for Prometheus', gives: { media: 'text/plain' } }]),
  ),
  [`GET ${openApiPath}`]: { summary: 'This document', gives: 'OpenApi' },
  [`GET ${pagePath}`]: { summary: 'A page that shows it', gives: { media: 'text/html' } },
  [`GET ${statusPath}`]: { summary: 'What the page shows', gives: 'ServerStatus' },
};

const tags = { v2: 'Open Inference Protocol v2', v1: 'TensorFlow Serving' } as const;

export const describedRoutes: readonly DescribedRoute[] = routes.map((route) => {
  const key = `${route.method} ${route.path.replace(/\/(versions\/\{version\}|labels\/\{label\})/, '')}`;
  const operation = operations[key];
  if (operation === undefined) throw new Error(`openapi/operations.ts says nothing of ${key}`);
  return { ...route, operation, tag: tags[route.path.split('/')[1] as keyof typeof tags] ?? 'Server' };
});
