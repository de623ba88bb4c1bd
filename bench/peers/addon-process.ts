// The process of an addon as a peer: see addon.ts.

import { readFileSync } from 'node:fs';
import { open, tensor } from 'tensorlane';
import { serve } from '../../lib/cli/load/child.js';
import { sample } from '../micro.js';

const device = await open('cpu');

const methods = {
  library: () => device.info.library ?? 'an unknown OpenBLAS',
  async svd({ matrix, n, iterations }: { matrix: string; n: number; iterations: number }) {
    const a = tensor(new Float64Array(new Uint8Array(readFileSync(matrix)).buffer), [n, n]);
    const { s } = await device.linalg.svd(a, { mode: 'thin' });
    const ms = await sample(() => device.linalg.svd(a, { mode: 'thin' }), { iterations, warmup: 1 });
    return { ms, singularValues: s.data as Float64Array };
  },
};
export type Methods = typeof methods;

serve(methods, () => device.dispose());
