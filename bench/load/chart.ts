// Latency against load as a chart (SVG) and as a page that holds the chart and its table.

import { axis, COLOURS, drawSvg, INK, LINE, QUIET } from '../svg.js';
import type { Summary } from './summary.js';

export interface LoadPoint {
  /** Requests a second that were asked for. */
  readonly rate: number;
  readonly summary: Summary;
  readonly sustained: boolean;
  /** Rows of a batch on average, where that is known. */
  readonly rowsPerBatch?: number;
}

export interface LoadSeries {
  readonly name: string;
  /** In ascending order of the rate. */
  readonly points: readonly LoadPoint[];
}

export interface LoadChart {
  readonly title: string;
  /** What has to be known to judge it: the model, the machine, how long each point was measured. */
  readonly notes: readonly string[];
  readonly series: readonly LoadSeries[];
}

const milliseconds = (value: number): string => (value >= 1000 ? `${value / 1000} s` : `${value} ms`);

/** Of the rates, those that have room for a label each: an axis has for about fourteen. */
function apart(rates: readonly number[]): number[] {
  const sorted = rates.toSorted((a, b) => a - b);
  const step = ((sorted.at(-1) ?? 1) / (sorted[0] ?? 1)) ** (1 / 14);
  const kept: number[] = [];
  for (const rate of sorted) if (rate >= step * (kept.at(-1) ?? 0)) kept.push(rate);
  return kept;
}

/** p50 as lines, p95 dashed; the points of a rate that was not sustained are hollow. */
export function drawChart({ title, series }: LoadChart): string {
  const rates = series.flatMap(({ points }) => points.map(({ rate }) => rate));
  return drawSvg(460, {
    legend: {
      top: 8,
      left: 12,
      itemGap: 20,
      icon: 'circle',
      selectedMode: false,
      data: series.map(({ name }) => name),
      textStyle: { color: INK, fontSize: 13 },
    },
    grid: { left: 64, right: 28, top: 72, bottom: 52 },
    aria: { enabled: true, label: { description: title } },
    xAxis: {
      type: 'log',
      min: Math.min(...rates) * 0.9,
      max: Math.max(...rates) * 1.1,
      name: 'requests a second',
      nameLocation: 'middle',
      nameGap: 30,
      ...axis,
      axisLabel: { ...axis.axisLabel, customValues: apart(rates) },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'log',
      name: 'p50; dashed: p95; hollow: a rate that was not sustained',
      ...axis,
      nameTextStyle: { ...axis.nameTextStyle, align: 'left' },
      axisLabel: { ...axis.axisLabel, formatter: milliseconds },
    },
    series: series.flatMap(({ name, points }, index) => {
      const colour = COLOURS[index % COLOURS.length] as string;
      return (['p50', 'p95'] as const).map((which) => ({
        type: 'line' as const,
        name: which === 'p50' ? name : `${name}, p95`,
        color: colour,
        silent: true,
        emphasis: { disabled: true },
        symbol: 'circle',
        symbolSize: 7,
        lineStyle: { color: colour, width: 2, type: which === 'p50' ? ('solid' as const) : ('dashed' as const) },
        data: points.map(({ rate, summary, sustained }) => ({
          value: [rate, summary.latencyMs[which]],
          itemStyle: { color: sustained ? colour : '#ffffff', borderColor: colour, borderWidth: 1.5 },
        })),
      }));
    }),
  });
}

const inHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }[char]};`);

const figure = (value: number): string =>
  Number.isFinite(value) ? value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0) : '-';

/** The columns of the table: of the page, and of whoever prints it. */
export const COLUMNS = ['', 'offered /s', 'achieved /s', 'p50 ms', 'p95 ms', 'p99 ms', 'p99.9 ms'].concat([
  'no answer',
  'failed',
  'shed',
  'rows a batch',
  'sender late, p99 ms',
  'sustained',
]);

export function tableRows(series: readonly LoadSeries[]): string[][] {
  return series.flatMap(({ name, points }) =>
    points.map(({ summary, sustained, rowsPerBatch }) => {
      const { offered, achieved, latencyMs, counts, sender } = summary;
      return [
        name,
        ...[offered, achieved, latencyMs.p50, latencyMs.p95, latencyMs.p99, latencyMs.p999].map(figure),
        ...[counts.unanswered + counts.unsent, counts.failed, counts.shed].map(String),
        rowsPerBatch === undefined ? '' : figure(rowsPerBatch),
        `${figure(sender.lateP99)}${sender.tooLate ? ' (the load program was the bottleneck)' : ''}`,
        sustained ? 'yes' : 'no',
      ];
    }),
  );
}

export function drawPage(chart: LoadChart): string {
  const cells = (tag: string, row: readonly string[]) => row.map((cell) => `<${tag}>${inHtml(cell)}</${tag}>`).join('');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${inHtml(chart.title)}</title><style>
body { margin: 32px auto; padding: 0 20px; max-width: 1100px; color: ${INK}; font: 15px/1.5 system-ui, sans-serif; background: #fff; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-top: 20px; }
th, td { text-align: right; padding: 3px 10px; border-bottom: 1px solid ${LINE}; }
th { color: ${QUIET}; font-weight: 500; } th:first-child, td:first-child { text-align: left; }
.notes { color: ${QUIET}; }
</style></head><body><h1>${inHtml(chart.title)}</h1>
${drawChart(chart)}
<p class="notes">Latency is counted from the time when a request was due. ${chart.notes.map(inHtml).join(' ')} A hollow point is a rate that was not
sustained: there latency grows for as long as the load lasts.</p>
<table><thead><tr>${cells('th', COLUMNS)}</tr></thead><tbody>
${tableRows(chart.series)
  .map((row) => `<tr>${cells('td', row)}</tr>`)
  .join('\n')}
</tbody></table></body></html>
`;
}
