"""The options of a run: one declaration for ``app run`` and ``app request-execution``.

Add an option here and read it in ``request.py``, or in ``nouns/_run.py`` if only ``RunOptions`` has it: then
every face has it. An option that nothing reads is an error.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

from iexec_lab.client.options import AMOUNT_FORMS, Opt
from iexec_lab.client.wait_options import WaitOptions


class ExecutionOptions(TypedDict, total=False):
    """What both verbs take."""

    dataset: Annotated[
        str | None,
        Opt(
            "dataset",
            "data the app works on",
            "address or ENS name",
            '"deployed": the one in deployed.json',
            shows="address",
        ),
    ]
    bulk: Annotated[
        Any,
        Opt(
            "bulk",
            "many datasets, some for each task: a bulk's CID, or hashes of dataset orders",
            "what ``prepare_bulk`` returns or takes",
            shows="cid",
            variadic=True,
        ),
    ]
    workerpool: Annotated[
        str | None,
        Opt(
            "workerpool",
            "only on this workerpool",
            "address or ENS name",
            '"deployed": the one in deployed.json',
            shows="address",
        ),
    ]
    args: Annotated[str | None, Opt("text", "arguments of the app, in one string", shows="string")]
    input_files: Annotated[
        str | Sequence[str] | None,
        Opt(
            "url",
            "files the app downloads",
            "a list of URLs, or text with commas",
            "URLs separated by commas",
            shows="fileUrl",
        ),
    ]
    secret: Annotated[
        Mapping[Any, str] | Sequence[str] | None,
        Opt(
            "name",
            "requester secrets for the app",
            '``{1: "first-secret"}`` or ``["1=first-secret"]``; needs an enclave',
            "1=first-secret 2=second-secret",
            shows="secretMapping",
            variadic=True,
        ),
    ]
    category: Annotated[
        int | None,
        Opt("category", "category of the tasks", "a number from ``lab.category.list()``", shows="id"),
    ]
    tag: Annotated[Any, Opt("tag", "tag words (tee,tdx) or 32 bytes", "text, a list of words, or 0x text")]
    trust: Annotated[
        int, Opt("integer", "minimum trust", "above 1, several workers compute each task", default=0)
    ]
    storage_provider: Annotated[
        str | None, Opt("provider", "where results go: ipfs or dropbox", shows="name")
    ]
    encrypt_result: Annotated[
        bool,
        Opt("flag", "encrypt results with the beneficiary's public key", "needs an enclave", default=False),
    ]
    callback: Annotated[str | None, Opt("address", "contract to call with the result", shows="address")]
    beneficiary: Annotated[str | None, Opt("user", "who may read the results (the wallet)", shows="address")]
    params: Annotated[
        Any,
        Opt(
            "json",
            "parameters as JSON; the options above replace single keys",
            "an object or JSON text",
            shows="json",
        ),
    ]
    skip_preflight_check: Annotated[
        bool, Opt("flag", "do not check secrets and tags before signing", default=False)
    ]
    app_price: Annotated[
        Any,
        Opt(
            "amount",
            "highest price for the app",
            AMOUNT_FORMS,
            "in nRLC unless a unit follows",
            shows="amount unit",
            variadic=True,
        ),
    ]
    dataset_price: Annotated[
        Any,
        Opt(
            "amount",
            "highest price for the dataset",
            AMOUNT_FORMS,
            "in nRLC unless a unit follows",
            shows="amount unit",
            variadic=True,
        ),
    ]
    workerpool_price: Annotated[
        Any,
        Opt(
            "amount",
            "highest price for the workerpool",
            AMOUNT_FORMS,
            "in nRLC unless a unit follows",
            shows="amount unit",
            variadic=True,
        ),
    ]
    volume: Annotated[
        int | None,
        Opt("integer", "how many tasks (1, with a bulk as many as it is made for)", shows="volume"),
    ]


class RunOptions(ExecutionOptions, WaitOptions, total=False):
    """What ``app run`` takes besides them."""

    use_voucher: Annotated[bool, Opt("flag", "pay with the wallet's voucher", default=False)]
    voucher_address: Annotated[str | None, Opt("address", "pay with this voucher", shows="voucherAddress")]
    watch: Annotated[
        bool, Opt("flag", "wait until all tasks have ended", "as ``job.wait()`` does", default=False)
    ]


class MatchOptions(ExecutionOptions, total=False):
    """What ``orderbook match`` takes besides them."""

    limit: Annotated[
        int | None,
        Opt("integer", "stop after this many rows", "the cheapest ones", default=100, shows="count"),
    ]
