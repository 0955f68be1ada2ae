"""The style sheet of all pages: one column on a phone, light or dark like the reader's system."""

from __future__ import annotations

WIDE = "52rem"
"""Page width from which figures over time use their wide form."""

# A table wider than its box shows that it scrolls by a scroll bar and by a shadow at the right edge, which a background
# that moves with the table hides at the end.
STYLE = f"""\
:root {{
  color-scheme: light dark;
  --paper: #ffffff; --raised: #f4f5f7; --ink: #1a1c1f; --muted: #5f6368; --line: #d5d8dc; --grid: #e3e3e3; --shade: #00000059;
  --blue: #0072b2; --orange: #e69f00; --green: #009e73; --vermilion: #d55e00; --sky: #56b4e9; --pink: #cc79a7;
  --other: #a9aeb4; --link: #005a9c; --warning: #8a3b00;
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --paper: #15171a; --raised: #1f2226; --ink: #e8e9eb; --muted: #a3a8ae; --line: #3a3f45; --grid: #33373c; --shade: #ffffff59;
    --blue: #4ba3dd; --orange: #f0b429; --green: #2fc49a; --vermilion: #ff8646; --sky: #85cbf5; --pink: #e29bc3;
    --other: #6b7178; --link: #7cc0f5; --warning: #ffb27a;
  }}
}}
* {{ box-sizing: border-box; }}
body {{
  margin: 0 auto; padding: 1rem; max-width: 64rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere;
}}
h1 {{ font-size: 1.6rem; line-height: 1.2; margin: 0.5rem 0 0.25rem; }}
h2 {{ font-size: 1.25rem; margin: 2.5rem 0 0.5rem; padding-top: 0.75rem; border-top: 1px solid var(--line); }}
h3 {{ font-size: 1rem; margin: 0; }}
p, ul, ol, dl {{ margin: 0.5rem 0; }}
a {{ color: var(--link); }}
.note, figcaption {{ color: var(--muted); font-size: 0.875rem; }}
.warning {{ color: var(--warning); border-left: 0.25rem solid; padding-left: 0.75rem; font-weight: 600; }}
nav ul {{ display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; padding: 0; list-style: none; font-size: 0.875rem; }}
nav a {{ display: inline-block; padding: 0.25rem 0; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.5rem; margin: 1rem 0; }}
.tiles div {{ background: var(--raised); border-radius: 0.5rem; padding: 0.6rem 0.75rem; }}
.tiles dt {{ color: var(--muted); font-size: 0.8125rem; }}
.tiles dd {{ margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }}
.scroll {{
  overflow-x: auto; border: 1px solid var(--line); border-radius: 0.5rem; margin: 0.75rem 0;
  background:
    linear-gradient(to left, var(--paper) 2rem, transparent) right / 4rem 100% no-repeat local,
    linear-gradient(to left, var(--shade), transparent) right / 1.5rem 100% no-repeat scroll,
    var(--paper);
}}
.scroll::-webkit-scrollbar {{ height: 0.625rem; }}
.scroll::-webkit-scrollbar-track {{ background: var(--raised); }}
.scroll::-webkit-scrollbar-thumb {{ background: var(--other); border-radius: 0.3rem; }}
table {{ border-collapse: collapse; width: 100%; font-size: 0.875rem; overflow-wrap: normal; }}
caption {{ text-align: left; padding: 0.5rem 0.75rem; color: var(--muted); }}
caption span {{ position: sticky; left: 0.75rem; display: inline-block; max-width: calc(100vw - 4rem); }}
th, td {{ padding: 0.4rem 0.75rem; text-align: left; white-space: nowrap; border-top: 1px solid var(--line); }}
tbody th {{ font-weight: 400; }}
tbody th, thead th:first-child {{ position: sticky; left: 0; background: var(--raised); min-width: 7rem; max-width: 11rem; white-space: normal; }}
.own th, .own td {{ font-weight: 600; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.bars {{ list-style: none; padding: 0; display: grid; gap: 0.4rem; font-size: 0.875rem; }}
.bars p {{ display: flex; justify-content: space-between; gap: 1rem; margin: 0; }}
.bars b {{ font-variant-numeric: tabular-nums; }}
.bar {{ height: 0.5rem; border-radius: 0.25rem; background: var(--other); width: var(--share); }}
.own .bar {{ background: var(--blue); }}
figure {{ margin: 1rem 0; }}
.figure {{ display: block; width: 100%; height: auto; max-width: 36rem; overflow: visible; }}
.figure * {{ stroke-linejoin: round; stroke-linecap: butt; }}
.figure text {{ fill: currentColor; }}
.wide .figure {{ max-width: none; }}
.wide {{ display: none; }}
.side {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 0 2rem; }}
audio {{ display: block; width: 100%; margin: 0.5rem 0; }}
.steps {{ list-style: none; padding: 0; display: grid; gap: 0.75rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); }}
.steps li {{ border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.6rem 0.75rem; }}
.steps p {{ font-size: 0.875rem; margin: 0.25rem 0; }}
pre {{ background: var(--raised); border-radius: 0.5rem; padding: 0.75rem; overflow-x: auto; font-size: 0.8125rem; margin: 0.5rem 0; white-space: pre-wrap; }}
summary {{ cursor: pointer; padding: 0.5rem 0; }}
:focus-visible {{ outline: 2px solid var(--link); outline-offset: 2px; }}
@media (min-width: {WIDE}) {{ .wide {{ display: block; }} .narrow {{ display: none; }} }}
@media print {{ .scroll, pre {{ overflow: visible; }} }}
"""
