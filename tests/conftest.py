from __future__ import annotations

from iexec_lab.protocol.imports import keeping_recursion_limit

with keeping_recursion_limit():
    import eth_account  # noqa: F401 - tests import it later, when it does no harm any more
