"""``dataset``: encrypt, deploy and sell data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.commands import asset_commands
from iexec_lab.commands.handlers import calling, given
from iexec_lab.commands.options import (
    CHAIN,
    DATASET_FOLDERS,
    OVERWRITE,
    SIGNS,
    TEE_FRAMEWORK,
    WALLET_OPEN,
    flag,
)
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import Command, Option
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
    from iexec_lab.project.encrypt_folder import encrypt_folder

    names: set[str] = set()

    def told(step: Step) -> Progress:
        def tell(name: str, done: int | None, total: int | None) -> None:
            names.add(name)
            step.update(f"{name} {_percent(done, total)}")

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
    kept = len(raw["encryptedFiles"]) - len(names)
    unchanged = f" {kept} had not changed and kept their keys; --force makes new ones." if kept else ""
    return Outcome(
        raw,
        lambda: frames.build("encrypted_file", raw["encryptedFiles"]),
        f"Encrypted {len(names)} file(s).{unchanged}",
    )


def _percent(done: int | None, total: int | None) -> str:
    return f"{100 * (done or 0) // total} %" if total else ""


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
        notes="The answer has the checksum: put it into iexec.json before dataset deploy.",
    ),
    asset_commands.deploy("dataset"),
    asset_commands.show("dataset"),
    asset_commands.count("dataset"),
    asset_commands.publish(
        "dataset",
        example=f"dataset publish --tag tee,tdx --app-restrict {asset_commands.EXAMPLE}",
    ),
    asset_commands.unpublish("dataset"),
    asset_commands.transfer("dataset"),
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
            Option("--secret-path", "file", "key file (.secrets/datasets/dataset.key)", shows="file"),
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
