// In Jest's realm, which has typed arrays of its own.
const { join } = require('node:path');
const ort = require('onnxruntime-node');

test('a session runs', async () => {
  const session = await ort.InferenceSession.create(join(process.env.FIXTURES, 'models', 'vit', 'onnx', 'model.onnx'));
  const pixels = new ort.Tensor('float32', new Float32Array(3 * 32 * 32).fill(0.5), [1, 3, 32, 32]);
  const { logits } = await session.run({ pixel_values: pixels });
  expect(logits).toBeInstanceOf(ort.Tensor);
  expect(logits.data).toBeInstanceOf(Float32Array);
  expect(logits.dims).toEqual([1, 5]);
  await session.release();
});
