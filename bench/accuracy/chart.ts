// The relative errors of the singular values of graded matrices, the largest value first.

import { axis, drawSvg, OTHER, OURS, titleStyle } from '../svg.js';
import type { Told } from './page.js';

/** What no error is drawn below: a value may have every digit. */
const LEAST = 1e-18;
const DECADES = [0, 3, 6, 9, 12, 15, 18].map((decade) => 10 ** -decade);

export function drawValues(told: readonly Told[]): string {
  const graded = told.find((one) => one['numpy values'] !== undefined && one.case.type === 'float64');
  if (graded === undefined) throw new Error('no singular values of graded matrices were judged');
  const line = (name: string, color: string, values: readonly number[] = []) => ({
    type: 'line',
    name,
    color,
    symbolSize: 5,
    silent: true,
    data: values.map((value, i) => [i + 1, Math.max(value, LEAST)]),
  });
  const { n } = graded.case;
  const described = `Relative error of each singular value: ${n}x${n} float64, columns of scales from 1 to 1e-14`;
  return drawSvg(320, {
    title: { text: described, left: 12, top: 8, textStyle: titleStyle },
    legend: { top: 6, right: 20, icon: 'circle', itemGap: 24 },
    aria: { enabled: true, label: { description: described } },
    grid: { left: 64, right: 28, top: 56, bottom: 40 },
    xAxis: { type: 'value', min: 1, max: n, minInterval: 1, ...axis, splitLine: { show: false } },
    yAxis: {
      type: 'log',
      min: LEAST,
      max: 1,
      ...axis,
      axisLabel: { ...axis.axisLabel, customValues: DECADES, formatter: (value: number) => value.toExponential() },
    },
    series: [line('tensorlane', OURS, graded['tensorlane values']), line('numpy', OTHER, graded['numpy values'])],
  });
}
