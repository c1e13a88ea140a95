"""The schemas: from protocol objects to DataFrames.

A frame is built from a table of column -> kind, never by guessing, and has the same columns when it is
empty. Amounts and uint256 are Python ``int`` in object columns; an amount in nRLC has a twin before it,
float64 in RLC, to look at, sort and plot. Counts are ``Int64`` whose sums and products are exact
(``whole.py``), objects where one does not fit. Times are UTC, addresses EIP-55, hashes lower case.
``frame.attrs`` says where the rows come from: ``kind``, ``chain``, ``chain_id``, ``contract``,
``fetched_at``, ``single`` when the one row is best drawn upright, ``left_out``, how many rows of a service
were not what was asked for, and ``remark``, a sentence that belongs below.

Ours because pandas guesses: beside a missing value 2**53 + 1 became the float 9007199254740992.0, and
2**62 + 2**62 as int64 summed to -9223372036854775808 without a warning.
"""

from iexec_lab.frames.arrow import from_arrow, to_arrow
from iexec_lab.frames.build import build, from_arrays, from_columns, sum_exact
from iexec_lab.frames.kinds import KINDS, Kind
from iexec_lab.frames.parquet import read_parquet, to_parquet
from iexec_lab.frames.schemas import OPTIONAL, SCHEMAS, Column, columns_of, rlc_name

__all__ = [
    "KINDS",
    "OPTIONAL",
    "SCHEMAS",
    "Column",
    "Kind",
    "build",
    "columns_of",
    "from_arrays",
    "from_arrow",
    "from_columns",
    "read_parquet",
    "rlc_name",
    "sum_exact",
    "to_arrow",
    "to_parquet",
]
