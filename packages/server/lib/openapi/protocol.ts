// Answers at /openapi.json.

import { type Protocol, textAnswer } from '../http/exchange.js';
import { openApiDocument } from './document.js';
import { openApiPath } from './operations.js';

export { openApiPath } from './operations.js';

let text: string | undefined;

export function openApi(): Protocol {
  return ({ method, path }) => {
    if (path !== openApiPath || (method !== 'GET' && method !== 'HEAD')) return undefined;
    text ??= JSON.stringify(openApiDocument());
    return Promise.resolve(textAnswer(200, text));
  };
}
