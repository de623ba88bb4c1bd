// Finds a CUDA toolkit that can compile this project, or puts pinned parts of one into build/cuda-toolkit, without root.
//   node scripts/cuda-toolkit.mjs [--cuda 12|13] [--own]     --own: whatever is installed here
// Prints where nvcc is and, where the toolkit lacks the headers of cuBLAS and the like, the folder that has them.
import { readToolkitOptions } from './setup/cuda.mjs';
import { packages } from './setup/packages.mjs';
import { doSteps, orExit } from './setup.mjs';

await orExit(async () => {
  const { step } = readToolkitOptions(process.argv.slice(2));
  await doSteps([packages(step.purpose), step]);
  const { nvcc, include } = step.toolkit();
  console.log(`nvcc: ${nvcc}`);
  if (include) console.log(`headers: ${include}`);
});
