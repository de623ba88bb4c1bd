// For vitest: a line of JSON on file descriptor 3 for the files that will run, and for each that has.
import { writeSync } from 'node:fs';
import path from 'node:path';

const say = (value) => writeSync(3, `${JSON.stringify(value)}\n`);
const named = (file) => path.relative(process.cwd(), file);
const firstLine = (text = '') => text.trimStart().split('\n', 1)[0];

export default class {
  onTestRunStart(specifications) {
    say({ files: specifications.map(({ moduleId }) => named(moduleId)) });
  }

  onTestModuleEnd(module) {
    const file = named(module.moduleId);
    const failures = module.errors().map(({ message }) => ({ name: file, note: firstLine(message) }));
    let passed = 0;
    for (const test of module.children.allTests()) {
      const { state, errors } = test.result();
      if (state === 'passed') passed += 1;
      if (state === 'failed')
        failures.push({ name: `${file}: ${test.fullName}`, note: firstLine(errors?.[0]?.message) });
    }
    for (const suite of module.children.allSuites())
      for (const { message } of suite.errors())
        failures.push({ name: `${file}: ${suite.fullName}`, note: firstLine(message) });
    say({ file, passed, failures, seconds: module.diagnostic().duration / 1000 });
  }
}
