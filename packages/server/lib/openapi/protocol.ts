// Answers at /openapi.json.

import { openApiPath } from '../core/routes.js';
import { type Protocol, textAnswer } from '../http/exchange.js';
import { openApiDocument } from './document.js';

let text: string | undefined;

export function openApi(): Protocol {
  return ({ method, path }) => {
    if (path !== openApiPath || (method !== 'GET' && method !== 'HEAD')) return undefined;
    text ??= JSON.stringify(openApiDocument());
    return Promise.resolve(textAnswer(200, text));
  };
}
