// Where a server listens: HOST:PORT, [IPv6]:PORT, a port alone (on loopback), or unix:PATH.

import { shown, wrongOption } from '../core/options.js';

export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** Errors: ERR_ARGUMENT. `name` names the option. */
export function parseAddress(name: string, text: string): Address {
  if (typeof text === 'string' && text.startsWith('unix:') && text.length > 'unix:'.length) {
    return { path: text.slice('unix:'.length) };
  }
  const [, bracketed, plain, digits] =
    /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(
      ['string', 'number'].includes(typeof text) ? String(text) : '',
    ) ?? [];
  const port = Number(digits);
  if (digits !== undefined && port <= 65535) return { host: bracketed || plain || '127.0.0.1', port };
  throw wrongOption(`${name} must be HOST:PORT, a port, or unix:PATH, got ${shown(text)}`);
}

/** As a client writes it. */
export function urlOf(address: Address, isSecure = false): string {
  if ('path' in address) return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${isSecure ? 'https' : 'http'}://${host}:${address.port}`;
}
