"""How much of something is in few hands."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ValidationError
from iexec_lab.history.stats.exact import about, held, integers, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd


def concentration(parties: Any, of: str = "spent_nrlc", *, top: Iterable[int] = (1, 3, 10)) -> pd.DataFrame:
    """How much of a sum the largest parties have.

    Args:
        parties: A frame with one row per party, as from ``per_workerpool`` or ``earnings``.
        of: The column that is shared: exact amounts or counts.
        top: Of how many of the largest to tell the share.

    Returns:
        DataFrame, one row: ``of``, ``parties``, ``total`` (exact), ``top_1_share`` ..., ``herfindahl`` (sum
            of the squared shares: 1 is one party alone, 1/parties all alike), ``gini`` (0 is all alike). The
            shares are missing when there is nothing to share.

    Raises:
        ValidationError: There is no such column, it holds a negative number, or a top is not positive.
    """
    tops = sorted(set(top))
    if any(count < 1 for count in tops):
        raise ValidationError("A top is of one or more", details={"top": tops})
    values = sorted(integers(held(parties, [of])[of]), reverse=True)
    if values and values[-1] < 0:
        raise ValidationError("Only what is not negative is shared", details={of: values[-1]})
    kinds = {"of": "text", "parties": "count", "total": "exact"}
    kinds |= {f"top_{count}_share": "number" for count in tops} | {"herfindahl": "number", "gini": "number"}
    total, count = sum(values), len(values)
    shares: list[float | None] = [None] * (len(tops) + 2)
    if total:
        squares = sum(value * value for value in values)
        ranked = sum(rank * value for rank, value in enumerate(reversed(values), 1))
        gini = Fraction(2 * ranked, count * total) - Fraction(count + 1, count)
        shares = [
            *(float(Fraction(sum(values[:first]), total)) for first in tops),
            float(Fraction(squares, total * total)),
            float(gini),
        ]
    return table("concentration", kinds, [(of, count, total, *shares)], **about(parties))
