// Charts as SVG, drawn by ECharts without a browser: what they have in common. The same figures give the same picture.

import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

echarts.use([GridComponent, LegendComponent, LineChart, SVGRenderer, TitleComponent]);

// Told apart by those who do not see red and green alike, on white as well as on a dark page's white card.
export const COLOURS = ['#5b3fd6', '#e08a3c', '#6b6875', '#2f9255', '#c0322b'] as const;
export const [OURS, OTHER] = COLOURS;
export const INK = '#1d1c21';
export const QUIET = '#6b6875';
export const LINE = '#e5e2da';

export const axis = {
  axisLine: { show: false },
  axisTick: { show: false },
  axisLabel: { color: QUIET, fontSize: 12 },
  splitLine: { lineStyle: { color: LINE } },
  nameTextStyle: { color: QUIET, fontSize: 12 },
};

export const titleStyle = { fontSize: 14, fontWeight: 500, color: INK } as const;

export function drawSvg(height: number, option: echarts.EChartsCoreOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 860, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: { fontFamily: 'system-ui, sans-serif', color: INK },
      ...option,
    });
    // ECharts' own names count the charts drawn so far.
    const names = new Map<string, string>();
    return chart.renderToSVGString().replace(/\bzr\d+-(cls-|c)\d+/g, (name) => {
      const stable = names.get(name) ?? `n${names.size}`;
      names.set(name, stable);
      return stable;
    });
  } finally {
    chart.dispose();
  }
}
