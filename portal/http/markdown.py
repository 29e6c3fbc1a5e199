"""Markdown from people to safe HTML. Rendered on read; only the source is stored."""

import re
from typing import Final

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_PARSER: Final = MarkdownIt("commonmark", {"html": False}).enable(
    ["table", "strikethrough"]
)
# No img: a remote picture would tell its host who reads what, and when.
_TAGS: Final = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li"),
    *("blockquote", "pre", "code", "em", "strong", "s", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES: Final = {"http", "https", "mailto"}
# "| | |" above a table of names and values: cells that a screen reader would announce.
_EMPTY_HEAD: Final = re.compile(r"<thead>\s*<tr>(?:\s*<th></th>)+\s*</tr>\s*</thead>")


def render(source: str) -> SafeString:
    """
    Returns HTML that is safe on our pages, whatever stands in `source`.

    Raw HTML is shown as text; what the parser makes is then cut down to an
    allow-list, so that a hole in one of the two is not yet a hole in the page.
    Headings go down by one, because the page has its own H1.
    """
    html = nh3.clean(
        _lowered(source),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener nofollow",
    )
    html = _EMPTY_HEAD.sub("", html)
    return mark_safe(html)  # noqa: S308 - nh3 has cleaned it


def _lowered(source: str) -> str:
    """Renders with `# H` as an h2, and nothing deeper than h6."""
    tokens = _PARSER.parse(source)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return _PARSER.renderer.render(tokens, _PARSER.options, {})  # type: ignore[no-any-return]  # untyped renderer
