// How a report looks: one sheet of paper, rules as in a book, colours that hold in the light and in the dark.
#pragma once

namespace millrace {

inline constexpr char kPageStyle[] = R"css(
:root {
  color-scheme: light dark;
  --paper: #fdfcf8; --ink: #1e1d1b; --quiet: #6a665e; --hair: #e6e1d5; --rule: #2b2a27;
  --c0: #1d5c9f; --c1: #bb4a12; --c2: #2a7548; --c3: #78469c; --c4: #8a620c; --c5: #5a5a5a;
  --serif: Charter, "Bitstream Charter", "Source Serif 4", "Iowan Old Style", "Noto Serif", Cambria, serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #17181a; --ink: #e9e6df; --quiet: #a09b91; --hair: #303134; --rule: #c9c5bb;
    --c0: #82b4ee; --c1: #f0945f; --c2: #77c898; --c3: #c6a0e6; --c4: #dbb863; --c5: #b4b4b4;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; }
body { margin: 0; font: 1.0625rem/1.55 var(--serif); }
main { max-width: 47.5rem; margin: 0 auto; padding: 4.5rem 1.25rem 3rem; }
header { margin-bottom: 3rem; }
h1 { font-size: 2.1rem; line-height: 1.18; font-weight: 600; letter-spacing: -0.012em; margin: 0; text-wrap: balance; }
.subtitle { color: var(--quiet); font-size: 1.15rem; line-height: 1.45; margin: 0.7rem 0 0; text-wrap: pretty; }
section, figure { margin: 0 0 3.25rem; }
h2, figcaption { font-size: 1.2rem; line-height: 1.3; font-weight: 600; margin: 0 0 0.7rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font: 0.9rem/1.4 var(--sans); font-variant-numeric: tabular-nums;
  border-top: 2px solid var(--rule); border-bottom: 2px solid var(--rule); }
th, td { padding: 0.48rem 0.6rem; text-align: left; vertical-align: baseline; font-weight: 400; }
th:first-child, td:first-child { padding-left: 0.1rem; }
th:last-child, td:last-child { padding-right: 0.1rem; }
thead th { color: var(--quiet); font-size: 0.82rem; vertical-align: bottom; border-bottom: 1px solid var(--rule); }
tbody tr + tr > * { border-top: 1px solid var(--hair); }
.figure { text-align: right; white-space: nowrap; }
.note { color: var(--quiet); font-size: 0.92rem; line-height: 1.5; margin: 0.7rem 0 0; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.1rem 1.3rem; margin: 0 0 0.6rem; padding: 0;
  font: 0.85rem/1.6 var(--sans); color: var(--quiet); }
.legend li { display: flex; align-items: center; gap: 0.5rem; }
.swatch { width: 22px; height: 10px; flex: none; }
figure > svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font: 12.5px var(--sans); font-variant-numeric: tabular-nums; fill: var(--quiet); }
svg path { fill: none; stroke-linecap: round; stroke-linejoin: round; }
svg .grid { stroke: var(--hair); stroke-linecap: butt; }
svg .axis { stroke: var(--rule); stroke-linecap: butt; }
svg .reference { stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 1 5; }
svg .line { stroke-width: 2; }
svg .dots { stroke-width: 3.4; opacity: 0.38; }
svg .marks { stroke-width: 5.5; }
.swatch .dots { opacity: 0.7; }
svg text.end { font-weight: 600; }
path.c0 { stroke: var(--c0); } circle.c0, svg text.c0 { fill: var(--c0); }
path.c1 { stroke: var(--c1); } circle.c1, svg text.c1 { fill: var(--c1); }
path.c2 { stroke: var(--c2); } circle.c2, svg text.c2 { fill: var(--c2); }
path.c3 { stroke: var(--c3); } circle.c3, svg text.c3 { fill: var(--c3); }
path.c4 { stroke: var(--c4); } circle.c4, svg text.c4 { fill: var(--c4); }
path.c5 { stroke: var(--c5); } circle.c5, svg text.c5 { fill: var(--c5); }
figure > svg.narrow { display: none; }
footer { border-top: 1px solid var(--hair); padding-top: 1rem; color: var(--quiet); font-size: 0.92rem; }
@media (max-width: 36rem) {
  body { font-size: 1rem; }
  main { padding-top: 2.25rem; }
  header { margin-bottom: 2.25rem; }
  h1 { font-size: 1.65rem; }
  .subtitle { font-size: 1.05rem; }
  section, figure { margin-bottom: 2.5rem; }
  figure > svg.wide { display: none; }
  figure > svg.narrow { display: block; }
}
@media print {
  main { max-width: none; padding: 0; }
  section, figure { break-inside: avoid; }
}
)css";

}  // namespace millrace
