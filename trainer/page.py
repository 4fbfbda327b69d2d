"""Writes a page that stands alone: one HTML file, its pictures inside, legible by day and night."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from kernels.contract import Colour
from kernels.publish import published

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fff; --soft: #666; --line: #ddd; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #161616; --soft: #a0a0a0; --line: #3a3a3a; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.lead { color: var(--soft); margin-top: .2rem; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child, table.facts td { text-align: left; font-weight: normal; }
table.facts td:first-child { color: var(--soft); white-space: nowrap; }
table.facts td { overflow-wrap: anywhere; }
pre { padding: .8rem; border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
span.class { display: inline-block; margin-right: 1.2rem; white-space: nowrap; }
span.class i { display: inline-block; width: .9em; height: .9em; margin-right: .4em;
  border: 1px solid var(--line); vertical-align: -.1em; }
img { max-width: 100%; background: #fff; border-radius: 6px; }
"""


def page(title: str, lead: str, sections: Sequence[str]) -> str:
    """The whole file."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n'
        + "\n".join(section for section in sections if section)
        + "\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading and what belongs under it; nothing where there is nothing."""
    there = [part for part in parts if part]
    return "\n".join([f"<h2>{escape(title)}</h2>", *there]) if there else ""


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of numbers under a row of names; the first column names the rows."""
    head, *body = rows
    first = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    rest = "".join(f"<tr>{_cells(row)}</tr>\n" for row in body)
    return f'<div class="wide"><table>\n<tr>{first}</tr>\n{rest}</table></div>'


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Names and what they are."""
    body = "".join(f"<tr>{_cells(row)}</tr>\n" for row in rows)
    return f'<table class="facts">\n{body}</table>'


def _cells(row: Sequence[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)


def paragraph(text: str) -> str:
    """A few words."""
    return f"<p>{escape(text)}</p>"


def code(text: str) -> str:
    """What is typed."""
    return f"<pre>{escape(text)}</pre>"


def swatches(names: Sequence[str], colours: Sequence[Colour]) -> str:
    """Which colour is which class."""
    each = (
        f'<span class="class"><i style="background: rgb{tuple(map(int, colour))}"></i>'
        f"{escape(name)}</span>"
        for name, colour in zip(names, colours, strict=True)
    )
    return f"<p>{chr(10).join(each)}</p>"


def picture(path: Path, said: str) -> str:
    """A PNG file inside the page; nothing where there is no file."""
    if not path.is_file():
        return ""
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{escape(said)}" src="data:image/png;base64,{content}">'


def write(text: str, path: Path) -> None:
    """Publish a page."""
    with published(path) as draft:
        draft.write_text(text, encoding="utf-8")
