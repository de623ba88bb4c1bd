// Images as they are decoded, bytes of [n, h, w, c], and how they become what vision models take.

import { addon } from '../addon/load.js';
import { flag, namesOf, requiredWholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { checkOperand, type Operand } from '../runtime/operands.js';
import { checkStoppable, type StoppableOptions } from '../runtime/out.js';

export interface ImageOptions extends StoppableOptions {
  /** Of the result; by default the images' own. */
  height?: number | undefined;
  /** Of the result; by default the images' own. */
  width?: number | undefined;
  /** What a pixel is multiplied by: 1/255 by default. */
  scale?: number | undefined;
  /** What is then subtracted, of all channels or of each: 0 by default. */
  mean?: number | readonly number[] | undefined;
  /** What the difference is then divided by, of all channels or of each: 1 by default. */
  std?: number | readonly number[] | undefined;
  /** Whether the first and the third channel change places, before `mean` and `std`: BGR from RGB, and the other way round. */
  swapRedBlue?: boolean | undefined;
}

const imageNames = namesOf<ImageOptions>({
  ...{ height: true, width: true, scale: true, mean: true, std: true, swapRedBlue: true },
  ...{ signal: true, stream: true },
});

/** Images, and what is to be done with them. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkImages(images: unknown, options: ImageOptions) {
  const what = 'imageToTensor';
  const where = checkStoppable(options, what, imageNames);
  const { scale = 1 / 255, mean = 0, std = 1, ...others } = options;
  const operand = checkOperand(images, what);
  const { type, dims } = operand;
  if (type !== 'uint8') throw new TensorlaneError('ERR_DTYPE', `${what}: expected images of uint8, not ${type}`);
  const { imageChannels, imageSide } = addon().limits;
  const [batch, height, width, channels] = dims as [number, number, number, number];
  const isImage = dims.length === 4 && Math.min(height, width, channels) >= 1 && channels <= imageChannels;
  if (!isImage) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `${what}: expected images of [n, h, w, c] with 1 to ${imageChannels} channels, got dims [${dims.join(', ')}]`,
    );
  }
  const swapRedBlue = flag(`${what}: swapRedBlue`, others.swapRedBlue, false);
  if (swapRedBlue && channels < 3) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: swapRedBlue needs images of at least 3 channels, not of ${channels} channels`,
    );
  }
  const request = {
    ...{ batch, height, width, channels, swapRedBlue },
    toHeight: requiredWholeNumber(
      `${what}: height`,
      others.height === undefined ? height : others.height,
      1,
      imageSide,
    ),
    toWidth: requiredWholeNumber(`${what}: width`, others.width === undefined ? width : others.width, 1, imageSide),
    scale: perChannel(scale, 1, `${what}: scale`)[0]!,
    mean: perChannel(mean, channels, `${what}: mean`),
    std: perChannel(std, channels, `${what}: std`),
  };
  if (request.std.includes(0)) throw new TensorlaneError('ERR_ARGUMENT', `${what}: std must not be 0, as it divides`);
  // By its name: what is declared of it is of this compiler's time otherwise, and older ones refuse it.
  return { operand: operand as Operand, request, where };
}

/** A finite number for each channel, from one for all of them or one for each. Errors: ERR_ARGUMENT. */
function perChannel(value: unknown, channels: number, what: string): number[] {
  const numbers: readonly unknown[] = Array.isArray(value) ? value : Array<unknown>(channels).fill(value);
  if (numbers.length === channels && numbers.every((one) => Number.isFinite(one))) return [...numbers] as number[];
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `${what} must be a finite number, or one for each of the ${channels} channels, got ${shown(value)}`,
  );
}
