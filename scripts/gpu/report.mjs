// What run.mjs measured, in Markdown: targets first, then every figure beside its contenders', then the kernels.

export function markdown(report) {
  const { device } = report;
  const every = (key) => Object.values(report.parts).flatMap((part) => part[key]);
  const facts = [
    report.date.slice(0, 10),
    report.gpu.driver && `driver ${report.gpu.driver}`,
    report.gpu.memory,
    device?.computeCapability && `compute capability ${device.computeCapability}`,
    device?.driver && `CUDA ${device.driver} driver, ${device.runtime} runtime`,
    device?.library,
    `Node ${report.node}`,
    report.packed.commit && `commit ${report.packed.commit}`,
    report.packed.built,
  ];
  const failed = every('checks').filter(({ ok }) => !ok);
  const sections = [
    `# ${report.gpu.name}`,
    report.packed.emulated &&
      'Measured on the emulated device, which shows that the checks work: **no figure here is a GPU’s**.',
    report.short && 'A short run, on small matrices: it shows that everything runs, and is nothing to judge by.',
    `${facts.filter(Boolean).join(', ')}. ${report.passed} checks passed, ${report.failed} failed (${parts(report)}).`,
    targets(every('figures')),
    figures(every('figures')),
    kernels(every('kernels')),
    [
      ...failed.map(({ name, note }) => `- failed: ${name}${note ? ` (${note})` : ''}`),
      ...every('skipped').map(({ what, why }) => `- skipped: ${what}, because ${why}`),
    ].join('\n'),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

/** What was run, and what was not. */
const parts = (report) =>
  ['tests', 'sanitizer', 'bench']
    .map((name) => (report.parts[name] ? `${name}: ${report.parts[name].seconds} s` : `${name}: not run`))
    .join(', ');

const shown = (value) =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));

function table(head, rows) {
  if (rows.length === 0) return '';
  const line = (fields) => `| ${fields.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

function targets(all) {
  const rows = all.filter(({ target }) => target !== undefined);
  return table(
    ['', 'measured', 'target', ''],
    rows.map(({ name, unit, value, lower, target }) => [
      name,
      `${shown(value)} ${unit}`,
      `${lower ? '<=' : '>='} ${target} ${unit}`,
      (lower ? value <= target : value >= target) ? 'met' : '**missed**',
    ]),
  );
}

/** A row for what was measured, a column for each contender, the best one in bold. */
function figures(all) {
  const measured = all.filter(({ target }) => target === undefined);
  const contenders = [...new Set(measured.map(({ contender }) => contender))];
  const names = [...new Set(measured.map(({ name }) => name))];
  return table(
    ['', ...contenders],
    names.map((name) => {
      const rows = measured.filter((row) => row.name === name);
      const best = rows.map(({ value }) => value).sort((a, b) => (rows[0].lower === false ? b - a : a - b))[0];
      const cells = contenders.map((contender) => {
        const value = rows.find((row) => row.contender === contender)?.value;
        if (value === undefined) return '';
        return value === best && rows.length > 1 ? `**${shown(value)}**` : shown(value);
      });
      return [`${name}, ${rows[0].unit}`, ...cells];
    }),
  );
}

function kernels(all) {
  return table(
    ['kernel', 'us', 'GB/s', 'of a copy'],
    all.map(({ kernel, shape, us, gb_per_s, of_copy }) => [
      `${kernel}, ${shape}`,
      shown(us),
      shown(gb_per_s),
      `${Math.round(of_copy * 100)} %`,
    ]),
  );
}
