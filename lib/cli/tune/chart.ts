// Lines in a plane as SVG, by itself: no script, no font, no file beside it.
//
// The rules it keeps: both axes start where it says and end at a round number; an axis of times is logarithmic, since what matters of them is
// how many times longer; a line is named in the legend, and each of its points tells its numbers when it is pointed at.

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly told: string }[];
}

export interface ChartOptions {
  readonly x: string;
  /** A logarithmic axis. */
  readonly y: string;
  /** A line across, such as a limit. */
  readonly limit?: { readonly y: number; readonly name: string };
}

const size = { width: 720, height: 360, left: 64, right: 16, top: 16, bottom: 48 };

export function chart(series: readonly Series[], { x, y, limit }: ChartOptions): string {
  const points = series.flatMap(({ points }) => points).filter(({ y }) => y > 0);
  if (points.length === 0) return '<p>Nothing was answered.</p>';
  const xMost = roundUp(Math.max(...points.map(({ x }) => x)));
  const ys = [...points.map(({ y }) => y), ...(limit ? [limit.y] : [])];
  const low = Math.floor(Math.log10(Math.min(...ys)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...ys))));
  const { width, height, left, right, top, bottom } = size;
  const px = (value: number) => left + (value / xMost) * (width - left - right);
  const py = (value: number) => height - bottom - ((Math.log10(value) - low) / (high - low)) * (height - top - bottom);
  const parts: string[] = [];
  for (let power = low; power <= high; power++) {
    const at = py(10 ** power).toFixed(1);
    parts.push(`<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>`);
    parts.push(`<text class="tick" x="${left - 8}" y="${at}" text-anchor="end" dy="4">${number(10 ** power)}</text>`);
  }
  for (let step = 0; step <= 4; step++) {
    const value = (xMost * step) / 4;
    parts.push(
      `<text class="tick" x="${px(value).toFixed(1)}" y="${height - bottom + 18}" text-anchor="middle">${number(value)}</text>`,
    );
  }
  parts.push(
    `<text class="axis" x="${(left + width - right) / 2}" y="${height - 8}" text-anchor="middle">${escaped(x)}</text>`,
  );
  parts.push(
    `<text class="axis" transform="translate(14 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
  );
  if (limit !== undefined) {
    const at = py(limit.y).toFixed(1);
    parts.push(`<line class="limit" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>`);
    parts.push(
      `<text class="tick" x="${width - right}" y="${at}" dy="-5" text-anchor="end">${escaped(limit.name)}</text>`,
    );
  }
  for (const [i, { points }] of series.entries()) {
    const shown = points.filter(({ y }) => y > 0);
    const line = shown.map(({ x, y }) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(' ');
    parts.push(`<polyline class="s${i % 10}" points="${line}"/>`);
    for (const { x, y, told } of shown) {
      parts.push(
        `<circle class="s${i % 10}" cx="${px(x).toFixed(1)}" cy="${py(y).toFixed(1)}" r="4"><title>${escaped(told)}</title></circle>`,
      );
    }
  }
  const legend = series.map(({ name }, i) => `<li><span class="s${i % 10}"></span>${escaped(name)}</li>`).join('');
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`${y} by ${x}`)}">${parts.join('')}</svg><ul class="legend">${legend}</ul>`;
}

/** Of the lines, by their places; told apart by people who see few colours, on light and dark. */
export const colours: readonly string[] = [
  '#2a78d6',
  '#eb6834',
  '#1baf7a',
  '#eda100',
  '#e87ba4',
  '#4a3aa7',
  '#e34948',
  '#008300',
  '#8a8a86',
  '#a0612a',
];

export const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

export const number = (value: number) =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));

function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((round) => round >= value)!;
}
