// One result of more bytes than an array of V8's can hold, where that only shows when it is there. Prints how it ended, and the
// memory that is held then, in MiB.
import { constants } from 'node:buffer';
import { open, tensor } from 'tensorlane';

const [, , how, folder] = process.argv;
const device = await open({ device: 'cpu', streams: 1 });
const attempt = async (call) => {
  try {
    return `resolved: ${Object.keys((await call()) ?? {})}`;
  } catch (error) {
    return error.code;
  }
};
const held = () => {
  globalThis.gc();
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
};

if (how === 'model') {
  const model = await device.loadModel(`${folder}/expand.onnx`, {
    batching: false,
    session: { enableCpuMemArena: false },
  });
  const length = BigInt(constants.MAX_LENGTH) + 1n;
  const feeds = { x: tensor(Uint8Array.of(7), [1]), shape: tensor(BigInt64Array.of(length), [1]) };
  console.log(await attempt(() => model.run(feeds)), held() < 1024 ? 'freed' : `holds ${held()} MiB`);
  // It goes on, and on the device it has room.
  const { y } = await model.run({ ...feeds, shape: tensor(BigInt64Array.of(2n), [1]) });
  console.log(y.data.join());
} else {
  const side = Math.ceil(Math.sqrt(constants.MAX_LENGTH / 8)) + 1;
  const ones = new Float64Array(side).fill(1);
  const column = await device.put(tensor(ones, [side, 1]));
  const product = await device.linalg.matmul(column, tensor(ones, [1, side]));
  console.log(await attempt(() => product.get()), product.byteLength > constants.MAX_LENGTH);
  const part = product.slice(-1);
  console.log((await part.get()).data.at(-1));
  await Promise.all([part.dispose(), product.dispose(), column.dispose()]);
  console.log(held() < 1024 ? 'freed' : `holds ${held()} MiB`);
}
await device.dispose();
console.log('done');
