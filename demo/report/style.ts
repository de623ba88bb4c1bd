// The page's looks. Colours are named once, for light and for dark, and the charts use the same names.

export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d1c21; --quiet: #6b6875; --line: #e5e2da;
  --ours: #5b3fd6; --other: #b9b4c9; --peer: #e08a3c;
  --shade-1: #5b3fd6; --shade-2: #9b86ee; --shade-3: #d0c6fa;
  --red: #d2423e; --green: #2f9255; --blue: #3566cf;
  --good: #1f7a46; --bad: #c0322b; --bad-back: #fbe1de;
  --shadow: 0 1px 2px rgb(20 15 40 / .05), 0 6px 20px rgb(20 15 40 / .05);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131217; --card: #1c1a22; --ink: #efedf4; --quiet: #9d99a9; --line: #312e3a;
    --ours: #a590ff; --other: #575264; --peer: #f0a35c;
    --shade-1: #a590ff; --shade-2: #6f58cf; --shade-3: #443687;
    --red: #ff7a73; --green: #62cf8d; --blue: #7fa6ff;
    --good: #62cf8d; --bad: #ff8a80; --bad-back: #4a2020;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Open Sans", "Liberation Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 44px 28px 80px; }
h1 { font-size: 40px; line-height: 1.1; letter-spacing: -.02em; margin: 0 0 10px; font-weight: 700; }
h2 { font-size: 25px; letter-spacing: -.01em; margin: 56px 0 6px; font-weight: 650; }
h3 { font-size: 15px; margin: 0 0 2px; font-weight: 650; }
p { margin: 6px 0; max-width: 72ch; } p.quiet, p.note, p.verdict { max-width: 112ch; }
.lead { font-size: 18px; max-width: 92ch; }
.quiet, figcaption, .note { color: var(--quiet); font-size: 14px; line-height: 1.45; }
code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 22px; padding: 0; margin: 16px 0 0; list-style: none; color: var(--quiet); font-size: 14px; }
.facts b { color: var(--ink); font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; margin: 26px 0 0; }
.tile, .chart { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
.tile { padding: 16px 18px; }
.tile b { display: block; font-size: 32px; line-height: 1.15; letter-spacing: -.02em; font-weight: 680; font-variant-numeric: tabular-nums; }
.tile span { color: var(--quiet); font-size: 14px; line-height: 1.35; display: block; margin-top: 2px; }
.charts { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; margin: 18px 0; }
.chart { padding: 16px 18px 12px; margin: 0; }
.chart svg { display: block; width: 100%; height: auto; margin-top: 10px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin: 14px 0; font-size: 15px; }
th, td { text-align: right; padding: 8px 10px; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 500; font-size: 13px; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td small { display: block; color: var(--quiet); font-size: 13px; line-height: 1.35; max-width: 46ch; }
tr.ours td { font-weight: 600; } tr.ours small { font-weight: 400; }
.gallery { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; margin: 14px 0; }
.gallery figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; box-shadow: var(--shadow); display: flex; flex-direction: column; }
.scene { position: relative; background: #0001; aspect-ratio: 2.3; overflow: hidden; }
.scene svg { width: 100%; height: 100%; display: block; }
.scene polygon { fill: none; stroke: #ff2f92; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.gallery figcaption { padding: 9px 12px 11px; }
.read { color: var(--ink); font: 500 14.5px/1.35 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
.read mark { background: var(--bad-back); color: var(--bad); border-radius: 3px; padding: 0 1px; }
.truth { font: 13px/1.35 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.meta { display: flex; justify-content: space-between; gap: 8px; margin-top: 5px; font-size: 12.5px; }
.meta b { font-weight: 650; } .meta b { white-space: nowrap; } .right .meta b { color: var(--good); } .wrong .meta b { color: var(--bad); }
.pick { display: flex; gap: 6px; margin: 14px 0 0; flex-wrap: wrap; }
.pick label { cursor: pointer; border: 1px solid var(--line); background: var(--card); padding: 4px 13px; border-radius: 99px; font-size: 14px; }
.pick input { position: absolute; opacity: 0; pointer-events: none; }
.pick label:has(:checked) { background: var(--ink); color: var(--paper); border-color: var(--ink); }
.pick label:has(:focus-visible) { outline: 2px solid var(--ours); outline-offset: 2px; }
#lines:has(#only-some:checked) .later, #lines:has(#only-wrong:checked) .right { display: none; }
.svd { display: grid; grid-template-columns: minmax(0, 1.5fr) minmax(0, 1fr); gap: 22px; align-items: start; margin: 16px 0; }
.compare { position: relative; border-radius: 12px; overflow: hidden; line-height: 0; --cut: 50%; box-shadow: var(--shadow); }
.compare img { width: 100%; height: auto; display: block; }
.compare .rank { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--cut)) 0 0); }
.compare .edge { position: absolute; inset: 0 auto 0 var(--cut); width: 2px; background: #fff; box-shadow: 0 0 6px #000a; pointer-events: none; }
.compare .tag { position: absolute; top: 12px; background: #000a; color: #fff; font-size: 13px; line-height: 1; padding: 6px 10px; border-radius: 99px; pointer-events: none; }
.compare input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.compare:has(input:focus-visible) { outline: 3px solid var(--ours); }
.strip { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; margin: 16px 0; }
.strip figure { margin: 0; } .strip img { width: 100%; border-radius: 10px; display: block; }
.strip figcaption { margin-top: 6px; } .strip b { color: var(--ink); }
footer { margin-top: 64px; padding-top: 20px; border-top: 1px solid var(--line); }
footer li { margin: 4px 0; }
@media (max-width: 900px) {
  .tiles, .gallery { grid-template-columns: 1fr 1fr; }
  .charts, .svd { grid-template-columns: 1fr; }
  h1 { font-size: 32px; }
}
`;

/** The one script: the picture under the slider, and where it is cut. The page reads without it. */
export const SCRIPT = `
for (const compare of document.querySelectorAll('.compare')) {
  const slider = compare.querySelector('input');
  slider.addEventListener('input', () => compare.style.setProperty('--cut', slider.value + '%'));
}
for (const choice of document.querySelectorAll('[name=rank]')) {
  choice.addEventListener('change', () => {
    document.querySelector('.compare .rank').src = document.getElementById('rank-' + choice.value).src;
    document.querySelector('.compare .left').textContent = 'rank ' + choice.value;
  });
}
`;
