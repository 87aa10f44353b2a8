"""Bring the catalogues of the pages' languages up to date with the messages in the sources.

New messages come in untranslated, those that are gone go away, translations stay. `--check` changes nothing and fails where a message
is missing or untranslated. The pages compile catalogues when they load them, so nothing built needs to be kept.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "collector" / "web"
LOCALE = WEB / "locale"
LOCALES = ("zh_Hans",)
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "say": None, "gettext": None, "ngettext": (1, 2), "count": (1, 2)}
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}


def extract_messages() -> Catalog:
    """Every message of the pages: those of modules and templates, and the sentences that explain a match."""
    sys.path.insert(0, str(ROOT))
    from collector.reconcile.explain import MESSAGES

    catalog = Catalog(project="Muster", charset="utf-8")
    found = extract_from_dir(WEB, METHODS, OPTIONS, keywords=KEYWORDS, strip_comment_tags=True)
    for name, _, message, _, _ in sorted(found, key=lambda each: (each[0], each[1])):
        if message and (isinstance(message, str) or all(isinstance(part, str) for part in message[:2])):
            catalog.add(message if isinstance(message, str) else message[:2], locations=[(name, 0)])
    for message in MESSAGES.values():
        catalog.add(message, locations=[("../reconcile/explain.py", 0)])
    return catalog


def path_of(locale: str) -> Path:
    return LOCALE / locale / "LC_MESSAGES" / "messages.po"


def update_catalogue(locale: str, template: Catalog) -> tuple[Catalog, Catalog | None]:
    """The catalogue with the template's messages, and the one that was there."""
    path = path_of(locale)
    before = None
    if path.exists():
        with path.open("rb") as file:
            before = read_po(file, locale=locale)
    after = Catalog(locale=locale, project="Muster", charset="utf-8", fuzzy=False)
    for message in template:
        if not message.id:
            continue
        known = before.get(message.id) if before else None
        string = known.string if known is not None and isinstance(known.id, tuple) == isinstance(message.id, tuple) else None
        after.add(message.id, string, locations=sorted(set(message.locations)))
    return after, before


def render_catalogue(catalog: Catalog) -> bytes:
    """The file, without dates, so that it changes only when a message does."""
    written = BytesIO()
    write_po(written, catalog, omit_header=True, sort_by_file=False, include_lineno=False, width=120)
    number = f"nplurals={catalog.num_plurals}; plural={catalog.plural_expr};"
    header = (
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n' + f'"Language: {catalog.locale}\\n"\n"Plural-Forms: {number}\\n"\n\n'
    )
    return header.encode() + written.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """Messages without a translation."""
    missing = []
    for message in catalog:
        strings = message.string if isinstance(message.string, list | tuple) else (message.string,)
        if message.id and not all(strings):
            missing.append(message.id if isinstance(message.id, str) else message.id[0])
    return missing


def main() -> int:
    template = extract_messages()
    faults = []
    for locale in LOCALES:
        after, _ = update_catalogue(locale, template)
        content = render_catalogue(after)
        path = path_of(locale)
        if "--check" in sys.argv:
            if not path.exists() or path.read_bytes() != content:
                faults.append(f"{path.relative_to(ROOT)} is not up to date; run python scripts/build_locale.py")
            faults += [f"{locale}: untranslated: {each!r}" for each in untranslated(after)]
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            missing = untranslated(after)
            if missing:
                print(f"locale: {path.relative_to(ROOT)}: {len(missing)} messages wait for a translation")
    for each in faults:
        print(f"locale: {each}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
