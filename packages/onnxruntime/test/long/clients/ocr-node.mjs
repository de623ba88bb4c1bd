// Tensors of the ES modules' onnxruntime-common, models of dynamic shapes in a chain, several pictures at once.
import { join } from 'node:path';
import Ocr from '@gutenye/ocr-node';

export default async function (fixtures) {
  const ocr = await Ocr.create();
  const read = () => ocr.detect(join(fixtures, 'page.png'));
  const pages = [await read(), ...(await Promise.all([read(), read(), read()]))];
  return {
    exact: pages.map((lines) => lines.map(({ text, box }) => [text, box])),
    close: pages.flatMap((lines) => lines.map(({ mean }) => mean)),
  };
}
