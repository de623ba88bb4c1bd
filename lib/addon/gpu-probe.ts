// Asks NVIDIA's management library of the GPUs, in a process of its own.

import type { GpuReadings } from '../../binding.js';
import { addon } from './load.js';
import { answer } from './trial.js';

await answer<GpuReadings>(async () => addon().readGpus());
