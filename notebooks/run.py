#!/usr/bin/env python3
"""Runs the notebooks from top to bottom and says which cell is not as it should be.

    pip install nbclient
    notebooks/run.py                             all of them, under the kernel of `llmlab jupyter install`
    notebooks/run.py attention attention.zh      these only
    notebooks/run.py --kernel rust               under plain evcxr
    notebooks/run.py --out executed              keep the executed copies, with all outputs

A cell fails when it raises, when llmlab could not do what it was asked, and when it lacks what its
tags promise: `picture`, `table`, `verdict-passed`, `verdict-failed`.
"""

import argparse
import re
import sys
import time
from itertools import zip_longest
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
TEXT = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"')


def main():
    parser = argparse.ArgumentParser(description="Runs the notebooks and names the cells that fail.")
    parser.add_argument("names", nargs="*", help="attention, attention.zh …; all when none is given")
    parser.add_argument("--kernel", default="llmlab", help="llmlab, or rust for plain evcxr")
    parser.add_argument("--out", type=Path, help="folder for the executed copies")
    parser.add_argument("--timeout", type=int, default=600, help="seconds a cell may take")
    args = parser.parse_args()

    names = args.names or sorted(path.name.removesuffix(".ipynb") for path in HERE.glob("*.ipynb"))
    failures = []
    for name in names:
        path = HERE / f"{name.removesuffix('.ipynb')}.ipynb"
        if not path.exists():
            sys.exit(f"there is no {path}")
        notebook = nbformat.read(path, as_version=4)
        found = stored(notebook) + unlike(path, notebook)
        start = time.monotonic()
        found += execute(notebook, args.kernel, args.timeout)
        print(f"{'✗' if found else '✓'} {path.stem}   {time.monotonic() - start:.0f} s, kernel {args.kernel}", flush=True)
        for cell, sentence in found:
            print(f"  {path.name}, cell {cell}: {sentence}", flush=True)
        failures += found
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, args.out / path.name)
    sys.exit(1 if failures else 0)


def stored(notebook):
    """What git should not hold: outputs and counts of an earlier run."""
    return [
        (cell.id, "has a stored output or count; clear all outputs before you commit")
        for cell in notebook.cells
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None)
    ]


def unlike(path, notebook):
    """Cells whose code is another one than in the notebook of the other language."""
    stem = path.stem
    other = HERE / f"{stem.removesuffix('.zh') if stem.endswith('.zh') else stem + '.zh'}.ipynb"
    if not other.exists():
        return [("(all)", f"there is no {other.name} beside it")]
    cells = zip_longest(notebook.cells, nbformat.read(other, as_version=4).cells)
    return [
        ((a or b).id, f"is not the same as in {other.name}: only comments and strings may differ")
        for a, b in cells
        if a is None or b is None or (a.id, a.metadata, code(a)) != (b.id, b.metadata, code(b))
    ]


def code(cell):
    """A cell's code without comments and the words in strings."""
    if cell.cell_type != "code":
        return cell.cell_type
    lines = TEXT.sub(lambda text: '""' if text[0].startswith('"') else "", cell.source).splitlines()
    return [" ".join(line.split()) for line in lines if line.strip()]


def execute(notebook, kernel, timeout):
    client = NotebookClient(
        notebook,
        kernel_name=kernel,
        timeout=timeout,
        allow_errors=True,
        resources={"metadata": {"path": str(HERE)}},
    )
    try:
        client.execute()
    except Exception as error:  # too slow, or the kernel died, which nbclient says in several ways
        begun = [cell.id for cell in notebook.cells if "execution" in cell.metadata]
        return [(begun[-1] if begun else "(none)", f"the kernel stopped ({type(error).__name__}: {first_line(error)})")]
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    # The first cell may say that it compiles.
    return [(cell.id, sentence) for i, cell in enumerate(codes) for sentence in faults(cell, quiet=i > 0)]


def faults(cell, quiet):
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if errors:
        return [f"{errors[0].ename}: {first_line(errors[0].evalue)}"]
    shown = [output.data for output in cell.outputs if "data" in output]
    html = "\n".join(data.get("text/html", "") for data in shown)
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    for data in shown:
        if has(data.get("text/html", ""), "trouble"):
            return [f"llmlab could not: {first_line(data.get('text/plain', ''))}"]
    if quiet and any(output.output_type == "stream" and output.name == "stderr" for output in cell.outputs):
        return [f"wrote to stderr: {first_line(printed)}"]

    promised = cell.metadata.get("tags", [])
    picture = "<svg" in html or has(html, "heat") or any(key.startswith("image/") for data in shown for key in data)
    missing = []
    if "picture" in promised and not picture:
        missing.append("shows no picture")
    if "table" in promised and "<table" not in html:
        missing.append("shows no table")
    for verdict in ("passed", "failed"):
        if f"verdict-{verdict}" in promised and not has(html, verdict):
            missing.append(f"should have {verdict}")
    if not cell.outputs and promised:
        missing = ["shows nothing"]
    return missing


def has(html, kind):
    """Whether an element of this kind is shown; the style that comes along names them all."""
    return re.search(rf'class="[^"]*\bllmlab-{kind}\b', html) is not None


def first_line(text):
    """The first line that says something, without a terminal's colours."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(text)).splitlines()
    return next((line.strip() for line in lines if line.strip()), "(no words)")


if __name__ == "__main__":
    main()
