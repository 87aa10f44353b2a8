"""The text of a case file: YAML or JSON, its plain value, and the line of each part for errors."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import yaml

from muster.document import error_at, parse_yaml
from muster.errors import DocumentError, TooLargeError

MAXIMUM_CHARACTERS = 64 * 1_048_576
MAXIMUM_POSITION_CHARACTERS = 4 * 1_048_576  # of JSON, where a fault is looked for by reading it again with positions


class CaseText:
    """The text of a case, its plain value, and where each part stands."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self._text = text
        self._node: yaml.Node | None = None
        if len(text) > MAXIMUM_CHARACTERS:
            raise TooLargeError(f"{file}: over {MAXIMUM_CHARACTERS} characters; shorten the case", limit_bytes=MAXIMUM_CHARACTERS)
        self.value = self._parse()

    def _parse(self) -> Any:
        """JSON; flow YAML begins with the same brace, so that what is no JSON is tried as that unless the file's name says JSON."""
        if self._text.lstrip().startswith("{"):
            try:
                return json.loads(self._text, object_pairs_hook=self._unique, parse_constant=self._refuse_constant)
            except RecursionError:
                raise DocumentError("nested too deeply", file=self.file, line=1) from None
            except json.JSONDecodeError as error:
                if self.file.endswith(".json"):
                    raise DocumentError(f"not JSON: {error.msg}", file=self.file, line=error.lineno) from None
        self._node, value = parse_yaml(self._text, file=self.file)
        return value

    def _unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            doubled = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
            raise DocumentError(f"key {doubled!r} stands twice", file=self.file, line=1)
        return found

    def _refuse_constant(self, word: str) -> NoReturn:
        raise DocumentError(f"{word} is no number of JSON", file=self.file, line=1)

    def node(self) -> yaml.Node:
        """The tree with positions; of JSON it is read again, and of a long one only its first line is known."""
        if self._node is None:
            try:
                self._node = parse_yaml(self._text, file=self.file)[0] if len(self._text) <= MAXIMUM_POSITION_CHARACTERS else _nowhere()
            except DocumentError:  # JSON that is no YAML: the path says where
                self._node = _nowhere()
        return self._node

    def error(self, path: str, message: str) -> DocumentError:
        """The error, with the place of `path`."""
        return error_at(self.node(), path, f"{path}: {message}", file=self.file)


def _nowhere() -> yaml.Node:
    mark = yaml.Mark("", 0, 0, 0, "", 0)
    return yaml.ScalarNode("tag:yaml.org,2002:null", "", mark, mark)
