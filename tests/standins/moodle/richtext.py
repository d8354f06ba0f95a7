"""Texts on their way out: Moodle's formats and the cleaning of HTML.

The cleaning keeps what Moodle's purifier keeps of everyday markup; exotic markup may come out differently.
"""

import re
from html import escape
from html.parser import HTMLParser

from tests.standins.moodle import php

FORMAT_MOODLE, FORMAT_HTML, FORMAT_PLAIN, FORMAT_MARKDOWN = 0, 1, 2, 4

_VOID = frozenset({"br", "hr", "img", "col"})
_ALLOWED = _VOID | frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "address",
        "b",
        "bdo",
        "big",
        "blockquote",
        "caption",
        "center",
        "cite",
        "code",
        "colgroup",
        "dd",
        "del",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "font",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "i",
        "ins",
        "kbd",
        "li",
        "nolink",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "video",
        "audio",
        "source",
        "track",
        "section",
        "article",
        "aside",
        "figure",
        "figcaption",
        "header",
        "footer",
        "nav",
        "main",
    ]
)
_DROPPED_WITH_CONTENT = frozenset({"script", "style"})
_ATTRIBUTES: dict[str, frozenset[str]] = {
    "a": frozenset({"href", "name", "target"}),
    "img": frozenset({"src", "alt", "width", "height"}),
    "td": frozenset({"colspan", "rowspan", "align", "valign"}),
    "th": frozenset({"colspan", "rowspan", "align", "valign", "scope"}),
    "ol": frozenset({"start", "type"}),
    "table": frozenset({"border", "cellpadding", "cellspacing", "width", "summary"}),
}
_COMMON = frozenset({"class", "style", "title", "lang", "dir", "id"})
_SCHEMES = re.compile(
    r"(?:https?|ftp|mailto|tel|irc|nntp|news|rtsp|rtmp|teamspeak|gopher|mms|sip|xmpp):|[^:]*\Z", re.IGNORECASE
)


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._open: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self._silent += 1
        if self._silent or tag not in _ALLOWED:
            return
        allowed = _COMMON | _ATTRIBUTES.get(tag, frozenset())
        kept = "".join(
            f' {name}="{escape(value or "", quote=False).replace(chr(34), "&quot;")}"'
            for name, value in attrs
            if name in allowed and (name not in {"href", "src"} or _SCHEMES.match(value or ""))
        )
        names = {name for name, _ in attrs}
        if tag == "a" and ("target", "_blank") in attrs:
            kept += ' rel="noreferrer noopener"'
        if tag == "img" and "alt" not in names:
            source = dict(attrs).get("src") or ""
            kept += f' alt="{escape(source.rsplit("/", 1)[-1])}"'
        if tag in _VOID:
            self.parts.append(f"<{tag}{kept} />")
            return
        self.parts.append(f"<{tag}{kept}>")
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self._silent = max(0, self._silent - 1)
            return
        if tag not in self._open:
            return
        while self._open:
            last = self._open.pop()
            self.parts.append(f"</{last}>")
            if last == tag:
                return

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(escape(data, quote=False))

    def finish(self) -> str:
        self.close()
        while self._open:
            self.parts.append(f"</{self._open.pop()}>")
        return "".join(self.parts)


def clean_html(text: str) -> str:
    """The text without markup that could do harm."""
    if "&" not in text and "<" not in text and ">" not in text:
        return text
    cleaner = _Cleaner()
    cleaner.feed(text)
    return cleaner.finish()


def format_text(text: str, text_format: int) -> str:
    """A stored text as HTML."""
    if text_format == FORMAT_PLAIN:
        escaped = php.html_escape(text).replace("'", "&#039;")
        return _breaks(escaped.replace("  ", "&nbsp; "))
    if text_format == FORMAT_MOODLE:
        return clean_html(_breaks(_tightened(text)))
    if text_format == FORMAT_MARKDOWN:
        paragraphs = [part for part in re.split(r"\n{2,}", text.strip("\n")) if part]
        return clean_html("\n\n".join(f"<p>{part}</p>" for part in paragraphs) + "\n")
    return clean_html(text)


def _tightened(text: str) -> str:
    """Blanks between tags and line ends beside tags go before line ends become breaks."""
    text = re.sub(r">\s+<", "><", text)
    return re.sub(r">[\n\r]", "> ", re.sub(r"[\n\r]<", " <", text))


def _breaks(text: str) -> str:
    return re.sub(r"\r\n|\n\r|\n|\r", lambda found: "<br />" + found[0], text)


def format_string(text: str) -> str:
    """A short text for display: tags gone, lone ampersands and angle brackets escaped."""
    escaped = re.sub(r"&(?![a-zA-Z0-9#]{1,8};)", "&amp;", text)
    return php.strip_tags(escaped).replace("<", "&lt;").replace(">", "&gt;")
