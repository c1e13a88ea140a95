"""What to do next about a job, and the line that buys the same once more."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.client.jobs.detached import typed
from iexec_lab.errors import ValidationError
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32
from iexec_lab.protocol.params import read_params
from iexec_lab.protocol.tags import decode_tag
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iexec_lab.protocol import Deal

_LONGEST: Final = 120
"""Characters of a value that a stranger may have chosen."""
_PROXY: Final = "iexec_result_storage_proxy"  # the network's own
_PRICES: Final = ("app_price", "dataset_price", "workerpool_price")


class Step(NamedTuple):
    """One thing to do: a sentence without its full stop, and the line that does it, without the program."""

    says: str
    line: str = ""

    def text(self) -> str:
        """The step with its line, as it is typed here."""
        return f"{self.says}: {typed(self.line)}." if self.line else f"{self.says}."


class Wish(NamedTuple):
    """What the deal of a run does not tell about it: its limits, in nRLC, and whether it named its pool."""

    named_workerpool: bool = False
    app_price: int | None = None
    dataset_price: int | None = None
    workerpool_price: int | None = None
    use_voucher: bool = False


def run_again(deal: Deal, wish: Wish | None = None) -> Step:
    """The line that buys the same once more.

    A stranger's deal may have any parameters: values that are long, or that no line can have, are left out
    and the sentence says so.

    Args:
        deal: What was bought.
        wish: What was asked for, if it was here.
    """
    words, whole = ["app", "run", deal.app.pointer], True
    for flag, value in _options(deal, wish or Wish()):
        texts = value if isinstance(value, list) else [value]
        if all(len(text) <= _LONGEST and text.isprintable() for text in texts):
            words += [f"{flag}={value}"] if str(value).startswith("-") else [flag, *texts]
        else:
            whole = False
    says = "Run it again" if whole else "Run it again, with the options that it had"
    return Step(says, " ".join(map(quoted, words)))


def elsewhere(again: Step) -> Step:
    """The same line for another workerpool, at its price."""
    line = re.sub(r" --workerpool(-price \S+)? \S+", "", again.line)
    return Step("Run it again on another workerpool", f"{line} --workerpool <address>".strip())


def _options(deal: Deal, wish: Wish) -> Iterator[tuple[str, str | list[str]]]:
    """Options and their values, those that the deal tells; a flag has an empty list."""
    params = read_params(deal.params)
    if deal.dataset.pointer != NULL_ADDRESS:
        yield "--dataset", deal.dataset.pointer
    if wish.named_workerpool:
        yield "--workerpool", deal.workerpool.pointer
    is_bulk = isinstance(params.get("bulk_cid"), str)
    yield from _of_params(params)
    yield from _of_terms(deal)
    if deal.bot_size > 1 and not is_bulk:
        yield "--volume", str(deal.bot_size)
    yield from _paying(wish)


def _of_params(params: dict[str, Any]) -> Iterator[tuple[str, str | list[str]]]:
    """Each parameter by its own option, the rest as JSON."""
    take = params.pop
    bulk, args = take("bulk_cid", None), take("iexec_args", None)
    files, secrets = take("iexec_input_files", None), take("iexec_secrets", None)
    provider = take("iexec_result_storage_provider", "ipfs")
    encrypted = take("iexec_result_encryption", None) in {True, "true"}
    take(_PROXY, None)
    texts = {"--bulk": bulk, "--args": args}
    yield from ((flag, text) for flag, text in texts.items() if isinstance(text, str) and text)
    if isinstance(files, list) and files:
        yield "--input-files", ",".join(map(str, files))
    if isinstance(secrets, dict) and secrets:
        yield "--secret", [f"{index}={name}" for index, name in secrets.items()]
    if provider != "ipfs":
        yield "--storage-provider", str(provider)
    if encrypted:
        yield "--encrypt-result", []
    if params:
        yield "--params", json.dumps(params, ensure_ascii=False, separators=(",", ":"))


def _of_terms(deal: Deal) -> Iterator[tuple[str, str]]:
    told = {
        "--category": str(deal.category) if deal.category else "",
        "--tag": _tag(deal.tag) if deal.tag != NULL_BYTES32 else "",
        "--trust": str(deal.trust) if deal.trust > 1 else "",
        "--callback": deal.callback if deal.callback != NULL_ADDRESS else "",
        "--beneficiary": "" if deal.beneficiary in {NULL_ADDRESS, deal.requester} else deal.beneficiary,
    }
    return ((flag, text) for flag, text in told.items() if text)


def _paying(wish: Wish) -> Iterator[tuple[str, list[str]]]:
    for name in _PRICES:
        limit: int | None = getattr(wish, name)
        if limit is not None:
            yield f"--{name.replace('_', '-')}", in_rlc(limit).split()
    if wish.use_voucher:
        yield "--use-voucher", []


def _tag(tag: str) -> str:
    try:
        return ",".join(decode_tag(tag))
    except ValidationError:
        return tag


def quoted(word: str) -> str:
    """A word as every shell and a magic take it, and as no sentence can swallow its end."""
    found = shlex.quote(word)
    return f"'{word}'" if found == word and word[-1:] in ".,;:" else found


def to_wish(options: Mapping[str, Any]) -> Wish:
    """What a run was asked for, of all of ``RunOptions``."""
    from iexec_lab.units import parse_rlc

    limits = {name: parse_rlc(options[name]) for name in _PRICES if options.get(name) is not None}
    paid = bool(options.get("use_voucher") or options.get("voucher_address"))
    return Wish(bool(options.get("workerpool")), **limits, use_voucher=paid)
