"""Device profiles: one data file per device family says how to recognise it and where its facts stand. See docs/profiles.md.

`match_profile` and `read_fact` are pure. A profile names OIDs, patterns and transforms; it holds no code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from discovery.mibs.entity import Entity
from discovery.mibs.snmpv2 import System
from discovery.snmp.transform import TRANSFORMS
from discovery.snmp.varbind import Oid, Value, parse_oid, to_integer, to_oid, to_text
from muster.document import error_at, list_documents, load_document, parse_yaml, suggest
from muster.errors import DocumentError

PROFILE_FOLDER = Path(__file__).resolve().parent.parent / "profiles"
EntityField = Literal["model", "serial", "description", "name", "hardware_version", "firmware", "software_version", "vendor"]
SystemField = Literal["description", "object_id", "name"]
_POSITION = re.compile(r"\{(\d)\}")
DeviceClass = Literal["device", "network_device", "server", "hypervisor", "printer", "ups", "storage_array"]


class Match(Struct, frozen=True, forbid_unknown_fields=True):
    """When a profile applies: the sysObjectID is one of these or below it, and sysDescr holds the pattern where one is given."""

    object_id: Annotated[list[str], Meta(min_length=1)]
    description: str = ""


class FactSource(Struct, frozen=True, forbid_unknown_fields=True):
    """Where one text stands: exactly one of `oid`, `entity` (of the first chassis), `system` and `text`.

    `pattern`: a regular expression whose group 1 (or the whole match) is taken; without a match the source gives nothing.
    `transforms` are applied after it, then `map` (a text that it lacks gives nothing). `format` joins `parts` by position.
    """

    oid: str = ""
    object: str = ""
    entity: EntityField | None = None
    system: SystemField | None = None
    pattern: str = ""
    transforms: list[str] = []
    map: dict[str, str] = {}
    format: str = ""
    parts: list[FactSource] = []


class Facts(Struct, frozen=True, forbid_unknown_fields=True):
    """For each fact the sources in order, the first that gives something counts. None: as for any device; an empty list: unknown."""

    model: list[FactSource] | None = None
    serial: list[FactSource] | None = None
    os_version: list[FactSource] | None = None
    os_kernel: list[FactSource] | None = None
    architecture: list[FactSource] | None = None
    firmware: list[FactSource] | None = None

    def by_name(self) -> dict[str, list[FactSource] | None]:
        """The sources of each of FACTS."""
        return {name: getattr(self, name) for name in FACTS}


FACTS = Facts.__struct_fields__


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """What a profile rests on: documents and recordings (named, never copied), and what is not known."""

    sources: Annotated[list[str], Meta(min_length=1)]
    recordings: list[str] = []
    limits: str = ""


class Profile(Struct, frozen=True, forbid_unknown_fields=True, rename={"ci_class": "class"}):
    """One device family; `name` is its file's name."""

    name: str
    title: str
    vendor: str
    ci_class: DeviceClass
    match: Match
    evidence: Evidence
    os_name: str = ""
    facts: Facts = Facts()
    mibs: list[str] = []

    def object_ids(self) -> list[Oid]:
        """Every OID that the facts need."""
        found: dict[Oid, None] = {}
        pending = [source for sources in self.facts.by_name().values() for source in sources or ()]
        while pending:
            source = pending.pop()
            if source.oid:
                found[parse_oid(source.oid)] = None
            pending.extend(source.parts)
        return sorted(found)


GENERIC = Profile(
    name="generic", title="Any SNMP device", vendor="", ci_class="device", match=Match(["1"]), evidence=Evidence(["RFC 3418", "RFC 6933"]),
    facts=Facts(
        model=[FactSource(entity="model"), FactSource(entity="description")], serial=[FactSource(entity="serial")],
        os_version=[FactSource(entity="software_version")],
    ),
)  # fmt: skip


def load_profiles(*folders: Path, mibs: Sequence[str] = ()) -> list[Profile]:
    """The shipped profiles and those of a site's folders, by name; a site's replaces a shipped one of its name.

    `mibs`: the names that `mibs:` may use. Raises DocumentError with file, line and suggestion.
    """
    found = {profile.name: profile for profile in (load_profile(file, mibs=mibs) for file in list_documents(PROFILE_FOLDER))}
    files: dict[str, Path] = {}
    for file in (file for folder in folders for file in list_documents(folder)):
        profile = load_profile(file, mibs=mibs)
        if profile.name in files:
            raise DocumentError(f"profile {profile.name!r} stands also in {files[profile.name]}", file=str(file), line=1, path="$.name")
        found[profile.name], files[profile.name] = profile, file
    return [found[name] for name in sorted(found)]


