"""What people write is text: nothing in it runs, loads or frames anything."""

import re
from html.parser import HTMLParser

import pytest

from portal.http.markdown import render

ALLOWED_ATTRIBUTES = {"href", "title", "rel", "start"}
CORPUS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "![x](x onerror=alert(1))",
    "![picture](https://evil.example/pixel.gif)",
    "![x](javascript:alert(1))",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;&#x61;vascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://ok.example "\\" onmouseover=\\"alert(1)")',
    "[x](https://ok.example 'a\" onclick=\"alert(1)')",
    "[x](https://ok.example/\"onmouseover='alert(1)')",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1)></svg>",
    "<math><mtext></math><style><img src=x onerror=alert(1)>",
    "<iframe src=https://evil.example></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=x></object><embed src=x>",
    "<form action=https://evil.example><input name=password></form>",
    "<style>*{display:none}</style>",
    '<p style="position:fixed;inset:0">over the page</p>',
    '<base href="https://evil.example/">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    '<link rel=stylesheet href="https://evil.example/x.css">',
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "| a |\n|:-:|\n| <img src=x onerror=alert(1)> |",
    "<div hx-get=/t/acme/audit hx-trigger=load></div>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<details open ontoggle=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u202e<script>\u2028alert(1)</script>",
    "<a href='https://ok.example' target=_blank>x</a>",
    "**<b onclick=alert(1)>**",
    "# <script>alert(1)</script>",
    "[<img src=x onerror=alert(1)>](https://ok.example)",
]


class Found(HTMLParser):
    """Collects what a browser would see as tags, attributes and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value for name, value in attrs if name in ("href", "src")]


def found_in(source: str) -> Found:
    found = Found()
    found.feed(render(source))
    return found


@pytest.mark.parametrize("source", CORPUS)
def test_nothing_in_the_corpus_becomes_anything_that_runs(source):
    found = found_in(source)
    harmful = {
        *("script", "style", "iframe", "object", "embed", "form", "input", "svg"),
        *("math", "meta", "link", "base", "img", "button", "details", "div"),
    }
    assert not found.tags & harmful
    assert found.attributes <= ALLOWED_ATTRIBUTES
    for address in found.addresses:
        assert re.match(r"(https?:|mailto:|[^:]*$)", address), address


def test_raw_html_is_shown_as_text():
    assert "&lt;b&gt;bold&lt;/b&gt;" in render("<b>bold</b>")


def test_pictures_are_dropped_so_that_no_foreign_host_learns_who_reads():
    assert "<img" not in render("![chart](https://evil.example/pixel.gif)")


def test_links_get_no_opener_and_no_endorsement():
    html = render("[runbook](https://wiki.example/runbook)")
    assert 'href="https://wiki.example/runbook"' in html
    assert 'rel="noopener nofollow"' in html


def test_tables_and_strikethrough_work_without_inline_style():
    html = render("| a | b |\n|---|:-:|\n| 1 | ~~2~~ |")
    assert "<table>" in html
    assert "<s>2</s>" in html
    assert "style" not in html


def test_headings_stand_below_the_pages_own():
    html = render("# Title\n\n## Impact\n\n###### Deep")
    assert "<h2>Title</h2>" in html
    assert "<h3>Impact</h3>" in html
    assert "<h6>Deep</h6>" in html
    assert "<h1>" not in html


def test_a_table_without_headings_has_no_empty_ones():
    html = render("| | |\n|---|---|\n| Gate | prod |")
    assert "<td>Gate</td>" in html
    assert "<th>" not in html
