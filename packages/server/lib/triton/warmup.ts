// The runs that a config.pbtxt has a model warmed up with, before it takes requests.

import path from 'node:path';
import { type Feeds, type Model, type Tensor, TensorlaneError, type ValueInfo } from 'tensorlane';
import { wrongOption } from '../core/options.js';
import { type FoundConfig, warmupFolder } from '../repository/config.js';
import { dataOf } from './data.js';

/** More runs than any warm-up needs. */
const mostRuns = 1000;

/** `others`: one row of what is no client's to give. Errors: ERR_ARGUMENT; those of `model.run`. */
export async function warmUp(
  { config, folder, root }: FoundConfig,
  model: Model,
  others: Readonly<Record<string, Tensor>>,
): Promise<void> {
  for (const { name, batch_size: batch, count, inputs } of config.model_warmup) {
    const what = `model_warmup '${name}'`;
    if (count > mostRuns) throw wrongOption(`${what}: count is ${count}; ${mostRuns} are the most`);
    if (batch > Math.max(1, config.max_batch_size)) {
      throw wrongOption(`${what}: batch_size ${batch} is above max_batch_size, ${config.max_batch_size}`);
    }
    const rows = config.max_batch_size > 0 ? [batch || 1] : [];
    const feeds: Record<string, Tensor> = { ...others };
    for (const [input, source] of Object.entries(inputs)) {
      const reshape = config.input.find((one) => one.name === input)?.reshape;
      const dims = [...rows, ...(reshape && !source.dims.includes(-1) ? reshape.shape : source.dims)];
      const file = source.input_data_file;
      feeds[input] = await dataOf(
        `${what}: '${input}'`,
        { ...source, file },
        dims,
        root,
        path.join(folder, warmupFolder),
      );
    }
    requireInputs(what, model.inputs, feeds);
    try {
      for (let run = 0; run < Math.max(1, count); run++) await model.run(feeds as Feeds);
    } catch (cause) {
      if (!(cause instanceof TensorlaneError)) throw cause;
      throw new TensorlaneError(cause.code, `${what} failed: ${cause.message}`, { cause });
    }
  }
}

function requireInputs(what: string, inputs: readonly ValueInfo[], feeds: Readonly<Record<string, Tensor>>): void {
  const missing = inputs.find(({ name, type }) => feeds[name] === undefined && type !== 'optional');
  if (missing !== undefined) throw wrongOption(`${what} has no input '${missing.name}'`);
}