def load_profile(file: Path, *, mibs: Sequence[str] = ()) -> Profile:
    """The profile of one file. Raises DocumentError."""
    profile = load_document(file, Profile)
    refuse = _refuser(file)
    if profile.name != file.stem:
        raise refuse("$.name", f"name is {profile.name!r}; it must be {file.stem!r}, as the file")
    for at, text in enumerate(profile.match.object_id):
        _check_oid(text, f"$.match.object_id[{at}]", refuse)
    _check_pattern(profile.match.description, "$.match.description", refuse)
    for name, sources in profile.facts.by_name().items():
        for at, source in enumerate(sources or ()):
            _check_source(source, f"$.facts.{name}[{at}]", refuse)
    for at, name in enumerate(profile.mibs):
        if mibs and name not in mibs:
            raise refuse(f"$.mibs[{at}]", f"unknown MIB {name!r}{suggest(name, list(mibs))}")
    return profile


def match_profile(profiles: Sequence[Profile], system: System) -> Profile:
    """The profile with the longest matching OID, one with a matching description before one without; GENERIC where none matches."""
    best, best_rank = GENERIC, (0, 0, "")
    for profile in profiles:
        length = max((len(parse_oid(text)) for text in profile.match.object_id if _is_below(system.object_id, text)), default=0)
        has_pattern = bool(profile.match.description)
        if not length or (has_pattern and not re.search(profile.match.description, system.description, re.IGNORECASE)):
            continue
        rank = (length, int(has_pattern), profile.name)
        if rank > best_rank:
            best, best_rank = profile, rank
    return best


def read_fact(profile: Profile, name: str, system: System, chassis: Entity | None, values: Mapping[Oid, Value]) -> str:
    """The text of a fact, "" where no source gives it; what the profile does not name comes as for any device."""
    own: list[FactSource] | None = getattr(profile.facts, name)
    general: list[FactSource] | None = getattr(GENERIC.facts, name)
    for source in (general if own is None else own) or ():
        text = _read(source, system, chassis, values)
        if text:
            return text
    return ""


def _read(source: FactSource, system: System, chassis: Entity | None, values: Mapping[Oid, Value]) -> str:
    if source.format:
        parts = [_read(part, system, chassis, values) for part in source.parts]
        return _fill(source.format, parts) if all(parts) else ""
    text = ""
    if source.oid:
        text = _to_plain(values.get(parse_oid(source.oid)))
    elif source.entity is not None and chassis is not None:
        text = str(getattr(chassis, source.entity))
    elif source.system is not None:
        text = str(getattr(system, source.system))
    if source.pattern:
        found = re.search(source.pattern, text)
        text = (found.group(1) if found.re.groups else found.group(0)) or "" if found else ""
    for name in source.transforms:
        text = TRANSFORMS[name](text)
    if source.map:
        text = source.map.get(text, "")
    return text.strip()


def _fill(form: str, parts: Sequence[str]) -> str:
    """`{0} / {1}` with the parts at their positions; no other format language, since the form comes from a file."""
    return _POSITION.sub(lambda found: parts[int(found.group(1))], form)


def _to_plain(value: Value) -> str:
    if isinstance(value, bytes):
        return to_text(value) or ""
    number = to_integer(value)
    return str(number) if number is not None else to_oid(value) or ""


def _is_below(object_id: str, prefix: str) -> bool:
    return object_id == prefix or object_id.startswith(f"{prefix}.")


Refuser = Callable[[str, str], DocumentError]


def _refuser(file: Path) -> Refuser:
    def refuse(path: str, message: str) -> DocumentError:
        node, _ = parse_yaml(file.read_text(encoding="utf-8"), file=str(file))
        return error_at(node, path, message, file=str(file))

    return refuse


def _check_source(source: FactSource, path: str, refuse: Refuser) -> None:
    chosen = [name for name in ("oid", "entity", "system", "format") if getattr(source, name)]
    if len(chosen) != 1:
        raise refuse(path, f"give exactly one of oid, entity, system and format, not {', '.join(chosen) or 'none'}")
    if source.oid:
        _check_oid(source.oid, f"{path}.oid", refuse)
        if not source.object:
            raise refuse(path, "an oid needs its name beside it: object: 'MIB::object'")
    _check_pattern(source.pattern, f"{path}.pattern", refuse)
    for at, name in enumerate(source.transforms):
        if name not in TRANSFORMS:
            raise refuse(f"{path}.transforms[{at}]", f"unknown transform {name!r}{suggest(name, list(TRANSFORMS))}")
    if source.format:
        _check_format(source, path, refuse)
    for at, part in enumerate(source.parts):
        _check_source(part, f"{path}.parts[{at}]", refuse)


def _check_format(source: FactSource, path: str, refuse: Refuser) -> None:
    positions = {int(number) for number in _POSITION.findall(source.format)}
    if positions != set(range(len(source.parts))):
        raise refuse(f"{path}.format", f"{source.format!r} does not use each of its {len(source.parts)} parts; write {{0}} for the first")


def _check_oid(text: str, path: str, refuse: Refuser) -> None:
    try:
        parse_oid(text)
    except ValueError:
        raise refuse(path, f"{text!r} is no OID; write numbers with dots between them") from None


def _check_pattern(pattern: str, path: str, refuse: Refuser) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise refuse(path, f"{pattern!r} is no regular expression: {error}") from None
