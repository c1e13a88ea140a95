"""``app``: deploy, sell and run applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.client.matching.run_options import ExecutionOptions, RunOptions
from iexec_lab.commands import asset_commands, list_commands
from iexec_lab.commands.dry_run import planned
from iexec_lab.commands.handlers import calling, done, given_for_app
from iexec_lab.commands.job_outcome import follow, wait_limits
from iexec_lab.commands.options import (
    CHAIN,
    FORCE,
    SENDS,
    SIGNS,
    TEE_FRAMEWORK,
    WALLET_OPEN,
    declared_options,
    flag,
)
from iexec_lab.commands.tree import Argument, Command, Option
from iexec_lab.errors import ValidationError
from iexec_lab.frameworks import TEE_FRAMEWORKS

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome


def init(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.project import templates

    framework = args.tee_framework
    if args.tee and framework is None:
        framework = context.lab(args).session.network.default_tee_framework or "scone"
    return asset_commands.save_template(
        context, "app", templates.app(asset_commands.owner_of(context, args), framework)
    )


def run(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.client.nouns._run import RunPlan

    if args.callback and args.download is not None:
        raise ValidationError(
            "With --callback the result goes to that contract: there will be nothing to download",
            hint="Leave out one of the two; --watch waits for the tasks.",
        )
    if args.download is not None:
        from iexec_lab.client.results.download import check_target

        check_target(context.folder, args.download)
    lab = context.lab(args)
    values = given_for_app(context, args, RunOptions, lab.session.network.id)
    watch = args.watch or args.download is not None
    limits = wait_limits(args, watch=watch)
    for name in ("watch", *limits):  # waited for below, with progress
        values.pop(name, None)
    with context.face.working("Preparing the deal"):
        job = lab.app.run(**values, dry_run=args.dry_run, tell=_silence if args.raw else context.face.warn)
    if isinstance(job, RunPlan):
        return planned(job)
    return follow(context, job, watch=watch, download=args.download, **limits)


def _silence(_text: str) -> None:
    """``--raw``: what the official CLI does not say."""


def request_execution(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    values = given_for_app(context, args, ExecutionOptions, lab.session.network.id)
    with context.face.working("Publishing the request"):
        return done(lab, "app.request_execution", "Published request {orderHash}.", **values)


_APP = Argument("app", "app", "the app; by default the one in deployed.json", shows="appAddress")

COMMANDS = (
    Command(
        ("app", "init"),
        "write a sample app into iexec.json",
        init,
        options=(
            *WALLET_OPEN,
            flag("--tee", "an app for the default TEE framework of the network"),
            Option(
                "--tee-framework",
                "framework",
                "an app for this framework",
                shows="name",
                choices=TEE_FRAMEWORKS,
            ),
        ),
        example="app init",
    ),
    asset_commands.deploy("app"),
    asset_commands.show("app"),
    *list_commands.of_asset("app"),
    asset_commands.count("app"),
    Command(
        ("app", "run"),
        "run an app at market price",
        run,
        args=(_APP,),
        options=(
            *SENDS,
            FORCE,
            *declared_options(RunOptions),
            Option(
                "--download",
                "path",
                "wait, then store the results here (<task>.zip)",
                "optional",
                shows="fileName",
            ),
            flag("--dry-run", "show orders and cost, sign nothing"),
        ),
        example="app run --args hello --watch",
        notes="Takes the cheapest orders on the market that fit together. Prices are limits; without them\n"
        "any price is accepted after confirmation.",
        spends=True,
    ),
    Command(
        ("app", "request-execution"),
        "publish a request at your own price",
        asset_commands.noting("requestorder", request_execution),
        args=(_APP,),
        options=(*SIGNS, FORCE, *declared_options(ExecutionOptions)),
        example="app request-execution --args hello --workerpool-price 0.1 RLC",
        notes="Nothing is paid until somebody fills the request; the stake must cover it.",
    ),
    asset_commands.publish(
        "app",
        example="app publish --price 0.01 RLC --volume 100",
    ),
    asset_commands.unpublish("app"),
    asset_commands.transfer("app"),
    Command(
        ("app", "push-secret"),
        "give the app its secret, which can never be replaced",
        calling(
            "app.push_secret",
            doing="Storing the secret",
            said="The secret of the app is stored.",
            deployed="app",
        ),
        args=(asset_commands.address("app"),),
        options=(
            *SIGNS,
            Option("--secret-value", "secret", "the secret (asked for if omitted)", shows="secretValue"),
            TEE_FRAMEWORK,
        ),
        example="app push-secret",
    ),
    Command(
        ("app", "check-secret"),
        "show whether the app has its secret",
        calling("app.check_secret", doing="Asking the secret manager", deployed="app"),
        args=(asset_commands.address("app"),),
        options=(*CHAIN, TEE_FRAMEWORK),
        example="app check-secret",
    ),
)
