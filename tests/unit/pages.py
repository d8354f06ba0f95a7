"""The documentation as tests read it: its pages, and what stands on them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "tests" / "standins").rglob("*.md")])
EXAMPLES = sorted(path for path in (DOCS / "examples").rglob("*") if path.is_file())


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Language and content of every fenced block."""
    for found in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL):
        yield found[2], found[3]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)


def inline_code(text: str) -> Iterator[str]:
    for found in re.finditer(r"`([^`]+)`", prose(text)):
        yield " ".join(found[1].split())


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", page, re.MULTILINE)
    assert found, heading
    return re.split(rf"^#{{1,{len(found[1])}}} ", page[found.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def anchors(page: str) -> set[str]:
    """Anchors of headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def commands_of(line: str) -> Iterator[list[str]]:
    """The arguments of every call of the program in a line of a shell."""
    lexer = shlex.shlex(line.split(" #", maxsplit=1)[0], posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    calls: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;<>()"):
            calls.append([])
        else:
            calls[-1].append(word)
    for words in calls:
        for at, word in enumerate(words):
            before = words[:at]
            first = all("=" in earlier for earlier in before)
            within = before[:1] == ["flock"] or (before[:2] == ["docker", "run"] and before[-1].startswith("state:"))
            if word.rpartition("/")[2] == "cohortstream" and (first or within):
                yield words[at + 1 :]
                break
