// The page as one document: its script and its style are in it, and it asks for nothing but this server's own.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

interface Page {
  readonly html: string;
  /** Content-Security-Policy: the script and the style by what they are, and no other. */
  readonly policy: string;
}

let made: Page | undefined;

/** Made when it is first asked for. */
export function pageDocument(): Page {
  if (made !== undefined) return made;
  const [html, style, script] = ['page.html', 'page.css', 'page.js'].map(read) as [string, string, string];
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "connect-src 'self'",
    'img-src blob: data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  // Functions, for what is put in may have $ in it.
  const whole = html.replace('/* page.css */', () => style).replace('/* page.js */', () => script);
  made = { html: whole, policy };
  return made;
}

function read(name: string): string {
  return readFileSync(new URL(`../../page/${name}`, import.meta.url), 'utf8');
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
