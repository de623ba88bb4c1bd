// What this server calls itself.

import { createRequire } from 'node:module';

const manifest = createRequire(import.meta.url)('../../package.json') as { version: string };

export const serverName = 'tensorlane';
export const serverVersion = manifest.version;
