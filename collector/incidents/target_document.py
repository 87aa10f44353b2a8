"""targets.d/*.yaml: where incidents are told, decoded strictly into the settings that each target declares.

The kinds of targets are an argument: they live in `exporters/incidents/`, which the collector does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from collector.incidents.incident import Incident
from collector.incidents.selection import Selection, parse_selection, selects
from muster.document import error_at, parse_document, parse_yaml, suggest
from muster.errors import ConfigurationError, DocumentError
from muster.ports import Target
from muster.secret import check_reference, read_secret

_OWN_FIELDS: list[tuple[str, Any, Any]] = [
    ("secret", str | list[str], msgspec.field(default_factory=list)),
    ("when", str, ""),
    ("allow_private", bool, False),
]


@dataclass(frozen=True)
class ConfiguredTarget:
    """A target as an operator configured it. `secret_references`: newest first, at most two during a rotation."""

    id: str
    target: Target
    settings: Mapping[str, Any]
    secret_references: tuple[str, ...] = ()
    selection: Selection = ()
    allow_private: bool = False

    def wants(self, incident: Incident) -> bool:
        """Whether its `when` selects the incident."""
        return selects(self.selection, incident)

    def read_secrets(self) -> list[bytes]:
        """The secrets as they are now, so that a mended file is used without a restart. Raises ConfigurationError."""
        return [read_secret(reference).encode() for reference in self.secret_references]


def parse_targets(texts: Mapping[str, str], kinds: Mapping[str, Target]) -> list[ConfiguredTarget]:
    """All targets of a folder (file → text), each id once. Raises DocumentError with file and line."""
    found: dict[str, tuple[ConfiguredTarget, str]] = {}
    for file, text in texts.items():
        configured = parse_target(text, kinds, file=file)
        if configured.id in found:
            raise DocumentError(f"target {configured.id!r} stands also in {found[configured.id][1]}", file=file, line=1, path="$.id")
        found[configured.id] = (configured, file)
    return [configured for configured, _ in found.values()]


def parse_target(text: str, kinds: Mapping[str, Target], *, file: str) -> ConfiguredTarget:
    """One target from YAML text. Raises DocumentError with line and suggestion; secrets are not read yet."""
    node, value = parse_yaml(text, file=file)
    kind = value.get("type") if isinstance(value, dict) else None
    target = kinds.get(kind) if isinstance(kind, str) else None
    if target is None:
        raise error_at(node, "$.type", f"unknown type {kind!r}{suggest(str(kind), list(kinds))}", file=file)
    document = parse_document(text, _struct_of(target), file=file)
    values = msgspec.structs.asdict(document)
    own = {name: values.pop(name) for name in ("id", "type", "secret", "when", "allow_private")}
    references = (own["secret"],) if isinstance(own["secret"], str) else tuple(own["secret"])
    if len(references) > 2:
        raise error_at(node, "$.secret", "at most two secrets: the new one and, during a rotation, the old one", file=file)
    try:
        for reference in references:
            check_reference(reference)
    except ConfigurationError as error:
        raise error_at(node, "$.secret", str(error), file=file) from None
    try:
        selection = parse_selection(own["when"])
    except ConfigurationError as error:
        raise error_at(node, "$.when", str(error), file=file) from None
    if "@" in str(values.get("url", "")).partition("://")[2].partition("/")[0]:
        raise error_at(node, "$.url", "a URL is shown in lists and logs, so it holds no user and password; give them as secret", file=file)
    if not str(values.get("url", "https://")).startswith(("http://", "https://")):
        raise error_at(node, "$.url", "a URL begins with https:// (or http:// for an address that allow_private permits)", file=file)
    return ConfiguredTarget(
        id=own["id"], target=target, settings=values, secret_references=references, selection=selection, allow_private=own["allow_private"]
    )


def by_id(targets: Iterable[ConfiguredTarget]) -> dict[str, ConfiguredTarget]:
    """The targets by their ids."""
    return {each.id: each for each in targets}


def _struct_of(target: Target) -> type[msgspec.Struct]:
    """The document of one kind of target: what every target has, and its own settings, in one flat mapping."""
    own: list[str | tuple[str, Any] | tuple[str, Any, Any]] = [("id", str), ("type", str), *_OWN_FIELDS]
    return msgspec.defstruct("TargetDocument", own, bases=(target.settings,), kw_only=True, forbid_unknown_fields=True)
