// How many times as fast as numpy the suite `linalg` found each batch of small matrices, and what it must be.

import { BarChart } from 'echarts/charts';
import { use } from 'echarts/core';
import type { Figure } from './suite.js';
import { axis, drawSvg, INK, OTHER, OURS, titleStyle } from './svg.js';

use([BarChart]);

const BAR = 24;

export function drawSpeeds(figures: readonly Figure[]): string {
  // From below upwards, as the axis counts.
  const shown = figures.toReversed();
  const described = 'Batches of small matrices: times as fast as numpy';
  return drawSvg(88 + BAR * shown.length, {
    title: { text: described, left: 12, top: 8, textStyle: titleStyle },
    legend: { top: 6, right: 20, icon: 'circle', itemGap: 24, data: ['tensorlane', 'must'] },
    aria: { enabled: true, label: { description: described } },
    grid: { left: 260, right: 44, top: 44, bottom: 36 },
    xAxis: { type: 'log', min: 0.5, ...axis },
    yAxis: {
      type: 'category',
      data: shown.map(({ name }) => name.replace(/, numpy$/, '')),
      ...axis,
      axisLabel: { ...axis.axisLabel, color: INK },
    },
    series: [
      {
        type: 'bar',
        name: 'tensorlane',
        color: OURS,
        silent: true,
        barWidth: BAR / 2,
        label: {
          show: true,
          position: 'right',
          color: INK,
          formatter: ({ value }: { value: number }) => value.toPrecision(2),
        },
        data: shown.map(({ median }) => median),
      },
      {
        type: 'line',
        name: 'must',
        color: OTHER,
        silent: true,
        symbol: 'rect',
        symbolSize: [3, BAR * 0.75],
        lineStyle: { width: 0 },
        data: shown.map(({ target }) => target?.value ?? null),
      },
    ],
  });
}
