"""Parts of HTML that all sections of the page use; texts become harmless here."""

from collections.abc import Iterable, Mapping, Sequence

from ner.data.html_view import escape


def section(name: str, title: str, parts: Iterable[str]) -> str:
    """Return a section with a heading.

    Args:
        name: Its anchor, by which links find it.
        title: Its heading, as text.
        parts: What is in it, as HTML.
    """
    head = f'<section id="{name}" aria-labelledby="{name}-title">'
    return "\n".join([head, f'<h2 id="{name}-title">{escape(title)}</h2>', *parts, "</section>"])


def contents(titles: Mapping[str, str]) -> str:
    """Return links to the sections of the page.

    Args:
        titles: The heading of each section by its anchor.
    """
    links = (f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title in titles.items())
    return f'<nav aria-label="Sections"><ul>{"".join(links)}</ul></nav>'


def columns(parts: Iterable[str]) -> str:
    """Put tables and drawings beside each other where the screen is wide enough."""
    return "\n".join(['<div class="columns">', *filter(None, parts), "</div>"])


def paragraph(text: str) -> str:
    """Return a paragraph of text."""
    return f"<p>{escape(text)}</p>"


def data_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts whose first column names its rows.

    Args:
        caption: What the table shows.
        header: The names of the columns.
        rows: The cells of each row, as many as names.
    """
    cells = ((name, [f"<td>{escape(cell)}</td>" for cell in rest]) for name, *rest in rows)
    return html_table(caption, header, cells)


def html_table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[tuple[str, Sequence[str]]],
    *,
    foot: int = 0,
    style: str = "figures",
) -> str:
    """Return a table that scrolls by itself where the screen is too narrow for it.

    Args:
        caption: What the table shows, as text.
        header: The names of the columns, as text.
        rows: The name of each row, as text, and its `td` elements, as HTML.
        foot: How many of the last rows sum up those before.
        style: The class of the table.
    """
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    lines = [
        f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>' for name, cells in rows
    ]
    body = len(lines) - foot
    shown = escape(caption)
    return "\n".join(
        [
            f"<figure><figcaption>{shown}</figcaption>",
            f'<div class="scroll" role="region" tabindex="0" aria-label="{shown}">',
            f'<table class="{style}" aria-label="{shown}">',
            f"<thead><tr>{names}</tr></thead>",
            "<tbody>",
            *lines[:body],
            "</tbody>",
            *(["<tfoot>", *lines[body:], "</tfoot>"] if foot else []),
            "</table></div></figure>",
        ]
    )


def percent(share: float) -> str:
    """Write a share as percent, without the sign.

    >>> percent(0.12345)
    '12.35'
    """
    return f"{100 * share:.2f}"
