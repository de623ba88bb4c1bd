// Parts of the tests in a row, told line by line, and summed up.
//
// A part is { name, build?, run }. Builds go on one after another in the order of the parts, giving way to what runs; a part runs
// when its build is done and the one before it has run. Both get a function that prints a line under the part's name.

/** Resolves to whether all passed, after the sum has been printed. */
export async function runParts(parts) {
  const began = performance.now();
  const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(0)} s`;
  const say = (name) => (line) => console.log(`[${name}] ${line}`);

  let builds = Promise.resolve();
  const built = parts.map(({ name, build }) => {
    const report = say(name);
    builds = builds.then(async () => {
      if (!build) return;
      const started = performance.now();
      report('building ...');
      await build(report);
      report(`built (${seconds(started)})`);
    });
    const done = builds;
    // A build that failed is told by its part; the next ones are tried all the same.
    builds = done.catch(() => {});
    return done.then(
      () => undefined,
      (error) => error,
    );
  });

  const results = [];
  for (const [i, { name, run }] of parts.entries()) {
    const report = say(name);
    const problem = await built[i];
    const started = performance.now();
    let result = { passed: 0, failures: ['not built'] };
    if (problem) {
      report(problem.message);
    } else {
      report(`part ${i + 1} of ${parts.length} runs (${seconds(began)} since the start)`);
      result = await run(report);
    }
    results.push({ name, time: seconds(started), ...result });
    report(`${result.passed} passed, ${result.failures.length} failed (${seconds(started)})`);
  }

  console.log();
  for (const { name, time, passed, failures } of results)
    console.log(`${name.padEnd(50)} ${time.padStart(6)}  ${passed} passed, ${failures.length} failed`);
  console.log(`${'in all, with what was built meanwhile'.padEnd(50)} ${seconds(began).padStart(6)}`);
  console.log();
  const failures = results.flatMap((part) => part.failures.map((failure) => `${part.name}: ${failure}`));
  const passed = results.reduce((total, part) => total + part.passed, 0);
  for (const failure of failures) console.log(`failed: ${failure}`);
  console.log(`${passed} passed, ${failures.length} failed`);
  return failures.length === 0 && passed > 0;
}
