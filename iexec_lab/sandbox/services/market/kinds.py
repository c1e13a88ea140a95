"""The four kinds of orders, as the market sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of order; there is one object of each.

    ``fields`` are those of the signed order in protocol order; ``places`` maps each column of addresses in
    the book to the field it is taken from; ``exact`` names the columns that a list filters by equality, the
    other columns are restrictions; ``resource`` is the field that names what is offered (a request's is its
    requester); ``price`` the field that decides the place in the book; ``owner`` the parameter that filters
    by signer.
    """

    name: str
    fields: tuple[str, ...]
    places: Mapping[str, str]
    exact: tuple[str, ...]
    resource: str
    price: str
    owner: str | None = None
    dearest_first: bool = False

    @property
    def path(self) -> str:
        return f"/{self.name}s"

    @property
    def restrictions(self) -> tuple[str, ...]:
        return tuple(column for column in self.places if column not in self.exact)


def _offer(name: str, *terms: str) -> Kind:
    """The order of an app, a dataset or a workerpool: a price, terms, restrictions on the three others."""
    parties = ("app", "dataset", "workerpool", "requester")
    places = {party: party if party == name else f"{party}restrict" for party in parties}
    restricts = [field for party, field in places.items() if party != name]
    return Kind(
        name=f"{name}order",
        fields=(name, f"{name}price", "volume", "tag", *terms, *restricts, "salt", "sign"),
        places=places,
        exact=(name,),
        resource=name,
        price=f"{name}price",
        owner=f"{name}Owner",
    )


APP: Final = _offer("app")
DATASET: Final = _offer("dataset")
WORKERPOOL: Final = _offer("workerpool", "category", "trust")
REQUEST: Final = Kind(
    name="requestorder",
    fields=(
        *(
            "app",
            "appmaxprice",
            "dataset",
            "datasetmaxprice",
            "workerpool",
            "workerpoolmaxprice",
            "requester",
        ),
        *("volume", "tag", "category", "trust", "beneficiary", "callback", "params", "salt", "sign"),
    ),
    places={name: name for name in ("app", "dataset", "workerpool", "requester", "beneficiary")},
    exact=("app", "dataset", "requester", "beneficiary"),
    resource="requester",
    price="workerpoolmaxprice",
    dearest_first=True,
)
KINDS: Final = {kind.name: kind for kind in (APP, DATASET, WORKERPOOL, REQUEST)}
