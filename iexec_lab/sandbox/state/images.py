"""Names of Docker images, by the grammar of distribution/reference, which every registry and engine follows.

    reference  = name [ ":" tag ] [ "@" digest ]
    name       = [ domain "/" ] component { "/" component }
    domain     = host [ ":" port ]
    component  = lower-case letters and digits, joined by ".", "_", "__" or dashes

No name can begin with a dash, so none can be taken for an option. Ours because it is an engine that checks
names, and an app that is a folder needs none.
"""

from __future__ import annotations

import re

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain

LONGEST_NAME = 255
"""Characters of domain and path together."""

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?"
    r"(?:@(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?"
)
_LONGEST = 1024
"""Characters of a whole reference: name, tag and the longest digest are fewer."""
_HASH = re.compile(r"[a-f0-9]{64}")


def check_image(image: str) -> str:
    """The name itself.

    Raises:
        ValidationError: it is no image reference.
    """
    found = _REFERENCE.fullmatch(image) if len(image) <= _LONGEST else None
    if found is None or len(found["name"]) > LONGEST_NAME or _HASH.fullmatch(image):
        raise ValidationError(
            f"{plain(image)!r} is not an image name",
            hint="[host[:port]/]name[:tag][@digest], the name in lower case, as docker pull takes it.",
        )
    return image
