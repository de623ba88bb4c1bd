// The addon with its CUDA device: build/cuda/Release/tensorlane.node. No GPU and no driver is needed.
//   node scripts/build-cuda.mjs                        by the toolkit that is here, or one put into build/cuda-toolkit
//   node scripts/build-cuda.mjs --cuda 12|13 [--own]   by one of that version, into build/cuda-12 or build/cuda-13
//   node scripts/build-cuda.mjs --emulated             by the host's compiler, for an emulated GPU, into build/emulation
import { readToolkitOptions } from './setup/cuda.mjs';
import { packages } from './setup/packages.mjs';
import { cudaAddon, dependencies, emulatedAddon, typescript } from './setup/steps.mjs';
import { doSteps, orExit } from './setup.mjs';

await orExit(async () => {
  const args = process.argv.slice(2);
  if (args.includes('--emulated')) return doSteps([packages('base'), dependencies, emulatedAddon, typescript]);
  const { step, version } = readToolkitOptions(args);
  const addon = cudaAddon(step, { version });
  return doSteps([packages(step.purpose), dependencies, step, addon, typescript]);
});
