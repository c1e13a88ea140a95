"""From a file to a dataset on the market: encrypt, upload, deploy, give the key to the SMS, publish.

Disk, IPFS, chain, SMS and market say what is done already, so nothing has to be remembered: the same line
again does what is left, after a kill too. Signing and gas are one plan, asked for once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.matching import preflight, signing
from iexec_lab.client.matching.offers import read_book
from iexec_lab.client.matching.published import are_signed
from iexec_lab.client.permit import spend
from iexec_lab.client.plan import is_rehearsal
from iexec_lab.errors import IexecError, OrderError, ServiceError
from iexec_lab.ethereum.calls import Call, read
from iexec_lab.ethereum.contracts import DATASET_REGISTRY
from iexec_lab.ipfs.unixfs import cid_of
from iexec_lab.project.encrypt_file import encrypt_once, find_encrypted
from iexec_lab.protocol import dataset_arguments, tee_framework

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from iexec_lab.client.matching.signing import AnyOrder
    from iexec_lab.client.permit import Permit
    from iexec_lab.client.session import Session
    from iexec_lab.project.encrypt_file import EncryptedFile

    Progress = Callable[[str, int | None, int | None], None]

STEPS: Final = {
    "encrypt": "encrypted",
    "upload": "uploaded",
    "deploy": "deployed",
    "push-secret": "key pushed",
    "publish": "published",
}
"""Step -> how it is told when it is done."""


@dataclass(frozen=True, slots=True)
class _Dataset:
    """The dataset that a file is, and what is done of it.

    Attributes:
        address: Where it is, or will be.
        arguments: Those of its creation.
        cid: Of the encrypted file.
        left: The steps to do.
        order: The order to be signed, or the equal one that is published.
    """

    address: str
    arguments: tuple[Any, ...]
    cid: str
    left: frozenset[str]
    order: AnyOrder


def publish_file(
    session: Session,
    path: Path,
    options: Mapping[str, Any],
    *,
    force: bool,
    progress: Progress | None,
) -> dict[str, Any]:
    """Do what is left to do for a file; ``options`` are all of ``FileSale``.

    Returns:
        ``address``, ``orderHash``, ``txHash`` of the deployment if there was one, ``name``, ``price``,
        ``cid``, ``multiaddr``, ``checksum``, ``original``, ``encrypted``, ``key``, and the steps ``done`` and
        ``skipped``.
    """

    def tell(doing: str, done: int | None = None, total: int | None = None) -> None:
        if progress is not None:
            progress(doing, done, total)

    terms = dict(options)
    name, unchecked = terms.pop("name") or path.absolute().name, terms.pop("skip_preflight_check")
    draft = _draft(session, session.own_address, terms)  # a mistake is told before anything is done
    session.sms(tee_framework(draft.tag))
    file = _encrypted(session, path, name, draft, tell)
    done: dict[str, Any] = {"encrypt": file.new}
    with file.encrypted.open("rb") as encrypted:
        cid = str(cid_of(encrypted))
    while True:
        tell("Looking for what is done already")
        dataset = _look(session, file, name, terms, cid, uploaded="upload" in done)
        permit = _permitted(session, path, file, dataset, force=force)
        if "upload" not in dataset.left:
            break
        uploading = partial(tell, f"Uploading {file.encrypted.name}")
        uploading()
        made, done["upload"] = session.ipfs.add(file.encrypted, progress=uploading), True
        if made == cid:
            break
        cid = made  # a node that cuts files in its own way: another address, so another plan
    order = _finish(permit, file, dataset, done, tell, unchecked=unchecked)
    return {
        "address": dataset.address,
        "orderHash": order.hash(session.domain),
        **({"txHash": done["deploy"]} if "deploy" in done else {}),
        "name": name,
        "price": order.price,
        "cid": dataset.cid,
        "multiaddr": f"/ipfs/{dataset.cid}",
        "checksum": file.checksum,
        "original": str(file.original),
        "encrypted": str(file.encrypted),
        "key": str(file.key_file),
        "done": [step for step in STEPS if done.get(step)],
        "skipped": [step for step in STEPS if not done.get(step)],
    }


def _encrypted(session: Session, path: Path, name: str, draft: AnyOrder, tell: Progress) -> EncryptedFile:
    """The encrypted file. A rehearsal makes none, and ends here where there is none."""

    def reading(done: int, total: int | None) -> None:
        tell(f"Encrypting {path.name}", done, total)

    if not is_rehearsal():
        return encrypt_once(session.folder, path, reading)
    found = find_encrypted(session.folder, path, reading)
    if found is None:
        session.ipfs.require_node()
        details: dict[str, Any] = {"file": str(path), "steps": ", ".join(STEPS), "name": name}
        details |= signing.order_terms(draft)
        del details["dataset"]  # its address follows from the encrypted file
        spend(session, session.plan("dataset publish-file", cost_wei=session.some_gas, **details))
    assert found is not None
    return found


def _finish(
    permit: Permit,
    file: EncryptedFile,
    dataset: _Dataset,
    done: dict[str, Any],
    tell: Callable[[str], None],
    *,
    unchecked: bool,
) -> AnyOrder:
    """What comes after the upload; the published order. ``done`` is told of each step."""
    session, order = permit.session, dataset.order
    if "deploy" in dataset.left:
        tell("Deploying the dataset")
        done["deploy"] = _deploy(permit, dataset)
    if "push-secret" in dataset.left:
        tell("Giving the key to the secret manager")
        sms = session.sms(tee_framework(order.tag))
        sms.push_dataset_secret(dataset.address, file.key(), session.gate)
        done["push-secret"] = True
    if "publish" in dataset.left:
        tell("Publishing the order")
        if not unchecked:
            preflight.require(session, order)
        order = signing.sign(permit, order)
        signing.publish(session, order)
        done["publish"] = True
    return order


def _draft(session: Session, dataset: str, terms: Mapping[str, Any]) -> AnyOrder:
    """The unsigned order that sells a dataset."""
    values = {"dataset": dataset, "datasetprice": terms["price"]}
    values |= {name.replace("_restrict", "restrict"): terms[name] for name in terms if name != "price"}
    return signing.draft(session, "datasetorder", values)


def _look(
    session: Session,
    file: EncryptedFile,
    name: str,
    terms: Mapping[str, Any],
    cid: str,
    *,
    uploaded: bool,
) -> _Dataset:
    """Where the dataset is, and which steps are left.

    Raises:
        OrderError: It belongs to somebody else.
        ConfigurationError: It has to be uploaded, and the network has no IPFS node.
    """
    owner = session.own_address
    values = {"owner": owner, "name": name, "multiaddr": f"/ipfs/{cid}", "checksum": file.checksum}
    arguments = dataset_arguments(values)
    registry = session.registries["dataset"]
    address = session.to_address(
        read(session.rpc, [Call(registry, DATASET_REGISTRY.predictDataset, arguments)])[0]
    )
    order = _draft(session, address, terms)

    def is_uploaded() -> bool:
        if uploaded or file.new:  # a gateway may look long for what nobody has
            return uploaded
        try:
            return session.ipfs.exists(cid)
        except ServiceError:
            return False  # adding it again changes nothing

    def is_deployed() -> bool:
        if not session.hub.is_registered("dataset", [address])[0]:
            return False
        [present] = session.hub.owners([address])
        if present != owner:
            raise OrderError(
                f"The dataset of this file, {address}, belongs to another wallet",
                details={"owner": present, "wallet": owner},
                hint="Use the wallet that owns it, or deploy the file once more: --name <another name>.",
            )
        return True

    has_file, is_there, has_key, published = session.together(
        is_uploaded,
        is_deployed,
        lambda: session.sms(tee_framework(order.tag)).has_dataset_secret(address),
        lambda: _published(session, order),
    )
    if not has_file:
        session.ipfs.require_node()
    state = {"upload": has_file, "deploy": is_there, "push-secret": has_key, "publish": published}
    left = frozenset(step for step, is_done in state.items() if not is_done)
    return _Dataset(address, arguments, cid, left, published or order)


def _published(session: Session, wanted: AnyOrder) -> AnyOrder | None:
    """An open order of these terms that the dataset's owner signed."""
    everybody = {"app": "any", "workerpool": "any", "requester": "any"}
    found = read_book(session, "datasetorder", dataset=wanted.resource, **everybody)
    equal = [order for order in found if replace(order, salt=None, signature=None) == wanted]
    if not equal:
        return None
    signed = are_signed(session, equal)
    used = session.hub.view_consumed([order.hash(session.domain) for order in equal])
    usable = (
        order for order, good, taken in zip(equal, signed, used, strict=True) if good and taken < order.volume
    )
    return next(usable, None)


