"""What pages of figures share: their frame, their style, and tables."""

from __future__ import annotations

from html import escape
from string import Template

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th, td:first-child { white-space: normal; }
th:first-child, td:first-child { text-align: left; }
.less { color: light-dark(#17713d, #6fd69a); }
.more { color: light-dark(#b3261e, #ff8a80); }
img { width: 100%; height: auto; display: block; }
.crops { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; }
figure { margin: 0; }
figcaption, .note { font-size: .85rem; }
</style>
<h1>$heading</h1>
$body
</html>
""")


def document(title: str, heading: str, body: str) -> str:
    """A page; title and heading are text, the body is HTML."""
    return _PAGE.substitute(title=escape(title), heading=escape(heading), body=body)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table that scrolls where it is too wide; cells are HTML."""
    cells = "".join(f"<th>{h}</th>" for h in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )
