"""The shape of the code: sizes, names, and what each process may load (docs/reference/layout.md)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("muster", "agent", "discovery", "collector", "exporters")
FORBIDDEN_WORDS = {"util", "utils", "helper", "helpers", "common", "manager", "misc", "base", "data", "info"}
MODULE_LINES = 300
FUNCTION_LINES = 50
POSITIONAL_PARAMETERS = 5
# Each exception with its reason; the list may only shrink.
LONG_MODULES = {
    "collector/store/schema.py": "one table after another: a reader looks tables up, and splitting would hide their references",
    "muster/ports.py": "the read models that collector and exporters agree on, one after another",
}
LONG_FUNCTIONS: dict[str, str] = {}
AGENT_NEVER_LOADS = ("sqlalchemy", "aiohttp", "asyncio", "jinja2", "numpy", "pysnmp", "paramiko", "prometheus_client", "typer", "rich", "structlog")


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations/versions" not in path.as_posix())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def test_no_module_is_longer_than_its_limit() -> None:
    long = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    over = {name: lines for name, lines in long.items() if lines > MODULE_LINES and name not in LONG_MODULES}
    assert over == {}
    assert {name for name in LONG_MODULES if long.get(name, 0) <= MODULE_LINES} == set(), "no longer long: take it off the list"


def test_no_function_is_longer_than_its_limit() -> None:
    over = {f"{name_of(path)}:{node.name}": body_lines(node) for path in modules() for node in functions(path) if body_lines(node) > FUNCTION_LINES}
    assert {name: lines for name, lines in over.items() if name not in LONG_FUNCTIONS} == {}
    assert set(LONG_FUNCTIONS) <= set(over), "no longer long: take it off the list"


def test_no_function_takes_more_than_five_positional_parameters() -> None:
    over = []
    for path in modules():
        for node in functions(path):
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args) if each.arg not in {"self", "cls"}]
            if len(names) > POSITIONAL_PARAMETERS:
                over.append(f"{name_of(path)}:{node.lineno} {node.name}({', '.join(names)})")
    assert over == []


def test_names_of_modules_and_classes_say_what_they_hold() -> None:
    vague = []
    for path in modules():
        if set(path.stem.split("_")) & FORBIDDEN_WORDS:
            vague.append(name_of(path))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]+", node.name)}
                if words & FORBIDDEN_WORDS:
                    vague.append(f"{name_of(path)}:{node.name}")
    assert vague == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name_of(path)
        for path in modules()
        if path.stat().st_size and path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


@pytest.mark.parametrize("module", ["agent.process", "agent.__main__"])
def test_resident_agent_loads_nothing_heavy(module: str) -> None:
    """A fresh interpreter, since what one test imported stays loaded for all."""
    script = f"import sys, {module}; print(' '.join(sorted(name for name in {AGENT_NEVER_LOADS!r} if name in sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)
    assert done.stdout.strip() == ""


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile("|".join(("py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.(org|com)", "deb" + r"\.debian\.org")))
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True).stdout.splitlines()
    texts = [name for name in listed if Path(name).suffix not in {".png", ".gz", ".zst"} and (ROOT / name).is_file()]
    assert [name for name in texts if hosts.search((ROOT / name).read_text(encoding="utf-8", errors="replace"))] == []
