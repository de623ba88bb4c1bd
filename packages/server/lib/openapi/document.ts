// The server's description as OpenAPI 3.1, made of its routes.

import { serverName, serverVersion } from '../core/version.js';
import { type DescribedRoute, describedRoutes, type Operation } from './operations.js';
import { ref, type SchemaName, schemas } from './schemas.js';

const binary = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
const json = (name: SchemaName) => ({ 'application/json': { schema: ref(name) } });

export function openApiDocument() {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of describedRoutes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = described(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: `${serverName} server`,
      version: serverVersion,
      description: 'Models and matrices behind the Open Inference Protocol v2 and TensorFlow Serving over REST.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Beside this document, wherever a prefix has put it.
    servers: [{ url: '.' }],
    security: [{}, { token: [] }],
    tags: [...new Set(describedRoutes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: { schemas, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
}

function described({ method, path, operation, tag }: DescribedRoute): object {
  const { summary, takes, isOptional = false, isBinary = false } = operation;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  return {
    operationId:
      method.toLowerCase() +
      path
        .split(/[^a-zA-Z0-9]+/)
        .map(capital)
        .join(''),
    summary,
    tags: [tag],
    ...(names.length === 0 ? {} : { parameters: names.map(parameter) }),
    ...(takes === undefined
      ? {}
      : {
          requestBody: {
            required: !isOptional,
            content: { ...json(takes), ...(isBinary ? binary : {}) },
          },
        }),
    responses: {
      200: { description: 'Done', ...contentOf(operation) },
      default: { description: 'A failure, by its status', content: json('Error') },
    },
  };
}

function contentOf({ gives, isBinary = false }: Operation): object {
  if (gives === undefined) return {};
  if (typeof gives === 'object') return { content: { [gives.media]: { schema: { type: 'string' } } } };
  return { content: { ...json(gives), ...(isBinary ? binary : {}) } };
}

function parameter(name: string): object {
  const schema = name === 'version' ? { type: 'integer', minimum: 1 } : { type: 'string' };
  return { name, in: 'path', required: true, schema };
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
