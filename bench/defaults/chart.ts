// How the default came to where it is: answers a second from the moment that a model was loaded, beside the best fixed setting, which
// somebody would have had to find. Drawn of what the suite `defaults` keeps in the results file.

import { axis, drawSvg, OTHER, OURS, titleStyle } from '../svg.js';
import type { Course } from './course.js';

const HEIGHT = 260;

/** Answers of single spans jump about; so many of them are averaged. */
const SPANS = 5;

interface Line {
  readonly learned: readonly [seconds: number, perSecond: number][];
  readonly best: readonly [seconds: number, perSecond: number][];
}

/** Both lines over the whole course, whose phases follow each other. */
export function lines({ spanMs, phases }: Course): Line {
  const learned: [number, number][] = [];
  const best: [number, number][] = [];
  let begun = 0;
  for (const phase of phases) {
    const at = (span: number) => ((begun + span) * spanMs) / 1000;
    for (let from = 0; from < phase.answers.length; from += SPANS) {
      const spans = phase.answers.slice(from, from + SPANS);
      const sum = spans.reduce((total, count) => total + count, 0);
      learned.push([at(from + spans.length / 2), (sum / (spans.length * spanMs)) * 1000]);
    }
    best.push([at(0), phase.best], [at(phase.answers.length), phase.best]);
    begun += phase.answers.length;
  }
  return { learned, best };
}

/** A picture each, one above the other, as one SVG. */
export function drawCourses(courses: Readonly<Record<string, Course>>): string {
  const names = Object.keys(courses);
  return drawSvg(HEIGHT * names.length, {
    legend: { top: 6, right: 20, icon: 'circle', data: ['default', 'best fixed setting'] },
    title: names.map((name, i) => ({
      text: `${name}: ${(courses[name] as Course).phases.map(({ callers }) => callers).join(', then ')} callers`,
      left: 12,
      top: HEIGHT * i + 8,
      textStyle: titleStyle,
    })),
    grid: names.map((_, i) => ({ left: 64, right: 20, top: HEIGHT * i + 56, height: HEIGHT - 104 })),
    xAxis: names.map((_, gridIndex) => ({
      type: 'value' as const,
      gridIndex,
      max: 'dataMax',
      ...axis,
      splitLine: { show: false },
      name: 'seconds since the model was loaded',
      nameLocation: 'middle' as const,
      nameGap: 26,
    })),
    yAxis: names.map((_, gridIndex) => ({
      type: 'value' as const,
      gridIndex,
      ...axis,
      name: 'answers a second',
      nameTextStyle: { ...axis.nameTextStyle, align: 'left' as const },
    })),
    series: names.flatMap((name, index) => {
      const { learned, best } = lines(courses[name] as Course);
      const common = { type: 'line' as const, xAxisIndex: index, yAxisIndex: index, symbol: 'none', silent: true };
      return [
        {
          ...common,
          name: 'best fixed setting',
          color: OTHER,
          lineStyle: { type: 'dashed' as const },
          data: [...best],
        },
        { ...common, name: 'default', color: OURS, data: [...learned] },
      ];
    }),
  });
}
