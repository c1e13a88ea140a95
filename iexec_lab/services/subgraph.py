"""Subgraphs, asked in GraphQL; what the one of PoCo tells becomes rows in ``history/from_subgraph.py``.

Prices, balances and values of a subgraph are in RLC (not nRLC), as decimal text; ids are in lower case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from iexec_lab.errors import SubgraphError
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_address
from iexec_lab.services.http import TIMEOUT, Http

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iexec_lab.services.http import Answer

PAGE: Final = 1000
"""Rows of a subgraph's largest page."""

VOUCHER_INFO: Final = """
query getVoucherInfo($id: ID!) {
  voucher(id: $id) {
    voucherType { eligibleAssets { type: __typename id } }
    authorizedAccounts { id }
  }
}
"""


class Subgraph:
    """One subgraph; unlike for other services, the path of ``url`` counts."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._http = Http(url, SubgraphError, timeout=timeout)
        parts = urlsplit(url)
        self._path = parts.path or "/"
        self._key = dict(item.partition("=")[::2] for item in parts.query.split("&") if item)

    def query(
        self, text: str, variables: Mapping[str, Any] | None = None, *, operation: str | None = None
    ) -> dict[str, Any]:
        """The ``data`` of a GraphQL query.

        Raises:
            SubgraphError: it could not be reached, or says that the query is wrong.
            ApiError: the answer is not JSON.
        """
        return self.data(self.ask(text, variables, operation=operation))

    def ask(
        self, text: str, variables: Mapping[str, Any] | None = None, *, operation: str | None = None
    ) -> Answer:
        """The answer as it came, for those who read large pages in their own way; see ``data``.

        Raises:
            SubgraphError: It could not be reached.
        """
        body: dict[str, Any] = {"query": text.strip(), "variables": dict(variables or {})}
        if operation:
            body["operationName"] = operation
        headers = {"Accept": "application/json"}
        answer = self._http.call("POST", self._path, self._key, body=body, headers=headers, safe=True)
        if not answer.ok:
            self._http.read_json(answer)  # raises what it says
        return answer

    def data(self, said: Answer) -> dict[str, Any]:
        """The ``data`` of an answer.

        Raises:
            SubgraphError: It says that the query is wrong, or is none.
            ApiError: It is not JSON.
        """
        answer = self._http.read_json(said)
        data = answer.get("data") if isinstance(answer, dict) else None
        errors = answer.get("errors") if isinstance(answer, dict) else None
        if isinstance(errors, list) and errors:
            raise self._error("; ".join(map(_message, errors[:10])))
        if not isinstance(data, dict):
            raise self.malformed()
        return data

    def rows(self, text: str, where: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All rows of a list query, page after page; ``where`` is its filter, to which ``id_gt`` is added.

        Each row has an ``id``; its other fields are unchecked. An endless subgraph is read while rows are
        taken.
        """
        last = ""
        while True:
            rows = self.query(text, {"where": {**where, "id_gt": last}}).get("rows")
            if not isinstance(rows, list) or not all(map(_is_row, rows)):
                raise self.malformed()
            yield from rows
            if len(rows) < PAGE or rows[-1]["id"] <= last:
                return
            last = rows[-1]["id"]

    def malformed(self) -> SubgraphError:
        return self._error("the answer does not have the shape of the query")

    def _error(self, words: str) -> SubgraphError:
        shown = self._http.shown
        return SubgraphError(plain(f"Subgraph error: {words}"), url=shown, details={"url": shown})


class VoucherSubgraph(Subgraph):
    """What vouchers may pay for (8.x networks)."""

    def voucher(self, address: str) -> dict[str, list[str]]:
        """``sponsoredApps, sponsoredDatasets, sponsoredWorkerpools, authorizedAccounts``: lists of addresses.

        They are empty for a voucher that the subgraph does not know.
        """
        variables = {"id": to_address(address).lower()}
        data = self.query(VOUCHER_INFO, variables, operation="getVoucherInfo")
        try:
            return _voucher(data.get("voucher") or {})
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self.malformed() from None


def _voucher(found: Mapping[str, Any]) -> dict[str, list[str]]:
    assets = (found.get("voucherType") or {}).get("eligibleAssets") or []
    sponsored = {
        f"sponsored{kind}s": [to_address(asset["id"]) for asset in assets if asset["type"] == kind]
        for kind in ("App", "Dataset", "Workerpool")
    }
    accounts = [to_address(account["id"]) for account in found.get("authorizedAccounts") or []]
    return {**sponsored, "authorizedAccounts": accounts}


def _message(error: Any) -> str:
    return plain(error.get("message") if isinstance(error, dict) else error)


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"].isascii()
