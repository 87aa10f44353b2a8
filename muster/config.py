"""Settings of a process: a TOML file, environment variables and flags into one struct, each value with where it came from.

Flags go before the environment, the environment before the file, the file before the defaults. What is unknown is an error with
file, line and suggestion. Not for the YAML that people write as content: `muster/document.py`. Reference: docs/install.md.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from muster.errors import ConfigurationError, DocumentError, quote

T = TypeVar("T", bound=Struct)
MAXIMUM_BYTES = 1_048_576
HIDDEN = "…"
_LINE = re.compile(r"at line (\d+)")
_LONG_KEY = re.compile(r"""(?<![\w-])(?>(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){200}""")
_AT = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")
_TABLE = re.compile(r"^\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]*@")
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True)
class Setting:
    """One setting of a process: `type` without its annotation, `help` with its unit."""

    name: str
    type: Any
    default: Any
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def is_table(self) -> bool:
        """A table of the file, which has neither flag nor variable."""
        return isinstance(self.type, type) and issubclass(self.type, Struct)


@dataclass(frozen=True)
class Configuration(Generic[T]):
    """The settings in force. `origins`: where each came from: `default`, `file:line`, `environment NAME` or `flag --name`.

    `flags`: what the process's own flags gave (those that are no settings).
    """

    settings: T
    origins: Mapping[str, str]
    file: Path | None = None
    flags: argparse.Namespace = field(default_factory=argparse.Namespace)

    def render(self) -> str:
        """The effective values as TOML, each with where it came from; passwords in addresses are hidden."""
        lines = []
        for setting in list_settings(type(self.settings)):
            value = getattr(self.settings, setting.name)
            shown = msgspec.to_builtins(value)
            text = hide_password(msgspec.json.encode(shown).decode())
            lines.append(f"{setting.name} = {text}  # {self.origins[setting.name]}")
        return "\n".join(lines) + "\n"


def hide_password(text: str) -> str:
    """The text without the password of an address in it.

    >>> hide_password("postgresql+psycopg://muster:secret@db/muster")
    'postgresql+psycopg://muster:…@db/muster'
    """
    return _PASSWORD.sub(rf"\1{HIDDEN}@", text)


def list_settings(kind: type[Struct]) -> list[Setting]:
    """The settings that a struct declares, in its order; the help is each field's `Meta(description=...)`."""
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for each in msgspec.structs.fields(kind):
        described = [part.description for part in _metas(hints[each.name]) if part.description]
        plain = get_args(hints[each.name])[0] if get_origin(hints[each.name]) is Annotated else hints[each.name]
        found.append(
            Setting(each.name, plain, each.default if each.default_factory is msgspec.NODEFAULT else each.default_factory(), "".join(described))
        )
    return found


def load_configuration(
    kind: type[T],
    *,
    program: str,
    prefix: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    extra: argparse.ArgumentParser | None = None,
) -> Configuration[T]:
    """The settings of a process. `prefix`: of its variables (`MUSTER_COLLECTOR_`); `extra`: a parser (add_help=False) of its own flags.

    `--config FILE` or the variable `<prefix>CONFIG` names the file. Raises ConfigurationError (DocumentError for the file).
    """
    settings = {each.name: each for each in list_settings(kind)}
    given = _parse_flags(settings, program, arguments, extra)
    file_name = given.config or environment.get(f"{prefix}CONFIG")
    values: dict[str, Any] = {}
    origins = dict.fromkeys(settings, "default")
    file = Path(file_name) if file_name else None
    if file is not None:
        values, lines = _read_file(file, kind)
        origins.update({name: f"{file}:{line}" for name, line in lines.items()})
    for name, text, origin in (*_from_environment(settings, prefix, environment), *_from_flags(settings, given)):
        values[name] = _parse_text(settings[name], text, origin)
        origins[name] = origin
    try:
        converted = msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error)) from None
    return Configuration(converted, origins, file, given)


def find_key_line(text: str, path: Sequence[str]) -> int:
    """The 1-based line on which a key (or table) of TOML text stands; of its nearest parent, else 1."""
    table: tuple[str, ...] = ()
    wanted, found, depth = tuple(path), 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = _TABLE.match(line)
        if header:
            table = _split_key(header.group(1))
        key = _KEY.match(line)
        here = (*table, *_split_key(key.group(1))) if key and not header else table
        if (header or key) and len(here) > depth and wanted[: len(here)] == here:
            found, depth = number, len(here)
    return found


