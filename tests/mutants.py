"""How much the tests of a room notice: small changes of its code, and which of them no test sees.

    python tests/mutants.py client                     # 40 changes of iexec_lab/client against tests/client
    python tests/mutants.py ipfs/cid --count 0         # every change of one module
    python tests/mutants.py units --tests tests/client # these tests too

Works in copies of the tree, with a home and a folder for temporary files of their own; the tree itself is
never changed. But changed code runs for real: not as root outside a container.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "node_modules")
OPPOSITES: dict[type, type] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}


@dataclass(frozen=True)
class Change:
    """One place of a module, and what stands there instead; ``start`` and ``end`` count bytes."""

    path: Path
    line: int
    kind: str
    before: str
    after: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {_short(self.before)}  ->  {_short(self.after)}"

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 90 else line[:87] + "..."


class Finder(ast.NodeVisitor):
    """All changes of one module."""

    def __init__(self, path: Path, source: bytes) -> None:
        self.path, self.source, self.found = path, source, list[Change]()
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self.visit(ast.parse(source))

    def _add(self, kind: str, node: ast.stmt | ast.expr, after: str) -> None:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._lines[node.lineno - 1] + node.col_offset
        end = self._lines[node.end_lineno - 1] + node.end_col_offset
        before = self.source[start:end].decode()
        self.found.append(Change(self.path, node.lineno, kind, before, after, start, end))

    # -- what is not looked into: text for people, types, what only type checkers run

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Python before 3.12 does not know where the parts of an f-string stand."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not (isinstance(node.targets[0], ast.Name) and node.targets[0].id in {"__all__", "__slots__"}):
            self.generic_visit(node)

    # -- what is changed

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if isinstance(default, ast.Constant):
                self._constant("default", default)
        for statement in node.body:
            self.visit(statement)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast calls it so

    def visit_Compare(self, node: ast.Compare) -> None:
        self._swapped("comparison", node, node.ops, 0)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._add("boolean", node, _unparsed(ast.BoolOp(OPPOSITES[type(node.op)](), node.values)))
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in OPPOSITES:
            other = ast.BinOp(node.left, OPPOSITES[type(node.op)](), node.right)
            self._add("arithmetic", node, _unparsed(other))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._add("not removed", node, _unparsed(node.operand))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        self._constant("constant", node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self._add("return", node, "return None")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._add("raise removed", node, "pass")  # its arguments are text for people

    def visit_Expr(self, node: ast.Expr) -> None:
        called = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(called, ast.Call):
            self._add("call removed", node, "pass")
        if not isinstance(node.value, ast.Constant):  # else a docstring
            self.generic_visit(node)

    def _swapped(self, kind: str, node: ast.Compare, ops: list[ast.cmpop], at: int) -> None:
        other = [*ops]
        other[at] = OPPOSITES[type(ops[at])]()
        self._add(kind, node, _unparsed(ast.Compare(node.left, other, node.comparators)))

    def _constant(self, kind: str, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._add(kind, node, repr(not value))
        elif isinstance(value, int):
            self._add(kind, node, repr(value + 1))
        elif isinstance(value, str) and value and " " not in value:  # with a space it is text for people
            self._add(kind, node, repr(value + "?"))


def _unparsed(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


def changes(root: Path, room: str) -> list[Change]:
    """Every change of ``iexec_lab/<room>``, a folder or a module (without ``.py``), from top to bottom."""
    place = root / "iexec_lab" / room
    modules = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    return [change for path in modules for change in Finder(path.relative_to(root), path.read_bytes()).found]


def tests_of(root: Path, module: Path, named: list[str]) -> list[str]:
    """What to run for a module: its own test file, the rest of its room, those that were named."""
    inside = module.relative_to("iexec_lab")
    own = Path("tests", *inside.parts[:-1], f"test_{module.stem}.py")
    rest = Path("tests", inside.parts[0]) if len(inside.parts) > 1 else own
    return [str(path) for path in dict.fromkeys((own, rest)) if (root / path).exists()] + named


class Copy:
    """A copy of the tree, in which one change at a time is tried."""

    def __init__(self, root: Path, place: Path) -> None:
        self.folder = place / "tree"
        shutil.copytree(root, self.folder, ignore=LEFT_OUT, symlinks=True)
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
        home, temporary = place / "home", place / "tmp"
        self._places = {
            "PYTHONPATH": str(self.folder),
            "XDG_CACHE_HOME": cache,  # what a sandbox is made of is there
            "HOME": str(home),
            "TMPDIR": str(temporary),
        }
        home.mkdir()
        temporary.mkdir()

    def passes(self, tests: list[str], seconds: float) -> tuple[bool, str]:
        """Whether the tests pass, and the last of what they said."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        # The copy comes before the installed package, in the programs that tests start too.
        environment = os.environ | self._places | {"PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return False, "timed out"
        return process.returncode == 0, said[-3000:]

    def survives(self, change: Change, tests: list[str], seconds: float) -> bool:
        path = self.folder / change.path
        source = path.read_bytes()
        path.write_bytes(change.apply(source))
        try:
            return self.passes(tests, seconds)[0]
        finally:
            path.write_bytes(source)


def survivors(
    root: Path, chosen: list[Change], named: list[str], *, jobs: int, minutes: float
) -> Iterator[tuple[Change, bool]]:
    """Each change that was tried, and whether it survived; no new one is begun after ``minutes``."""
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="iexec-lab-mutants-") as place, ThreadPoolExecutor(jobs) as pool:
        first = Copy(root, Path(place) / "0")
        patience = {}
        for tests in dict.fromkeys(tuple(tests_of(root, change.path, named)) for change in chosen):
            began = time.monotonic()
            passed, said = first.passes(list(tests), 3600)
            if not tests or not passed:
                raise SystemExit(
                    f"Without a change the tests do not pass: {' '.join(tests) or 'none'}\n{said}"
                )
            patience[tests] = 3 * jobs * (time.monotonic() - began) + 30
        free: SimpleQueue[Copy] = SimpleQueue()
        free.put(first)
        for number in range(1, jobs):
            free.put(Copy(root, Path(place) / str(number)))

        def attempt(change: Change) -> bool | None:
            if time.monotonic() > end:
                return None
            tests = tests_of(root, change.path, named)
            copy = free.get()
            try:
                return copy.survives(change, tests, patience[tuple(tests)])
            finally:
                free.put(copy)

        for change, survived in zip(chosen, pool.map(attempt, chosen), strict=True):
            if survived is not None:
                yield change, survived


def main(words: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("room", help="a folder or module of iexec_lab: client, client/matching, units")
    parser.add_argument("--count", type=int, default=40, help="how many changes, chosen at random; 0: all")
    parser.add_argument("--seed", type=int, default=0, help="another choice; the same seed chooses the same")
    parser.add_argument("--tests", nargs="*", default=[], help="tests to run beside those of the room")
    parser.add_argument("--minutes", type=float, default=60, help="begin no change after this time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="copies of the tree to work in")
    options = parser.parse_args(words)
    found = changes(root, options.room)
    chosen = found
    if 0 < options.count < len(found):
        chosen = random.Random(options.seed).sample(found, options.count)
    print(f"{options.room}: {len(chosen)} of {len(found)} changes, seed {options.seed}", flush=True)
    alive = tried = 0
    chances = survivors(root, chosen, options.tests, jobs=options.jobs, minutes=options.minutes)
    for change, survived in chances:
        tried += 1
        alive += survived
        if survived:
            print(f"survived  {change}", flush=True)
    print(f"{tried - alive} of {tried} were noticed, {alive} survived", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
