"""The four orders of the market, member by member as the hub declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.constants import NULL_ADDRESS, NULL_BYTES, NULL_BYTES32
from iexec_lab.protocol.order import Order

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOrder(Order):
    """An app owner's permission to run the app at a price."""

    kind = "apporder"
    struct = "AppOrder"
    resource_field = "app"
    price_field = "appprice"
    layout: ClassVar[Mapping[str, str]] = {
        "app": "address",
        "appprice": "amount",
        "volume": "uint256",
        "tag": "tag",
        "datasetrestrict": "address",
        "workerpoolrestrict": "address",
        "requesterrestrict": "address",
    }
    written = tuple(layout)

    app: str
    appprice: int = 0
    volume: int = 1
    tag: str = NULL_BYTES32
    datasetrestrict: str = NULL_ADDRESS
    workerpoolrestrict: str = NULL_ADDRESS
    requesterrestrict: str = NULL_ADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetOrder(Order):
    """A dataset owner's permission to use the dataset at a price."""

    kind = "datasetorder"
    struct = "DatasetOrder"
    resource_field = "dataset"
    price_field = "datasetprice"
    allows_agnostic_tee = True
    ignores_legacy_tee = True
    layout: ClassVar[Mapping[str, str]] = {
        "dataset": "address",
        "datasetprice": "amount",
        "volume": "uint256",
        "tag": "tag",
        "apprestrict": "address",
        "workerpoolrestrict": "address",
        "requesterrestrict": "address",
    }
    written = tuple(layout)

    dataset: str
    datasetprice: int = 0
    volume: int = 1
    tag: str = NULL_BYTES32
    apprestrict: str = NULL_ADDRESS
    workerpoolrestrict: str = NULL_ADDRESS
    requesterrestrict: str = NULL_ADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerpoolOrder(Order):
    """A scheduler's offer of computing in one category."""

    kind = "workerpoolorder"
    struct = "WorkerpoolOrder"
    resource_field = "workerpool"
    price_field = "workerpoolprice"
    layout: ClassVar[Mapping[str, str]] = {
        "workerpool": "address",
        "workerpoolprice": "amount",
        "volume": "uint256",
        "tag": "tag",
        "category": "uint256",
        "trust": "uint256",
        "apprestrict": "address",
        "datasetrestrict": "address",
        "requesterrestrict": "address",
    }
    written = (
        "workerpool",
        "workerpoolprice",
        "volume",
        "category",
        "trust",
        "tag",
        "apprestrict",
        "datasetrestrict",
        "requesterrestrict",
    )

    workerpool: str
    workerpoolprice: int = 0
    volume: int = 1
    tag: str = NULL_BYTES32
    category: int
    trust: int = 0
    apprestrict: str = NULL_ADDRESS
    datasetrestrict: str = NULL_ADDRESS
    requesterrestrict: str = NULL_ADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOrder(Order):
    """A requester's wish: what to run, the most to pay, and what to do with the result.

    ``params`` is JSON text, hashed unchanged.
    """

    kind = "requestorder"
    struct = "RequestOrder"
    resource_field = "requester"
    price_field = ""
    allows_agnostic_tee = True
    layout: ClassVar[Mapping[str, str]] = {
        "app": "address",
        "appmaxprice": "amount",
        "dataset": "address",
        "datasetmaxprice": "amount",
        "workerpool": "address",
        "workerpoolmaxprice": "amount",
        "requester": "address",
        "volume": "uint256",
        "tag": "tag",
        "category": "uint256",
        "trust": "uint256",
        "beneficiary": "address",
        "callback": "address",
        "params": "params",
    }
    written = (
        "app",
        "appmaxprice",
        "dataset",
        "datasetmaxprice",
        "workerpool",
        "workerpoolmaxprice",
        "requester",
        "beneficiary",
        "volume",
        "params",
        "callback",
        "category",
        "trust",
        "tag",
    )

    app: str
    appmaxprice: int = 0
    dataset: str = NULL_ADDRESS
    datasetmaxprice: int = 0
    workerpool: str = NULL_ADDRESS
    workerpoolmaxprice: int = 0
    requester: str
    volume: int = 1
    tag: str = NULL_BYTES32
    category: int
    trust: int = 0
    beneficiary: str
    callback: str = NULL_ADDRESS
    params: str

    def _written_names(self) -> tuple[str, ...]:
        # Turning the parameters into text makes the SDK's checker rebuild the object, last member first.
        return self.written if self.signature is None else tuple(reversed(tuple(self.layout)))

    def _check_signer(self, address: str) -> None:
        if address != self.requester:
            raise ValidationError(
                "Invalid order signer, must be the requester",
                details={"requester": self.requester, "signer": address},
            )


ORDERS: Final[Mapping[str, type[Order]]] = {
    order.kind: order for order in (AppOrder, DatasetOrder, WorkerpoolOrder, RequestOrder)
}

#: ABI tuple type of each kind of order, signature included.
ORDER_ABI: Final[Mapping[str, str]] = {kind: order.abi_type() for kind, order in ORDERS.items()}

#: Stands for "no dataset" when orders are matched.
NULL_DATASET_ORDER: Final = DatasetOrder(
    dataset=NULL_ADDRESS, volume=0, salt=NULL_BYTES32, signature=NULL_BYTES
)
