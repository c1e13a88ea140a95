"""The page that ``%iexec?`` and ``%%iexec?`` show; its list of commands is that of the command tree."""

from __future__ import annotations

from typing import Final

from iexec_lab.commands.tree import NOUNS

_PAGE: Final = """\
Run a command of the iExec marketplace: apps and data of other people, on other people's machines.

First steps
-----------
%iexec connect sandbox              a whole market on this computer, where nothing costs anything
%iexec sandbox fund                 RLC and ether to play with
%iexec account deposit 10 RLC       what tasks are paid from
%iexec orderbook workerpool         machines for rent, and their prices
%iexec connect arbitrum-mainnet     the real market; a cost is shown and confirmed before anything is signed

Lines
-----
%iexec category show 0              the value is shown ...
df = %iexec orderbook workerpool    ... or kept: a DataFrame, a Job, an address
%iexec init --skip-wallet;          ... or neither, with a semicolon
%iexec app run {app} --args "hello {name}" --workerpool {df.workerpool[0]}

A name in braces stands for a variable of the notebook, its attribute or its item. {{ and }} stand for
braces; JSON stays as it is. Quotes keep words together, and # begins a comment.

Cells
-----
With a command in its first line, a cell holds more options of it, one or several on a line.
-o keeps the value in a variable.

    %%iexec app run {app} -o job
    --args "hello"
    --watch

Without one, each line is a command; they run in order, until one fails.

    %%iexec
    init --skip-wallet
    app init
    app deploy

Then
----
job.wait()                          until its tasks are done; an interrupt leaves the job running
job.result().text("result.txt")     a file of the result
%iexec jobs                         jobs that run, also those of another notebook

Commands
--------
@commands@

Help
----
%iexec --help                       all commands
%iexec app run --help               one command, its options and an example; so does %iexec app run?
%iexec form app run                 the command as a form, with fields and a button
Tab completes commands, options, addresses, and names in braces.

When something fails
--------------------
A failed command fails its cell. The line after the arrow says what to do next.
job.why()                           why a task has no result; job.logs() is what the app wrote
%iexec task debug {task} --logs     the same for a task of any job
%config IexecMagics.traceback = True    whole tracebacks of errors
%config IexecMagics                 all settings: network, questions, progress, how frames are drawn

Keys and passwords are never typed into a line: --password {password} takes one from a variable, and a
question asks for what is missing.
"""


def page() -> str:
    width = max(map(len, NOUNS))
    commands = "\n".join(f"{noun:<{width}}  {summary}" for noun, summary in NOUNS.items())
    return _PAGE.replace("@commands@", commands)
