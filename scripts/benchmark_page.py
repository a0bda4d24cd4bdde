"""Where the benchmarks write: each a section of its own in docs/benchmarks.md, between marks."""

from __future__ import annotations

from pathlib import Path


def write_section(page: Path, script: str, text: str) -> None:
    """Put ``text`` between the marks of ``script`` in ``page``, at its end where there are none yet; the rest stays."""
    begin, end = (f"<!-- scripts/{script}: {mark} -->" for mark in ("begin", "end"))
    before, found, rest = (page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n\n").partition(begin)
    if not found:
        before = before.rstrip("\n") + "\n\n"
    after = rest.partition(end)[2] or "\n"
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")