def _permitted(
    session: Session, path: Path, file: EncryptedFile, dataset: _Dataset, *, force: bool
) -> Permit:
    """The permit for what is left; nobody is asked where nothing is signed that has a value."""
    registry, is_new = session.registries["dataset"], "deploy" in dataset.left
    details: dict[str, Any] = {
        "file": str(path),
        "steps": ", ".join(step for step in STEPS if step in dataset.left),
    }
    if is_new:
        owner, name, _, _ = dataset.arguments
        details |= {"registry": registry, "owner": owner, "name": name}
        details |= {"multiaddr": f"/ipfs/{dataset.cid}", "checksum": file.checksum}
    signs = [dataset.order] if "publish" in dataset.left else []
    cost: int | None = 0
    if is_new and (is_rehearsal() or (session.network.real_value and not force)):
        cost = session.gas_cost(registry, DATASET_REGISTRY.createDataset.encode(*dataset.arguments), 0)
    elif is_new:
        cost = session.some_gas
    details |= signing.order_terms(dataset.order)
    plan = session.plan("dataset publish-file", cost_wei=cost, signs=signs, **details)
    nothing = not is_new and not signs and not is_rehearsal()
    return spend(session, plan, force=force or nothing)


def _deploy(permit: Permit, dataset: _Dataset) -> str:
    """Create the entry of the registry; the transaction's hash."""
    session = permit.session
    registry = session.registries["dataset"]
    receipt = permit.send(registry, DATASET_REGISTRY.createDataset.encode(*dataset.arguments))
    if not session.hub.is_registered("dataset", [dataset.address])[0]:
        raise IexecError("Transfer not confirmed", details={"transaction": receipt.tx_hash})
    return receipt.tx_hash
