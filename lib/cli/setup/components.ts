// What a machine with a GPU needs beside tensorlane, by CUDA's major version: which library for what, and pip's package that has it.

import type { CudaMajor } from '../../addon/driver.js';

export type Purpose = 'algebra' | 'kernels' | 'models';

export interface Component {
  readonly name: string;
  readonly purpose: Purpose;
  /** The library that the loader has to find. */
  readonly soname: string;
  readonly package: string;
  /** The part of the package's version that decides the soname. */
  readonly version: number;
}

export const purposes: Readonly<Record<Purpose, string>> = {
  algebra: 'linear algebra on the GPU',
  kernels: 'kernels of your own',
  models: 'models on the GPU',
};

/** [name, purpose, soname, pip's package] and [soname's number, package's major version] of CUDA 12 and of CUDA 13. */
const table = [
  ['cuBLAS', 'algebra', 'libcublas', 'nvidia-cublas', [12, 12], [13, 13]],
  ['cuSOLVER', 'algebra', 'libcusolver', 'nvidia-cusolver', [11, 11], [12, 12]],
  ['cuSPARSE', 'algebra', 'libcusparse', 'nvidia-cusparse', [12, 12], [12, 12]],
  ['nvJitLink', 'algebra', 'libnvJitLink', 'nvidia-nvjitlink', [12, 12], [13, 13]],
  ['NVRTC', 'kernels', 'libnvrtc', 'nvidia-cuda-nvrtc', [12, 12], [13, 13]],
  ['CUDA runtime', 'models', 'libcudart', 'nvidia-cuda-runtime', [12, 12], [13, 13]],
  ['cuDNN', 'models', 'libcudnn', 'nvidia-cudnn', [9, 9], [9, 9]],
  ['cuFFT', 'models', 'libcufft', 'nvidia-cufft', [11, 11], [12, 12]],
  ['cuRAND', 'models', 'libcurand', 'nvidia-curand', [10, 10], [10, 10]],
] as const;

export function componentsOf(major: CudaMajor): readonly Component[] {
  return table.map(([name, purpose, library, pip, of12, of13]) => {
    const [number, version] = major === 12 ? of12 : of13;
    // CUDA 13's packages have no suffix; cuDNN's is for several versions of CUDA.
    const suffix = major === 12 ? '-cu12' : name === 'cuDNN' ? '-cu13' : '';
    return { name, purpose, soname: `${library}.so.${number}`, package: pip + suffix, version };
  });
}

/**
 * NuGet's package of ONNX Runtime's CUDA provider, which has to be of the core library's very version. From 1.27 on it is built for
 * CUDA 13, before for CUDA 12. undefined: there is none for this version of CUDA.
 */
export function providerPackage(core: string, major: CudaMajor): string | undefined {
  const [, minor] = core.split('.').map(Number);
  return (minor! >= 27 ? 13 : 12) === major ? 'Microsoft.ML.OnnxRuntime.Gpu.Linux' : undefined;
}
