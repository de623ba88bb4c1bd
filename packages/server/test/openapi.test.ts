// The description of the server holds: it is what OpenAPI 3.1 is, every route is in it, and what is answered is as it says.

import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { routes } from '../lib/core/routes.js';
import { createFetchHandler } from '../lib/index.js';
import { openApiDocument } from '../lib/openapi/document.js';
import { describedRoutes } from '../lib/openapi/operations.js';
import { ask, folderOf, startEngine, startServer } from './support.js';

const document = openApiDocument() as unknown as {
  readonly paths: Record<
    string,
    Record<string, { readonly operationId: string; readonly responses: Record<string, Reply> }>
  >;
};

interface Reply {
  readonly content?: Record<string, { readonly schema: { readonly $ref?: string } }>;
}

test('it is valid, and its ids are each there once', async () => {
  expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
  const ids = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

test('every route is in it, and says what it is', () => {
  for (const { method, path } of routes) {
    expect(document.paths[path]?.[method.toLowerCase()], `${method} ${path}`).toHaveProperty('summary');
  }
});

const bodies: Readonly<Record<string, object>> = {
  infer: { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }] },
  ':predict': { instances: [[3, 4]] },
};

test('what is answered at each path is as it says', async () => {
  const server = await startServer({
    models: { m: { folder: folderOf({ '1/model.onnx': square({ features: 2 }) }), labels: { stable: 1 } } },
    explicitControl: true,
  });
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema(document, 'document');
  // What unloads comes last.
  const ordered = [...describedRoutes].sort(
    (a, b) => Number(a.path.includes('load')) - Number(b.path.includes('load')),
  );
  for (const { method, path, operation } of ordered) {
    const url = path.replace('{model}', 'm').replace('{version}', '1').replace('{label}', 'stable');
    const [, sent = {}] = Object.entries(bodies).find(([end]) => path.endsWith(end)) ?? [];
    const { status, headers, body } = await ask(server.url + url, method === 'POST' ? sent : undefined);
    const called = `${method} ${path}: ${JSON.stringify(body)?.slice(0, 300)}`;
    const isDone = status === 200;
    // What needs more than is here is told as a failure, and is no path that is not there.
    if (!isDone) expect([400, 404, 501], called).toContain(status);
    if (status === 404) expect((body as { error: string }).error, called).not.toContain('nothing at this path');
    const { responses } = document.paths[path]![method.toLowerCase()]!;
    const { content } = isDone ? responses['200']! : responses.default!;
    if (content === undefined) {
      expect(body, called).toBe('');
      continue;
    }
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    if (isDone) expect(Object.keys(content), called).toContain(type);
    if (content[type]?.schema.$ref === undefined) continue;
    const validate = ajv.getSchema(`document${content[type].schema.$ref}`)!;
    expect(validate(body), `${called}: ${JSON.stringify(validate.errors)}`).toBe(true);
    if (operation.takes === 'PredictRequest' || operation.takes === 'InferRequest') expect(status, called).toBe(200);
  }
});

test('it is served, also by handlers below a prefix', async () => {
  const engine = await startEngine({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }) });
  const handler = createFetchHandler(engine, { prefix: '/models', openapi: true });
  const reply = await handler(new Request('http://x/models/openapi.json'));
  expect(await reply.json()).toEqual(JSON.parse(JSON.stringify(document)));
});
