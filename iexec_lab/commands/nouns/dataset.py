"""``dataset``: encrypt, deploy and sell data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.client.nouns._sale_options import FileSale
from iexec_lab.client.options import on_a_line
from iexec_lab.commands import asset_commands, list_commands
from iexec_lab.commands.dry_run import DRY_RUN, rehearsable
from iexec_lab.commands.handlers import calling, done, given
from iexec_lab.commands.options import (
    CHAIN,
    DATASET_FOLDERS,
    FORCE,
    OVERWRITE,
    SENDS,
    SIGNS,
    TEE_FRAMEWORK,
    WALLET_OPEN,
    declared_options,
    flag,
)
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import Argument, Command, Option
from iexec_lab.doors import BYTES
from iexec_lab.errors import AbortedError

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context, Step
    from iexec_lab.project.encrypt_folder import Progress

_FOLDERS = ("dataset_keystoredir", "original_dataset_dir", "encrypted_dataset_dir")


def init(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.project import templates

    outcome = asset_commands.save_template(
        context, "dataset", templates.resource("dataset", asset_commands.owner_of(context, args))
    )
    if args.encrypted or args.tee:
        context.project.create_dataset_folders(*(getattr(args, name) for name in _FOLDERS))
        context.face.note("Put your files into datasets/original, then run iexec-lab dataset encrypt.")
    return outcome


def encrypt(context: Context, args: Namespace) -> Outcome:
    from iexec_lab import frames
    from iexec_lab.project.dataset_entry import fill_encrypted
    from iexec_lab.project.encrypt_folder import encrypt_folder

    names: set[str] = set()

    def told(step: Step) -> Progress:
        def tell(name: str, done: int | None, total: int | None) -> None:
            names.add(name)
            step.update(name, done, total, BYTES)

        return tell

    def work(*, keep: bool) -> dict[str, Any]:
        with context.face.working("Encrypting") as step:
            return encrypt_folder(
                context.folder,
                force=args.force,
                keep=keep and not args.force,
                overwrite=context.confirm_overwrite,
                progress=told(step),
                **given(args, _FOLDERS),
            )

    # A cell or a script that runs again keeps the keys that it made: datasets may be deployed with them.
    try:
        raw = work(keep=context.lasting and not args.raw)
    except AbortedError as error:
        if args.raw or not error.unanswered:
            raise
        raw = work(keep=True)
    filled = fill_encrypted(context.folder, raw["encryptedFiles"][-1])
    if filled:
        context.face.remark(filled)
    kept = len(raw["encryptedFiles"]) - len(names)
    unchanged = f" {kept} had not changed and kept their keys; --force makes new ones." if kept else ""
    return Outcome(
        raw,
        lambda: frames.build("encrypted_file", raw["encryptedFiles"]),
        f"Encrypted {len(names)} file(s).{unchanged}",
    )


def publish_file(context: Context, args: Namespace) -> Outcome:
    lab, project = context.lab(args), context.project
    in_project = project.has("iexec.json")
    if in_project:
        project.prepare_deployed()
    with context.face.working("Publishing the file"):
        outcome = done(
            lab,
            "dataset.publish_file",
            "Dataset {address} is for sale: order {orderHash}.",
            path=args.path,
            force=args.force,
            **given(args, on_a_line(FileSale)),
        )
    if in_project:
        project.save_deployed("dataset", lab.session.network.id, outcome.raw["address"])
    if outcome.raw["price"] == "0" and not args.raw:
        context.face.remark("It is used for free. With --price 1 RLC each use costs that.")
    asset_commands.note_order(context, args, "datasetorder", outcome.raw["orderHash"])
    if "encrypt" in outcome.raw["done"]:
        context.face.remark(f"Keep its key, which nobody can make again: {outcome.raw['key']}")
    return outcome


COMMANDS = (
    Command(
        ("dataset", "init"),
        "write a sample dataset into iexec.json",
        init,
        options=(
            *WALLET_OPEN,
            flag("--encrypted", "also make the folders for encryption"),
            flag("--tee", "the same as --encrypted"),
            *DATASET_FOLDERS,
        ),
        example="dataset init --encrypted",
    ),
    Command(
        ("dataset", "encrypt"),
        "encrypt every file in datasets/original, each with its own key",
        encrypt,
        options=(OVERWRITE, *DATASET_FOLDERS),
        example="dataset encrypt",
        notes="The dataset in iexec.json gets the checksum (of several files that of the last, whose key is\n"
        "dataset.key); iexec-lab storage upload <file> then fills in where it is.",
    ),
    asset_commands.deploy("dataset"),
    asset_commands.show("dataset"),
    *list_commands.of_asset("dataset"),
    asset_commands.count("dataset"),
    asset_commands.publish(
        "dataset",
        example=f"dataset publish --tag tee,tdx --app-restrict {asset_commands.EXAMPLE}",
    ),
    Command(
        ("dataset", "publish-file"),
        "sell a file: encrypt, upload, deploy, give its key to the secret manager, publish",
        rehearsable(publish_file),
        args=(
            Argument("path", "path", "the file, or a folder, which is zipped", required=True, shows="file"),
        ),
        options=(*SENDS, FORCE, DRY_RUN, *declared_options(FileSale)),
        example=f"dataset publish-file table.csv --price 0.5 RLC --app-restrict {asset_commands.EXAMPLE}",
        notes="What is done already is left out: the same line again changes nothing, and ends what was\n"
        "interrupted. The key stays in .secrets/datasets. Without --tag, only enclaves get the data (tee).",
        spends=True,
    ),
    asset_commands.unpublish("dataset"),
    asset_commands.transfer("dataset"),
    Command(
        ("dataset", "prepare-bulk"),
        "upload orders of many datasets, to use them all in one run",
        calling(
            "dataset.prepare_bulk",
            doing="Uploading the orders",
            said="Bulk {cid} for {volume} task(s): iexec-lab app run --bulk {cid}",
        ),
        args=(
            Argument(
                "orders",
                "datasetorder",
                "hashes of published dataset orders, free and of unlimited volume",
                required=True,
                shows="orderHash",
                variadic=True,
            ),
        ),
        options=(
            *CHAIN,
            Option(
                "--max-dataset-per-task", "integer", "datasets of one task, 1 to 100 (100)", shows="count"
            ),
        ),
        example="dataset prepare-bulk "
        "0x3f0d1ba2e26e0a8b1d7e0d5a6c1f6f1d0a8c9bd0a1e2f3c4d5e6f7a8b9c0d1e2 --max-dataset-per-task 10",
        notes="The orders are fetched from the market and verified. In a notebook {orders} may be a frame\n"
        "of orderbook dataset any --bulk-only, or rows of one.",
    ),
    Command(
        ("dataset", "push-secret"),
        "give the dataset's key to the secret manager",
        calling(
            "dataset.push_secret",
            doing="Storing the key",
            said="The key of the dataset is stored.",
            deployed="dataset",
        ),
        args=(asset_commands.address("dataset"),),
        options=(
            *SIGNS,
            Option("--secret-path", "file", "key file (.secrets/datasets/dataset.key)", shows="secretPath"),
            TEE_FRAMEWORK,
        ),
        example="dataset push-secret",
        notes="Apps get the key only in executions that your dataset orders allow.",
    ),
    Command(
        ("dataset", "check-secret"),
        "show whether the secret manager has the dataset's key",
        calling("dataset.check_secret", doing="Asking the secret manager", deployed="dataset"),
        args=(asset_commands.address("dataset"),),
        options=(*CHAIN, TEE_FRAMEWORK),
        example="dataset check-secret",
    ),
)
