"""Write docs/reference/classes.md from the class files, so that the page cannot differ from what runs. `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from muster.model.ci_class import CiClass, ClassCatalogue, IdentificationRule, load_catalogue

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "classes.md"
HEAD = """# CI classes

Generated from `muster/model/classes/*.toml` by `python scripts/reference.py`. The modes of an attribute: *governed* (what is recorded is
the truth; a different observation is a difference to review), *observed* (the best source writes; history only), *mixed* (accepted by itself
inside its tolerance), *union* (each source its members), *recorded only* (no source may touch it). *Volatile* attributes never raise a
difference.

## A site's own classes

The setting `classes_directory` names a folder of `*.toml` files, for example `/etc/muster/classes.d`. A table is a class: a new one, or under
the name of a shipped one what the site adds to it.

```toml
[lathe]                                     # a new class
label = {en = "Lathe", zh-Hans = "车床"}
parent = "device"                           # inherits its attributes, rules and name_from

[lathe.attributes]
spindle_count = {type = "integer", mode = "governed", label = {en = "Spindles", zh-Hans = "主轴数"}}
"controller.version" = {mode = "governed", comparator = "version", indexed = true, label = {en = "Controller version"}}

[server.attributes]                         # added to a shipped class
rack_unit = {type = "integer", mode = "recorded_only", label = {en = "Rack unit", zh-Hans = "机架单元"}}
location = {mode = "governed"}              # the shipped attribute, under change control here
```

`muster class check classes.d` says what is wrong, with file, line and what was meant, and needs no collector: unknown keys, parents,
attributes and identifiers, circles of parents, names that stand twice, comparators and modes that do not fit a type, rules that would take a
name or an address as a proof. Of a shipped class a site may change labels, control, modes, comparators and rules, and add attributes; its
parent, its family, what tells its parts apart and the types of its attributes stay, because data stand on them.

The collector reads the folder at start, on SIGHUP, and when a file changes; new attributes are then in lists, filters, pages, the API and the
command line without a restart. What is wrong is refused whole, told in the log, and what was in force stays in force. So is what would
**orphan data**: a class or an attribute that CIs still have and that is defined no more, a class that became part of others or a thing by
itself, another family, another type. The message counts the CIs and says what to do; at start the collector then does not run. `GET
/v1/classes` and `muster class list` show what is in force.
"""


def render(catalogue: ClassCatalogue) -> str:
    """The whole page."""
    return HEAD + "".join(render_class(catalogue[name]) for name in catalogue.names())


def render_class(ci_class: CiClass) -> str:
    lines = [f"\n## {ci_class.name}\n", f"{ci_class.label['en']} · {ci_class.label.get('zh-Hans', '')}. {describe(ci_class)}\n"]
    if ci_class.identification and not ci_class.is_dependent:
        lines.append("Identification, strongest first:\n")
        lines += [f"{place}. `{rule.rule}` ({rule.strength}): {describe_rule(rule)}" for place, rule in enumerate(ci_class.identification, 1)]
        lines.append("")
    if ci_class.attributes:
        lines += ["| attribute | type | mode | compared | |", "| --- | --- | --- | --- | --- |"]
        lines += [describe_attribute(ci_class, name) for name in ci_class.attributes]
    return "\n".join(lines) + "\n"


def describe(ci_class: CiClass) -> str:
    said = []
    if ci_class.is_abstract:
        said.append("Abstract: only its children are reported.")
    if ci_class.is_recorded_only:
        said.append("Recorded by people; no source reports it.")
    if ci_class.is_dependent:
        portable = " (by serial or WWN first: it may move)" if ci_class.portable else ""
        said.append(f"Dependent: identified inside its owner by {', '.join(f'`{key}`' for key in ci_class.local_key)}{portable}.")
    said.append(f"Family {ci_class.family}; control level {ci_class.control}.")
    return " ".join(said)


def describe_rule(rule: IdentificationRule) -> str:
    parts = [f"equal {', '.join(f'`{kind}`' for kind in rule.all)}"] if rule.all else []
    parts += [f"at least {count} common `{kind}`" for kind, count in rule.common.items()]
    parts += [f"equal sets of `{kind}`" for kind in rule.equal_sets]
    parts += ["one common name (`fqdn`, `sysname` or `hostname`)"] if rule.one_name else []
    return " and ".join(parts) + ("; only suggests" if rule.strength == "weak" else "")


def describe_attribute(ci_class: CiClass, name: str) -> str:
    attribute = ci_class.attributes[name]
    marks = [word for word, holds in (("volatile", attribute.volatile), ("required", attribute.required), ("indexed", attribute.indexed),
                                      ("clearable", attribute.clearable), ("sensitive", attribute.sensitive)) if holds]  # fmt: skip
    if attribute.tolerance_ratio:
        marks.append(f"tolerance {attribute.tolerance_ratio:g}")
    unit = f" ({attribute.unit})" if attribute.unit else ""
    mode = attribute.mode.replace("_", " ")
    return f"| `{name}` | {attribute.type}{unit} | {mode} | {attribute.comparator} | {', '.join(marks)} |"


def main() -> int:
    page = render(load_catalogue())
    if "--check" in sys.argv:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page else 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
