"""``category``: sizes of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.commands.asset_commands import save_template
from iexec_lab.commands.handlers import calling, done
from iexec_lab.commands.options import CHAIN, FORCE, SENDS
from iexec_lab.commands.tree import Argument, Command
from iexec_lab.errors import ValidationError

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome


def init(context: Context, args: Namespace) -> Outcome:  # noqa: ARG001 - the signature of a handler
    from iexec_lab.project import templates

    return save_template(context, "category", templates.category())


def create(context: Context, args: Namespace) -> Outcome:
    values = context.project.resource("category")
    names = {"name": "name", "description": "description", "workClockTimeRef": "work_clock_time_ref"}
    for key in names:
        if key not in values:
            raise ValidationError(f"{key} is a required field", hint='Add it to category in "iexec.json".')
    lab = context.lab(args)
    with context.face.working("Creating the category"):
        wanted = {name: values[key] for key, name in names.items()}
        return done(lab, "category.create", "Created category {catid}.", **wanted, force=args.force)


COMMANDS = (
    Command(
        ("category", "init"),
        "write a sample category into iexec.json",
        init,
        example="category init",
    ),
    Command(
        ("category", "create"),
        "add the category of iexec.json (owner of the hub only)",
        create,
        options=(*SENDS, FORCE),
        example="category create",
        spends=True,
    ),
    Command(
        ("category", "show"),
        "show one category",
        calling("category.show", doing="Reading the category"),
        args=(Argument("index", "category", "its number", required=True),),
        options=CHAIN,
        example="category show 0",
    ),
    Command(
        ("category", "list"),
        "list all categories",
        calling("category.list", doing="Reading the categories"),
        options=CHAIN,
        example="category list",
    ),
    Command(
        ("category", "count"),
        "number of categories",
        calling("category.count", doing="Counting", said="{count} categories."),
        options=CHAIN,
        example="category count",
    ),
)
