// The charts, drawn to SVG text by ECharts without a browser. Colours are CSS variables of the page, so that the charts
// follow it between light and dark.

import { BarChart, LineChart, ScatterChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, MarkLineComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Row } from '../ocr/rows.js';
import type { Compression } from '../svd/compress.js';
import { type Findings, rowsOf } from './findings.js';
import { millis } from './terminal.js';

echarts.use([
  AriaComponent,
  BarChart,
  GridComponent,
  LegendComponent,
  LineChart,
  MarkLineComponent,
  ScatterChart,
  SVGRenderer,
]);

const INK = 'var(--ink)';
const QUIET = 'var(--quiet)';
const LINE = 'var(--line)';
const OURS = 'var(--ours)';
const OTHER = 'var(--other)';
const PEER = 'var(--peer)';
const SHADES = ['var(--shade-1)', 'var(--shade-2)', 'var(--shade-3)'];
const FONT = 'system-ui, sans-serif';

type Option = Parameters<echarts.ECharts['setOption']>[0];

function draw(width: number, height: number, option: Option): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: FONT, color: INK },
      ...option,
    });
    // Its own size is only the shape; the page decides how large it is shown.
    return chart.renderToSVGString().replace(/<svg width="\d+" height="\d+"/, `<svg width="100%" role="img"`);
  } finally {
    chart.dispose();
  }
}

const quietAxis = {
  axisLine: { show: false },
  axisTick: { show: false },
  axisLabel: { color: QUIET, fontSize: 12 },
  splitLine: { lineStyle: { color: LINE } },
  nameTextStyle: { color: QUIET, fontSize: 12 },
};
const legend = { top: 0, left: 0, itemWidth: 12, itemHeight: 12, itemGap: 16, textStyle: { color: INK, fontSize: 12 } };

const colour = (row: Row, { rows }: Findings): string =>
  row === rows.usual ? OURS : row === rows.peer || row === rows.workers ? PEER : OTHER;

/** Room for the rows' names: without a browser ECharts can only guess how wide a text will be. */
const NAMES = 144;
const inTwoLines = ({ name }: Row): string => name.replace(', ', '\n');

/** One horizontal bar a row, its figure at its end. */
function bars(findings: Findings, value: (row: Row) => number, show: (value: number) => string): string {
  const rows = rowsOf(findings);
  return draw(520, 280, {
    grid: { left: NAMES, right: 76, top: 4, bottom: 4 },
    xAxis: { type: 'value', show: false },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map(inTwoLines),
      ...quietAxis,
      axisLabel: { color: INK, fontSize: 13, lineHeight: 16 },
    },
    series: [
      {
        type: 'bar',
        barWidth: 22,
        data: rows.map((row) => ({
          value: value(row),
          itemStyle: { color: colour(row, findings), borderRadius: [0, 3, 3, 0] },
        })),
        label: {
          show: true,
          position: 'right',
          color: INK,
          fontSize: 13,
          formatter: ({ value: shown }: { value: unknown }) => show(Number(shown)),
        },
      },
    ],
  });
}

export const throughput = (findings: Findings): string =>
  bars(
    findings,
    (row) => row.measured.perSecond,
    (value) => value.toFixed(1),
  );

export const loopDelay = (findings: Findings): string =>
  bars(
    findings,
    (row) => row.measured.loop.p99,
    (value) => `${millis(value)} ms`,
  );