def _split_key(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


def _metas(hint: Any) -> Iterator[Meta]:
    if get_origin(hint) is Annotated:
        yield from (each for each in get_args(hint)[1:] if isinstance(each, Meta))


def _parse_flags(
    settings: Mapping[str, Setting], program: str, arguments: Sequence[str], extra: argparse.ArgumentParser | None
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=program, allow_abbrev=False, parents=[extra] if extra else [])
    parser.add_argument("--config", metavar="FILE", help="TOML file with these settings")
    for each in settings.values():
        if each.is_table:
            continue
        if each.type is bool:
            parser.add_argument(each.flag, action=argparse.BooleanOptionalAction, default=None, help=_percent(each.help))
        else:
            default = f" (default: {each.default!r})" if each.default not in ("", None, ()) else ""
            parser.add_argument(each.flag, metavar="VALUE", default=None, help=_percent(each.help + default))
    given, rest = parser.parse_known_args(list(arguments))
    if rest:
        known = [option for action in parser._actions for option in action.option_strings]  # noqa: SLF001 -- argparse offers no list of its flags
        raise ConfigurationError(f"unknown argument {quote(rest[0])}{_suggest(rest[0], known)}")
    return given


def _suggest(word: str, known: list[str]) -> str:
    from muster.document import suggest  # only an error needs it, and the resident agent does without YAML

    return suggest(word, known)


def _percent(text: str) -> str:
    return text.replace("%", "%%")


def _from_environment(settings: Mapping[str, Setting], prefix: str, environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    found = []
    names = {prefix + name.upper(): name for name, each in settings.items() if not each.is_table}
    for variable in sorted(environment):
        if not variable.startswith(prefix) or variable == f"{prefix}CONFIG":
            continue
        if variable not in names:
            raise ConfigurationError(f"environment: unknown variable {quote(variable)}{_suggest(variable, list(names))}")
        found.append((names[variable], environment[variable], f"environment {variable}"))
    return found


def _from_flags(settings: Mapping[str, Setting], given: argparse.Namespace) -> list[tuple[str, Any, str]]:
    said = vars(given)
    found = []
    for name, each in settings.items():
        if said.get(name) is not None and not each.is_table:
            if isinstance(said[name], str) and _PASSWORD.search(said[name]):
                raise ConfigurationError(f"{each.flag}: a password on the command line is seen by every user; write it into the --config file")
            found.append((name, said[name], f"flag {each.flag}"))
    return found


def _parse_text(setting: Setting, text: Any, origin: str) -> Any:
    """A value from text; lists are separated by commas."""
    if not isinstance(text, str):
        return text
    value: Any = text
    if setting.type is bool:
        value = _WORDS.get(text.strip().lower(), text)
    elif get_origin(setting.type) in (list, tuple):
        value = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.convert(value, setting.type, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{origin}: {quote(hide_password(text))}: {error}") from None


def read_toml(file: Path) -> tuple[dict[str, Any], str]:
    """The file's values and its text. Raises DocumentError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAXIMUM_BYTES + 1)
        if len(content) > MAXIMUM_BYTES:
            raise DocumentError(f"larger than {MAXIMUM_BYTES} bytes; is this the right file?", file=str(file), line=1)
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise DocumentError("not UTF-8 text; save the file as UTF-8", file=str(file), line=1) from None
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}; check the path and its rights", file=str(file), line=1) from None
    return parse_toml(text, str(file)), text


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """The values of TOML text; `file` is only named in errors. Raises DocumentError."""
    found = _LONG_KEY.search(text)
    if found:  # reading one takes the square of its parts
        raise DocumentError("a key of over 200 parts; write tables", file=file, line=text.count("\n", 0, found.start()) + 1)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _LINE.search(str(error))
        raise DocumentError(f"not TOML: {error}", file=file, line=int(at.group(1)) if at else len(text.splitlines()) or 1) from None
    except RecursionError:
        raise DocumentError("not TOML that anybody means: nested too deeply", file=file, line=1) from None


def check_table(values: Any, kind: type[Struct], text: str, file: Path, *, path: tuple[str, ...] = ()) -> None:
    """Refuse what is no `kind` in the table that stands at `path` of the file's text. Raises DocumentError with its line and a suggestion."""
    if isinstance(values, dict):
        _check_keys(values, kind, path, text, str(file))
    _check_types(values, kind, path, text, str(file))


def _read_file(file: Path, kind: type[Struct]) -> tuple[dict[str, Any], dict[str, int]]:
    """The file's values, and the line of each. Raises DocumentError."""
    values, text = read_toml(file)
    check_table(values, kind, text, file)
    return values, {name: find_key_line(text, (name,)) for name in values}


def _check_keys(values: Mapping[str, Any], kind: type[Struct], path: tuple[str, ...], text: str, file: str) -> None:
    known = {each.name: each for each in list_settings(kind)}
    for name, value in values.items():
        here = (*path, name)
        setting = known.get(name)
        if setting is None:
            message = f"unknown key {name!r}{_suggest(name, list(known))}"
            raise DocumentError(message, file=file, line=find_key_line(text, here), path="$." + ".".join(here))
        if setting.is_table and isinstance(value, dict):
            _check_keys(value, setting.type, here, text, file)


def _check_types(values: Any, kind: type[Struct], above: tuple[str, ...], text: str, file: str) -> None:
    try:
        msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        at = _AT.search(str(error))
        path = at.group(1) if at else "$"
        names = (*above, *re.sub(r"\[[^\]]*\]", "", path).split(".")[1:])
        message = f"{'.'.join(names)}: {_AT.sub('', str(error))}" if names else str(error)
        raise DocumentError(message, file=file, line=find_key_line(text, names), path=path) from None
