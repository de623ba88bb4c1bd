// Runs one client on whatever answers to the name onnxruntime-node here, and prints what it computed: node main.mjs NAME FIXTURES.
import { createRequire } from 'node:module';

const [, , name, fixtures] = process.argv;
const { default: run } = await import(`./${name}.mjs`);
const { exact, close } = await run(fixtures);
const by = createRequire(import.meta.url)('onnxruntime-node/package.json').name;
// Some of them keep their process alive.
process.stdout.write(`\n${JSON.stringify({ by, exact, close: Array.from(close) })}\n`, () => process.exit(0));
