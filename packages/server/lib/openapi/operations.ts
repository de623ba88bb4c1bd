// What is at which path. Those of the Open Inference Protocol are the routes that its requests are led by, so that none can be missing; here is
// what each takes and gives.

import { metricsPaths } from '../metrics/metrics.js';
import { pagePath, statusPath } from '../page/protocol.js';
import { v2Routes } from '../v2/protocol.js';
import type { SchemaName } from './schemas.js';

export const openApiPath = '/openapi.json';

export interface Operation {
  readonly summary: string;
  readonly tag: string;
  /** What the body is; without one there is none. */
  readonly takes?: SchemaName;
  /** What is answered, as JSON or as a media type; without it the answer is empty. */
  readonly gives?: SchemaName | { readonly media: string };
  /** Also as bytes behind the JSON, in both directions. */
  readonly isBinary?: boolean;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** With its parameters in braces. */
  readonly path: string;
  readonly operation: Operation;
}

const v2 = 'Open Inference Protocol v2';
const tfs = 'TensorFlow Serving';
const own = 'Server';

/** By method and path, without a version. */
const v2Operations: Readonly<Record<string, Omit<Operation, 'tag'>>> = {
  'GET /v2': { summary: 'What the server is', gives: 'ServerMetadata' },
  'GET /v2/health/live': { summary: 'Whether it runs' },
  'GET /v2/health/ready': { summary: 'Whether every model has a version that is served (400: not)' },
  'GET /v2/models/stats': { summary: 'Statistics of all models', gives: 'ModelStatistics' },
  'POST /v2/repository/index': {
    summary: 'Every version, its state, and why it is not served',
    takes: 'RepositoryIndexRequest',
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
    summary: 'Loads a model, where that is switched on',
    takes: 'ControlRequest',
  },
  'POST /v2/repository/models/{model}/unload': {
    summary: 'Unloads a model, where that is switched on',
    takes: 'ControlRequest',
  },
};

/** A route whose path alone is known. */
const plain = (method: 'GET' | 'POST', path: string): Omit<Operation, 'tag'> => ({
  summary: `${path.split('/').slice(2).join(' ')}`,
  ...(method === 'POST' ? { takes: 'Object' } : {}),
  gives: 'Object',
});

export function isDescribed(method: string, path: string): boolean {
  return Object.hasOwn(v2Operations, `${method} ${withoutVersion(path)}`);
}

const withoutVersion = (path: string) => path.replace('/versions/{version}', '');

const ofV2: readonly Route[] = v2Routes.map(({ method, path }) => ({
  method,
  path,
  operation: { tag: v2, ...(v2Operations[`${method} ${withoutVersion(path)}`] ?? plain(method, path)) },
}));

const ofTfs: readonly Route[] = ['', '/versions/{version}', '/labels/{label}'].flatMap((which): Route[] => {
  const model = `/v1/models/{model}${which}`;
  return [
    {
      method: 'POST',
      path: `${model}:predict`,
      operation: {
        tag: tfs,
        summary: 'Inference by rows or columns',
        takes: 'PredictRequest',
        gives: 'PredictResponse',
      },
    },
    {
      method: 'POST',
      path: `${model}:classify`,
      operation: { tag: tfs, summary: 'Classes and their scores', takes: 'ClassifyRequest', gives: 'ClassifyResponse' },
    },
    {
      method: 'POST',
      path: `${model}:regress`,
      operation: {
        tag: tfs,
        summary: 'A number for each example',
        takes: 'ClassifyRequest',
        gives: 'ClassifyResponse',
      },
    },
    {
      method: 'GET',
      path: model,
      operation: { tag: tfs, summary: 'The states of its versions', gives: 'ServedModelStatus' },
    },
    {
      method: 'GET',
      path: `${model}/metadata`,
      operation: { tag: tfs, summary: 'What it takes and gives', gives: 'ServedModelMetadata' },
    },
  ];
});

const ofServer: readonly Route[] = [
  ...metricsPaths.map(
    (path): Route => ({
      method: 'GET',
      path,
      operation: { tag: own, summary: 'Metrics for Prometheus', gives: { media: 'text/plain' } },
    }),
  ),
  { method: 'GET', path: openApiPath, operation: { tag: own, summary: 'This document', gives: 'OpenApi' } },
  {
    method: 'GET',
    path: pagePath,
    operation: { tag: own, summary: 'A page that shows it', gives: { media: 'text/html' } },
  },
  {
    method: 'GET',
    path: statusPath,
    operation: { tag: own, summary: 'What the page shows', gives: 'ServerStatus' },
  },
];

export const routes: readonly Route[] = [...ofV2, ...ofTfs, ...ofServer];
