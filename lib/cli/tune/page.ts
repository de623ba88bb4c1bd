// What was measured, as one HTML page that needs nothing else.

import { ms, rate } from './advice.js';
import { chart, colours, escaped, number, type Series } from './chart.js';
import { type Measured, type MeasuredPoint, microsPerRow, type TunedFile } from './file.js';
import { columnsOf, notesOf, rowsOf } from './table.js';

export function pageOf({ measured }: TunedFile): string {
  const { advice, model, machine, by, date, input, sloMicros, alone } = measured;
  const limit = { y: sloMicros / 1000, name: `SLO ${ms(sloMicros / 1000)}` };
  const rows = rowsOf(measured).map(
    ([name, ...cells]) =>
      `<tr${name === advice.setup ? ' class="chosen"' : ''}><th scope="row">${escaped(name!)}</th>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`,
  );
  const head = columnsOf(measured)
    .map((column) => `<th scope="col">${column}</th>`)
    .join('');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(model.file)}: tensorlane tune</title>
<style>${style()}</style></head><body><main>
<h1>${escaped(model.file)}</h1>
<p class="advice">${advice.sentences.map(escaped).join(' ')}</p>
<p>${escaped(by)}, ${date.slice(0, 16).replace('T', ' ')} UTC, on ${escaped(machine.cpu)}, ${machine.cores} cores, ${escaped(machine.device)}. Requests: ${escaped(input)}.${alone === undefined ? '' : ` They share no batches: ${escaped(alone)}.`}</p>
<h2>Ways to serve it</h2>
<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>
<ul class="notes">${notesOf(measured)
    .map((note) => `<li>${escaped(note)}</li>`)
    .join('')}</ul>
<h2>Throughput against latency</h2>
<p>Callers that ask again when they are answered: 1, 2, 4 and so on to 64 along each line.</p>
${chart(series(measured, isClosed), { x: 'answers a second', y: 'p99, ms', limit })}
<h2>Latency against load</h2>
<p>Requests at random times (Poisson), whatever became of those before.</p>
${chart(series(measured, isPoisson), { x: 'requests a second', y: 'p99, ms', limit })}
<h2>Rows a second by rows, batches at once and threads</h2>
${surfaces(measured)}
</main></body></html>
`;
}

const isClosed = ({ load }: MeasuredPoint) => 'callers' in load;
const isPoisson = ({ load }: MeasuredPoint) => 'arrivals' in load && load.arrivals === 'poisson';

function series({ setups }: Measured, wanted: (point: MeasuredPoint) => boolean): Series[] {
  return setups.map(({ name, points }) => ({
    name,
    points: points.filter(wanted).map(({ load, throughput, p50, p99, lost, requests }) => ({
      x: 'rate' in load ? load.rate : throughput,
      y: p99,
      told: `${name}, ${'callers' in load ? `${load.callers} callers` : `${rate(load.rate)} requests/s`}: ${rate(throughput)} answers/s, p50 ${ms(p50)}, p99 ${ms(p99)}, ${lost} of ${requests} lost`,
    })),
  }));
}

/** A table for each number of threads; the more rows a second, the darker. */
function surfaces({ cells }: Measured): string {
  const perSecond = (cell: (typeof cells)[number]) => 1e6 / microsPerRow(cell);
  const most = Math.max(...cells.map(perSecond));
  const distinct = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b);
  const sizes = distinct(cells.map(({ rows }) => rows));
  const lanes = distinct(cells.map(({ atOnce }) => atOnce));
  return distinct(cells.map(({ threads }) => threads))
    .map((threads) => {
      const rows = lanes.map((atOnce) => {
        const tds = sizes.map((rows) => {
          const cell = cells.find((one) => one.rows === rows && one.atOnce === atOnce && one.threads === threads);
          if (cell === undefined) return '<td>-</td>';
          const share = perSecond(cell) / most;
          return `<td style="--share:${Math.round(share * 100)}%">${number(perSecond(cell))}</td>`;
        });
        return `<tr><th scope="row">${atOnce} at once</th>${tds.join('')}</tr>`;
      });
      const head = sizes.map((rows) => `<th scope="col">${rows}</th>`).join('');
      return `<div class="wide"><table class="surface"><caption>${threads === 1 ? 'One thread a run' : `Up to ${threads} threads a run`}</caption><thead><tr><th>rows</th>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
    })
    .join('');
}

function style(): string {
  const lines = colours.map(
    (colour, i) => `polyline.s${i}{stroke:${colour}}circle.s${i}{fill:${colour}}span.s${i}{background:${colour}}`,
  );
  return `:root{color-scheme:light dark;--ink:light-dark(#1a1a19,#f0efec);--soft:light-dark(#6b6a65,#a3a29c);--grid:light-dark(#e3e2de,#3a3a37);--fill:light-dark(#cde2fb,#184f95)}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);margin:0}main{max-width:760px;margin:0 auto;padding:24px 16px}
h1{font-size:22px}h2{font-size:17px;margin-top:32px}.advice{font-size:17px}.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin-bottom:12px}th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th:first-child{text-align:left}th{font-weight:500}.chosen{background:var(--fill)}.surface td{background:color-mix(in srgb,var(--fill) var(--share,0%),transparent)}
caption{text-align:left;color:var(--soft)}.notes{color:var(--soft);font-size:13px;padding-left:18px}
svg{width:100%;height:auto}polyline{fill:none;stroke-width:2}.grid{stroke:var(--grid)}.limit{stroke:var(--soft);stroke-dasharray:5 4}
.tick,.axis{fill:var(--soft);font-size:12px}.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px}
.legend span{display:inline-block;width:12px;height:12px;border-radius:6px;margin-right:6px;vertical-align:-1px}
${lines.join('')}`;
}
