// The options of operations: the stream that each of them takes, beside its own.

import { namesOf, plainObject, refuseUnknown } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { Stream } from './streams.js';

export interface OperationOptions {
  /** The stream to run on; by default whichever is free. */
  stream?: Stream | undefined;
}

const noneOfItsOwn = namesOf<OperationOptions>({ stream: true });

/** The options as they were given, none of which is unknown. Errors: ERR_ARGUMENT. */
export function checkOptions<O extends OperationOptions>(options: O, what: string, names = noneOfItsOwn): O {
  refuseUnknown(plainObject(`${what}: options`, options), names, what);
  if (options.stream === undefined || options.stream instanceof Stream) return options;
  throw new TensorlaneError('ERR_ARGUMENT', `${what}: stream must be a stream acquired from device.streams`);
}
