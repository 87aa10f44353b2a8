"""Building one item: what is unknown is left out, refs stay within the wire's limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from muster.wire.digest import digest_bytes
from muster.wire.report import Item, Value

HOST_REF = "host"
_REF_LIMIT = 512
_TEXT_LIMIT = 4096


def build_item(
    ref: str,
    ci_class: str,
    identifiers: Mapping[str, str | Sequence[str]],
    attributes: Mapping[str, Value | Sequence[str]],
    *,
    owner: str | None = HOST_REF,
) -> Item:
    """An item without empty identifiers and attributes; None, "" and an empty list mean unknown."""
    return Item(
        ref=_fit_ref(ref),
        ci_class=ci_class,
        identifiers={kind: value if isinstance(value, str) else list(value) for kind, value in identifiers.items() if value},
        attributes={name: _fit(value) for name, value in attributes.items() if value is not None and value not in ("", [], ())},
        owner=owner,
    )


def _fit(value: Value | Sequence[str]) -> Value:
    if isinstance(value, str):
        return value[:_TEXT_LIMIT]
    return list(value) if isinstance(value, tuple) else value  # type: ignore[return-value]  # tuples of str only


def _fit_ref(ref: str) -> str:
    if len(ref) <= _REF_LIMIT:
        return ref
    return f"{ref[: _REF_LIMIT - 33]}~{digest_bytes(ref.encode(errors='replace'))}"
