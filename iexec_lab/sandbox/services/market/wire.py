"""Paths, queries and bodies of requests as Node, Koa and its body parser read them.

Ours because aiohttp normalises paths, keeps what is wrongly percent-encoded, and takes a body's charset, an
empty body and other JSON types otherwise: each difference is another status than the real service's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, unquote_plus

from aiohttp.web import HTTPRequestEntityTooLarge

from iexec_lab.protocol.javascript import check_shape, loads
from iexec_lab.sandbox.services.market.forms import read_form
from iexec_lab.sandbox.services.market.refusals import InvalidRequestError, MalformedBodyError

if TYPE_CHECKING:
    from aiohttp import web

LARGEST_JSON: Final = 1 << 20
LARGEST_FORM: Final = 56 << 10
"""Bytes of a body once it is decompressed."""


class TooDeepError(InvalidRequestError):
    """The real service reads such a body, and has no use for it."""


_JSON_TYPES: Final = {
    "application/json",
    "application/json-patch+json",
    "application/vnd.api+json",
    "application/csp-report",
    "application/scim+json",
}
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_ENCODINGS: Final = {"identity", "gzip", "deflate", "br"}
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  a word of RFC 9110
_MEDIA_TYPE: Final = re.compile(
    rf'\s*({_TOKEN}/{_TOKEN})\s*(?:;\s*{_TOKEN}\s*=\s*(?:"(?:[^"\\]|\\.)*"|{_TOKEN})\s*)*', re.ASCII
)
_BEGINNING: Final = re.compile(r"[ \t\n\r]*[\[{]")
_MOST_PARAMETERS: Final = 1000
_PROTO: Final = "__proto__"


def path_of(request: web.Request) -> str:
    """The path as it was sent, still percent-encoded."""
    return re.split("[?#]", request.raw_path, maxsplit=1)[0]


def decode_segment(segment: str) -> str:
    """A part of a path; one that is wrongly encoded stays as it is."""
    try:
        return unquote(segment, errors="strict") if not re.search("%(?![0-9a-fA-F]{2})", segment) else segment
    except UnicodeDecodeError:
        return segment


def query_of(request: web.Request) -> dict[str, Any]:
    """The query: a name given twice has a list, and of very many parameters the first count."""
    given: dict[str, Any] = {}
    _, _, query = request.raw_path.partition("#")[0].partition("?")
    for pair in [pair for pair in query.split("&") if pair][:_MOST_PARAMETERS]:
        name, _, text = pair.partition("=")
        name, value = (unquote_plus(each, errors="replace") for each in (name, text))
        known = given.get(name)
        if known is None:
            given[name] = value
        else:
            given[name] = [*(known if isinstance(known, list) else [known]), value]
    return given


async def read_body(request: web.Request) -> Any:
    """The body of a request: of JSON and forms what they say, ``{}`` for other content.

    Raises:
        MalformedBodyError: it is not a JSON object or list, too long, or compressed in an unknown way.
        TooDeepError: it is nested deeper than we follow.
    """
    content_type = request.headers.get("Content-Type", "")
    if _media_type(content_type.removesuffix(";")) in _JSON_TYPES:
        return _read_json(await _text(request, LARGEST_JSON))
    if request.body_exists and _media_type(content_type) == _FORM_TYPE:
        return read_form(await _text(request, LARGEST_FORM))
    return {}


async def _text(request: web.Request, longest: int) -> str:
    """UTF-8, whatever the charset that is named; wrong bytes are replaced, a byte-order mark is dropped."""
    if request.headers.get("Content-Encoding", "identity") not in {*_ENCODINGS, ""}:
        raise MalformedBodyError
    try:
        body = await request.read()
    except HTTPRequestEntityTooLarge:
        raise MalformedBodyError from None
    if len(body) > longest:
        raise MalformedBodyError
    return body.decode(errors="replace").removeprefix("\ufeff")


def _read_json(text: str) -> Any:
    if not text:
        return {}
    if not _BEGINNING.match(text):
        raise MalformedBodyError
    try:
        check_shape(text.encode(errors="surrogatepass"))
    except ValueError:
        raise TooDeepError("this must be a `object` type, but the final value was: `...`.") from None
    try:
        body = loads(text)
    except (ValueError, RecursionError):
        raise MalformedBodyError from None
    if _has_proto(body):
        raise MalformedBodyError
    return body


def _has_proto(body: Any) -> bool:
    """Whether an object has the key with which JavaScript objects are changed; the body parser refuses it."""
    if isinstance(body, dict):
        return _PROTO in body or any(map(_has_proto, body.values()))
    return isinstance(body, list) and any(map(_has_proto, body))


def _media_type(content_type: str) -> str | None:
    """Type and subtype in lower case, None when the header is malformed."""
    found = _MEDIA_TYPE.fullmatch(content_type)
    return found[1].lower() if found else None
