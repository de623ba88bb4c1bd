// The option `batching.graphs`, and what else of a model's options excludes it.

import type { ProviderRequest } from '../../binding.js';
import { ascendingIntegers } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';

/** What else of the options decides whether there can be graphs. */
export interface GraphSurroundings {
  readonly maxBatchSize: number;
  readonly cudaDevice: number | undefined;
  readonly providers: readonly ProviderRequest[];
  readonly parallel: boolean;
}

export const graphsOption = 'batching.graphs';
/** Providers' own switches for what `batching.graphs` does: ONNX Runtime would then record runs whose inputs lie elsewhere the next time. */
const ownSwitches = ['enable_cuda_graph', 'trt_cuda_graph_enable', 'nv_cuda_graph_enable'];

/** Errors: ERR_ARGUMENT. */
export function graphSizes(given: readonly number[] | undefined): readonly number[] | undefined {
  return ascendingIntegers(graphsOption, given);
}

/** Whether there can be graphs of these sizes. Errors: ERR_ARGUMENT. */
export function completeGraphs(
  sizes: readonly number[] | undefined,
  { maxBatchSize, cudaDevice, providers, parallel }: GraphSurroundings,
): readonly number[] | undefined {
  for (const { name: provider, options = [] } of providers) {
    const own = ownSwitches.find((key) => options.some((option, i) => i % 2 === 0 && option === key));
    if (own !== undefined)
      throw refused(`providers: '${provider}': ${own} is not to be given; ${graphsOption} is how graphs are recorded`);
  }
  if (sizes === undefined) return undefined;
  const most = sizes.at(-1)!;
  if (most > maxBatchSize) throw refused(`${graphsOption}: no batch has ${most} rows: maxBatchSize is ${maxBatchSize}`);
  if (cudaDevice === undefined)
    throw refused(`${graphsOption}: there are CUDA graphs on a CUDA device alone, and this is the CPU`);
  if (providers.every((one) => one.name === 'cpu'))
    throw refused(`${graphsOption}: the CPU is the only one of \`providers\``);
  if (parallel) throw refused(`${graphsOption} and session.executionMode 'parallel' exclude one another`);
  return sizes;
}

/** An error of the options. */
export function refused(message: string): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', message);
}