export function latency(findings: Findings): string {
  const rows = rowsOf(findings);
  const seconds = (value: number): string =>
    value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(0)} ms`;
  return draw(520, 330, {
    legend,
    grid: { left: NAMES, right: 24, top: 36, bottom: 26 },
    xAxis: { type: 'value', ...quietAxis, axisLabel: { ...quietAxis.axisLabel, formatter: seconds }, splitNumber: 4 },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map(inTwoLines),
      ...quietAxis,
      axisLabel: { color: INK, fontSize: 13, lineHeight: 16 },
    },
    series: (['p50', 'p95', 'p99'] as const).map((which, index) => ({
      type: 'bar',
      name: which,
      barWidth: 10,
      barGap: '20%',
      color: SHADES[index] as string,
      data: rows.map((row) => row.measured.latency[which]),
    })),
  });
}

/** How many items went into batches of each size, a bar a model. */
export function batchSizes({ rows }: Findings): string {
  const batches = Object.entries(rows.usual.batches ?? {});
  const sizes = [...new Set(batches.flatMap(([, map]) => [...map.keys()]))].sort((a, b) => a - b);
  return draw(520, 240, {
    legend,
    grid: { left: 36, right: 8, top: 56, bottom: 44 },
    xAxis: {
      type: 'category',
      data: sizes.map(String),
      name: 'items in the batch',
      nameLocation: 'middle',
      nameGap: 28,
      ...quietAxis,
    },
    yAxis: {
      type: 'value',
      name: 'batches',
      ...quietAxis,
      nameTextStyle: { ...quietAxis.nameTextStyle, align: 'left' },
      minInterval: 1,
      splitNumber: 4,
    },
    series: batches.map(([model, map], index) => ({
      type: 'bar',
      name: model,
      stack: 'batches',
      barMaxWidth: 26,
      color: SHADES[index % SHADES.length] as string,
      data: sizes.map((size) => map.get(size) ?? 0),
    })),
  });
}

export function singularValues({ singularValues: channels, results }: Compression): string {
  const names = ['red', 'green', 'blue'];
  return draw(520, 260, {
    legend: { ...legend, icon: 'rect', itemHeight: 3 },
    grid: { left: 52, right: 20, top: 40, bottom: 44 },
    xAxis: {
      type: 'log',
      min: 1,
      max: channels[0]?.length ?? 1,
      name: 'which singular value',
      nameLocation: 'middle',
      nameGap: 28,
      ...quietAxis,
    },
    yAxis: { type: 'log', ...quietAxis, axisLabel: { ...quietAxis.axisLabel, formatter: power } },
    series: channels.map((values, index) => ({
      type: 'line',
      name: names[index] ?? '',
      color: `var(--${names[index]})`,
      lineStyle: { color: `var(--${names[index]})`, width: 2 },
      showSymbol: false,
      // The last values are rounding noise, or 0, for which a logarithmic axis has no place.
      data: Array.from(values, (value, k) => [k + 1, value]).filter(([, value]) => (value ?? 0) >= 1),
      ...(index === 0 && {
        markLine: {
          silent: true,
          symbol: 'none',
          lineStyle: { color: QUIET, type: 'dashed', width: 1 },
          label: { color: QUIET, fontSize: 11, formatter: ({ value }: { value: unknown }) => String(value) },
          data: results.map(({ rank }) => ({ xAxis: rank })),
        },
      }),
    })),
  });
}

/** Quality against size: each rank one point. */
export function quality({ results }: Compression): string {
  return draw(520, 260, {
    grid: { left: 36, right: 48, top: 36, bottom: 44 },
    xAxis: {
      type: 'value',
      min: 0,
      name: "numbers stored, as a share of the original's",
      nameLocation: 'middle',
      nameGap: 28,
      ...quietAxis,
      axisLabel: { ...quietAxis.axisLabel, formatter: (value: number) => `${Math.round(value * 100)} %` },
    },
    yAxis: {
      type: 'value',
      name: 'PSNR, dB',
      min: ({ min }: { min: number }) => Math.floor(min / 5 - 0.3) * 5,
      ...quietAxis,
      nameTextStyle: { ...quietAxis.nameTextStyle, align: 'left' },
    },
    series: [
      {
        type: 'line',
        color: OURS,
        lineStyle: { color: OURS, width: 2 },
        symbol: 'circle',
        symbolSize: 9,
        itemStyle: { color: OURS },
        data: results.map(({ share, psnr, rank }) => ({ value: [share, psnr], name: `rank ${rank}` })),
        label: { show: true, position: 'bottom', distance: 8, color: INK, fontSize: 12, formatter: '{b}' },
      },
    ],
  });
}

const power = (value: number): string =>
  value >= 1e6 ? `${value / 1e6} M` : value >= 1000 ? `${value / 1000} k` : String(value);
