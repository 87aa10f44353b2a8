"""YAML documents that people write: decoded strictly into structs, refused with file, line and a suggestion.

Used for services.d, targets.d, discovery.d, credentials.d and device profiles. Not for TOML settings of processes (`muster/config.py`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any, TypeVar

import msgspec
import yaml

from muster.errors import DocumentError

T = TypeVar("T")
MAXIMUM_BYTES = 1_048_576
MAXIMUM_BETTER_CHARACTERS = 65_536  # of a document that is read again for a clearer word on its fault
MAXIMUM_VALUES = 200_000  # with each alias (`*name`) written out
SUFFIXES = frozenset({".yaml", ".yml"})
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
_AT = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's where PyYAML was built with it: ten times quicker
    """SafeLoader in which a timestamp stays text and a doubled key is an error."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def list_documents(folder: Path, suffixes: frozenset[str] = SUFFIXES) -> list[Path]:
    """The documents of a folder in order: `*.yaml` and `*.yml` (or other suffixes), no hidden ones; none where the folder is absent."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in suffixes and not path.name.startswith("."))


def load_document(path: Path, kind: type[T]) -> T:
    """The struct that a YAML file holds. Raises DocumentError with file and line."""
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise DocumentError("no file; move it elsewhere", file=str(path), line=1)
        if status.st_size > MAXIMUM_BYTES:
            raise DocumentError(f"larger than {MAXIMUM_BYTES} bytes; split the document", file=str(path), line=1)
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DocumentError("not UTF-8 text; save the file as UTF-8", file=str(path), line=1) from None
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}", file=str(path), line=1) from error
    return parse_document(text, kind, file=str(path))


def parse_document(text: str, kind: type[T], *, file: str) -> T:
    """The struct that YAML text holds; `file` is only named in errors. Raises DocumentError."""
    node, value = parse_yaml(text, file=file)
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise explain(str(error), node, value, kind, file=file) from None


def parse_yaml(text: str, *, file: str) -> tuple[yaml.Node, Any]:
    """The node tree (with positions) and the plain value of one YAML document. Raises DocumentError."""
    try:
        _refuse_many(text, file)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise DocumentError("the document is empty", file=file, line=1)
            _refuse_doubled_keys(node, file)
            _count_values(node, file, {})
            return node, loader.construct_document(node)
        finally:
            loader.dispose()
    except DocumentError:
        raise
    except yaml.MarkedYAMLError as error:
        error = _say_better(text, error)
        mark = error.problem_mark
        line = min(mark.line, text.count("\n")) + 1 if mark else 1
        raise DocumentError(f"not YAML: {error.problem}", file=file, line=line) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(f"not YAML: {error}", file=file, line=1) from None


def _say_better(text: str, error: yaml.MarkedYAMLError) -> yaml.MarkedYAMLError:
    """PyYAML's own scanner says what it found where libyaml says only what it missed; in a short document it is asked too."""
    if len(text) <= MAXIMUM_BETTER_CHARACTERS:
        try:
            for _ in yaml.parse(text, Loader=yaml.SafeLoader):
                pass
        except yaml.MarkedYAMLError as better:
            return better
        except (yaml.YAMLError, ValueError, RecursionError):
            pass
    return error


def error_at(node: yaml.Node, path: str, message: str, *, file: str) -> DocumentError:
    """An error at the place of `path` (`$.targets[0].mtrs`) in a parsed document."""
    return DocumentError(message, file=file, line=find_line(node, path), path=path)


def find_line(node: yaml.Node, path: str) -> int:
    """The 1-based line on which the value (or key) of `path` stands; of the nearest parent where it is absent."""
    line = node.start_mark.line + 1
    for name, index in _STEP.findall(path):
        found = _child(node, name, index)
        if found is None:
            break
        line, node = found
    return line


def suggest(word: str, known: Iterator[str] | list[str] | tuple[str, ...]) -> str:
    """`; did you mean 'x'?`, or the known words, or nothing."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if names else ""


def _child(node: yaml.Node, name: str, index: str) -> tuple[int, yaml.Node] | None:
    if name and isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line + 1, value
    if index.isdigit() and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
        value = node.value[int(index)]
        return value.start_mark.line + 1, value
    return None


def _refuse_doubled_keys(node: yaml.Node, file: str, seen: set[int] | None = None) -> None:
    seen = set() if seen is None else seen
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise DocumentError(f"key {key.value!r} stands twice", file=file, line=key.start_mark.line + 1)
                keys.add(key.value)
            _refuse_doubled_keys(value, file, seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_doubled_keys(value, file, seen)


def _refuse_many(text: str, file: str) -> None:
    """Stop reading at the value that is one too many, before anything is built of them."""
    count = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.NodeEvent):
            count += 1
            if count > MAXIMUM_VALUES:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise DocumentError(f"more than {MAXIMUM_VALUES} values; split the document", file=file, line=line)


def _count_values(node: yaml.Node, file: str, counts: dict[int, int]) -> int:
    """How many values a node is with its aliases written out; refuses what holds itself, and what few lines make endless; NUL characters too."""
    known = counts.get(id(node))
    line = node.start_mark.line + 1
    if known == 0:
        raise DocumentError("what stands here holds itself through an alias; write it out", file=file, line=line)
    if known is not None:
        return known
    if isinstance(node, yaml.ScalarNode) and "\0" in node.value:  # which no database holds, and no report
        raise DocumentError("text with a NUL character; write it without", file=file, line=line)
    counts[id(node)] = 0  # under way
    count = 1
    if isinstance(node, yaml.MappingNode):
        count += sum(_count_values(each, file, counts) for pair in node.value for each in pair)
    elif isinstance(node, yaml.SequenceNode):
        count += sum(_count_values(each, file, counts) for each in node.value)
    if count > MAXIMUM_VALUES:
        raise DocumentError(f"more than {MAXIMUM_VALUES} values, with its aliases written out; split the document", file=file, line=line)
    counts[id(node)] = count
    return count


def explain(message: str, node: yaml.Node, value: Any, kind: Any, *, file: str) -> DocumentError:
    """The error that msgspec's message on `value` means, at its line and with a suggestion for an unknown key."""
    at = _AT.search(message)
    path = at.group(1) if at else "$"
    text = _AT.sub("", message)
    unknown = _UNKNOWN.search(text)
    if unknown:
        key = unknown.group(1)
        text = f"unknown key {key!r}{suggest(key, _fields_at(kind, value, path, key))}"
        path = f"{path}.{key}"
    return error_at(node, path, text, file=file)


def _fields_at(kind: Any, value: Any, path: str, key: str) -> list[str]:
    """Names of the fields of every struct in the schema that lacks `key`; enough for a suggestion."""
    schema = msgspec.json.schema(kind)
    names: set[str] = set()
    candidates: list[Mapping[str, Any]] = list(schema.get("$defs", {}).values())
    root = candidates if path != "$" else [schema.get("$defs", {}).get(schema.get("$ref", "").rsplit("/", 1)[-1], schema)]
    for definition in root:
        properties = definition.get("properties", {})
        if key not in properties:
            names.update(properties)
    return sorted(names)
