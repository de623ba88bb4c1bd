// Asks NVIDIA's driver which CUDA it runs, in a process of its own.

import { addon } from './load.js';
import { answer } from './trial.js';

await answer<string | null>(async () => addon().newestCudaOfDriver() ?? null);
