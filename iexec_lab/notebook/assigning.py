"""``job = %iexec app run ... --watch``: what ends before its answer leaves the job in the name all the same.

An exception keeps Python from assigning. So such a line is compiled as

    try:
        job = get_ipython().run_line_magic("iexec", ...)
    except BaseException as left:
        if getattr(left, "job", None) is not None:
            job = left.job
        raise

which holds wherever a line may stand: in a loop, a ``with`` block, a function. The cell ends as before.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

_LEFT = "_iexec_left_"
_SINGLE = (ast.Name, ast.Attribute, ast.Subscript)


class KeepsTheJob(ast.NodeTransformer):
    """Rewrites the assignments of a cell whose value is ``%iexec ...``.

    Attributes:
        undrawn: The lines of the cell whose values it does not draw.
    """

    def __init__(self) -> None:
        self.undrawn: frozenset[str] = frozenset()

    def visit_Module(self, node: ast.Module) -> ast.AST:
        last = node.body[-1].value if node.body and isinstance(node.body[-1], ast.Expr) else None
        self.undrawn = frozenset(
            str(each.args[1].value)
            for each in ast.walk(node)
            if each is not last
            and isinstance(each, ast.Call)
            and _is_ours(each)
            and len(each.args) > 1
            and isinstance(each.args[1], ast.Constant)
        )
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        return self._kept(node, node.targets) if _is_ours(node.value) else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return self._kept(node, [node.target]) if node.value and _is_ours(node.value) else node

    def _kept(self, node: ast.stmt, targets: list[Any]) -> ast.AST:
        single: list[ast.expr] = [target for target in targets if isinstance(target, _SINGLE)]
        if not single:  # a job cannot be taken apart
            return node

        def left() -> ast.expr:
            return ast.Name(_LEFT, ast.Load())

        job = ast.Call(
            ast.Name("getattr", ast.Load()), [left(), ast.Constant("job"), ast.Constant(None)], keywords=[]
        )
        is_there = ast.Compare(job, [ast.IsNot()], [ast.Constant(None)])
        assign = ast.Assign(single, ast.Attribute(left(), "job", ast.Load()))
        handler = ast.ExceptHandler(
            ast.Name("BaseException", ast.Load()),
            _LEFT,
            [ast.If(is_there, [assign], []), ast.Raise(None, None)],
        )
        kept = ast.Try([node], [handler], [], [])
        for made in ast.walk(kept):
            if "lineno" in getattr(made, "_attributes", ()) and not hasattr(made, "lineno"):
                ast.copy_location(made, node)
        return kept


def _is_ours(value: ast.expr) -> bool:
    """Whether it is what IPython makes of ``%iexec ...``."""
    match value:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr="run_line_magic"),
            args=[ast.Constant(value="iexec"), *_],
        ):
            return True
    return False


def install(shell: InteractiveShell, ours: KeepsTheJob) -> Callable[[], None]:
    """Rewrite the cells of this shell; call the result to stop."""
    shell.ast_transformers.append(ours)

    def remove() -> None:
        if ours in shell.ast_transformers:  # IPython takes away one that failed
            shell.ast_transformers.remove(ours)

    return remove
