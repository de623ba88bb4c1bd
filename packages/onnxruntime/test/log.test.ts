// What ONNX Runtime's log tells of single runs, beside onnxruntime-node itself.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runNode } from '../../../test/support/processes.js';
import { folderOfModels } from './models.js';

const path = join(folderOfModels(), 'reshape.onnx');

/** Severity, logger and message of the lines about a run that fails, without when and where. */
async function linesOf(name: string, session: object, run: object): Promise<string[]> {
  const script = `
    const ort = require(${JSON.stringify(name)});
    ort.env.logLevel = 'fatal';
    const x = new ort.Tensor('float32', [1, 2, 3], [3]);
    const shape = new ort.Tensor('int64', [2n, 2n], [2]);
    (async () => {
      const session = await ort.InferenceSession.create(${JSON.stringify(path)}, ${JSON.stringify(session)});
      await session.run({ x, shape }, ${JSON.stringify(run)}).catch(() => {});
    })();`;
  const { code, stderr } = await runNode(['--eval', script]);
  expect(code, stderr).toBe(0);
  return [...stderr.matchAll(/\[([VIWEF]):onnxruntime:([^,]*), [^\]]*\] (.*)/g)]
    .filter(([, , , message]) => message!.includes('Reshape'))
    .map(([, severity, logger, message]) => `${severity} ${logger} ${message}`);
}

test.each([
  [{}, { logSeverityLevel: 0, tag: 'our-run' }, ['E our-run']],
  [{ logSeverityLevel: 3, logId: 'ours' }, { tag: 'our-run' }, ['E ours:our-run']],
  [{ logSeverityLevel: 3 }, {}, ['E ']],
  [{ logSeverityLevel: 3 }, { logSeverityLevel: 3 }, ['E ']],
  [{ logSeverityLevel: 3 }, { logSeverityLevel: 4 }, []],
  [{}, { tag: 'our-run' }, []],
])('a session of %j and a run of %j', async (session, run, expected) => {
  const [theirs, ours] = await Promise.all(
    ['onnxruntime-node', '@tensorlane/onnxruntime'].map((name) => linesOf(name, session, run)),
  );
  expect(theirs!.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual(expected);
  expect(ours).toEqual(theirs);
});
