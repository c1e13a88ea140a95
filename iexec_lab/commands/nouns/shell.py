"""Completion in bash, zsh and fish: small scripts that hand the line to the tree and show what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.commands.complete import proposals, split
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import COMPLETE, PROGRAM, WITH_HELP, Argument, Command

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context

SCRIPTS = {
    # bash breaks words at "=", so what stands before it is there already.
    "bash": f"""\
_iexec_lab() {{
  local line="${{COMP_LINE:0:COMP_POINT}}" word
  COMPREPLY=()
  while IFS= read -r word; do
    [[ "${{line##* }}" == --*=* ]] && word="${{word#*=}}"
    COMPREPLY+=("$word")
  done < <({PROGRAM} {COMPLETE} "$line" 2>/dev/null)
  [[ "${{COMPREPLY[0]-}}" == */ ]] && compopt -o nospace
}}
complete -o nosort -F _iexec_lab {PROGRAM}
""",
    "zsh": f"""\
#compdef {PROGRAM}
_iexec_lab() {{
  local -a found
  local -a shown
  shown=("${{(@f)$({PROGRAM} {COMPLETE} "$LBUFFER" {WITH_HELP} 2>/dev/null)}}")
  found=("${{(@)shown%%$'\t'*}}")
  shown=("${{(@)shown/$'\t'/  -- }}")
  [[ -n "$found" ]] && compadd -l -V iexec -d shown -- "${{(@)found}}"
}}
compdef _iexec_lab {PROGRAM}
""",
    "fish": f"""\
complete -c {PROGRAM} -f -k -a \
  '({PROGRAM} {COMPLETE} (commandline -cp | string collect) {WITH_HELP} 2>/dev/null)'
""",
}


def answer(line: str, *, with_help: bool = False) -> list[str]:
    """Completions of a whole line, program name first, up to the cursor; behind a tab what they mean."""
    words, last = split(line)
    found = proposals(words[1:], last) if words else []
    return [f"{each.text}\t{each.brief}" if with_help and each.brief else each.text for each in found]


def script(_context: Context, args: Namespace) -> Outcome:
    text = SCRIPTS[args.shell]
    return Outcome({"script": text}, lambda: text, shown=text)


COMMANDS = (
    Command(
        ("completion",),
        "print the completion script of a shell",
        script,
        args=(Argument("shell", "text", "the shell to complete in", required=True, choices=tuple(SCRIPTS)),),
        example="completion bash",
        notes=f'bash, zsh: eval "$({PROGRAM} completion bash)" in the start-up file of the shell.\n'
        f"fish: {PROGRAM} completion fish | source",
    ),
)
