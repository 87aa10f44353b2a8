"""A change of classes that would leave data without a definition is refused with counts, and what was in force stays in force."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from collector.class_folder import check_at_start, make_class_folder, read_classes
from collector.store.class_use import keep_classes
from collector.store.edit import Context
from collector.store.pin import PinWish, pin_value
from collector.store.recorded import Patch, patch_recorded
from collector.store.recording import record_ci
from collector.store.schema import setting
from muster.errors import ConfigurationError
from tests.store.sender import Estate
from tests.store.test_decision import at

LATHE = """[lathe]
label = {en = "Lathe", zh-Hans = "车床"}
parent = "device"

[lathe.attributes]
spindle_count = {type = "integer", mode = "governed", label = {en = "Spindles", zh-Hans = "主轴数"}}
colour = {label = {en = "Colour"}}
"""


@pytest.fixture
def shop(estate: Estate) -> Estate:
    """An estate that holds one lathe, of a class of the site."""
    classes = read_classes({"site.toml": LATHE})
    estate.context = Context(classes, settings=estate.context.settings)
    keep(estate, LATHE)
    estate.decide(record_ci, "lathe", Patch({"name": "l1", "spindle_count": 4, "colour": "red"}), identifiers={"serial": "L1"}, now=at(0))
    return estate


def keep(estate: Estate, text: str) -> None:
    with estate.database.begin() as connection:
        keep_classes(connection, read_classes({"site.toml": text} if text else {}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "class 'lathe' is gone and 1 CIs are of it: keep the class, or dispose of them first"),
        (LATHE.replace("spindle_count", "axes"), "attribute 'spindle_count' of class 'lathe' is gone and 1 CIs have a value of it"),
        (LATHE.replace('"integer"', '"list"'), "attribute 'spindle_count' of class 'lathe' would be a list and 1 CIs have a value of it"),
        (LATHE.replace('parent = "device"', 'parent = "printer"'), "class 'lathe' would be of family printer in place of any and 1 CIs are of it"),
        (
            LATHE.replace('parent = "device"', 'is_dependent = true\nlocal_key = ["name"]\nname_from = ["name"]').replace(
                "[lathe.attributes]", "[lathe.attributes]\nname = {}\nserial = {}"
            ),
            "class 'lathe' would be part of others and 1 CIs are of it",
        ),
    ],
)
def test_what_would_orphan_data_is_refused_with_counts(shop: Estate, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="would orphan data: ") as caught:
        keep(shop, text)
    assert said in str(caught.value)
    keep(shop, LATHE)


def test_what_nothing_stands_on_may_go(shop: Estate) -> None:
    lathe = shop.id_of("l1")
    shop.decide(patch_recorded, lathe, Patch({"colour": None}), now=at(1))
    keep(shop, LATHE.replace('colour = {label = {en = "Colour"}}\n', ""))
    shop.decide(patch_recorded, lathe, Patch(lifecycle="disposed"), now=at(2))
    keep(shop, "")


def test_a_held_value_stands_on_its_attribute(shop: Estate) -> None:
    lathe = shop.id_of("l1")
    shop.decide(patch_recorded, lathe, Patch({"colour": None}), now=at(1))
    shop.decide(pin_value, lathe, PinWish("colour", "blue", "audit", "kim"), now=at(2))
    with pytest.raises(ConfigurationError, match="attribute 'colour' of class 'lathe' is gone"):
        keep(shop, LATHE.replace('colour = {label = {en = "Colour"}}\n', ""))


def test_classes_that_stay_write_nothing(shop: Estate) -> None:
    assert shop.count_rows_written(lambda: keep(shop, LATHE)) == 0
    assert shop.rows(select(func.count()).select_from(setting)) == [(1,)]


async def test_a_changed_folder_comes_into_force_and_a_wrong_one_does_not(shop: Estate, tmp_path: Path) -> None:
    folder = tmp_path / "classes.d"
    folder.mkdir()
    (folder / "site.toml").write_text(LATHE.replace('"Colour"', '"Paint"'), encoding="utf-8")

    async def run(work: Any) -> Any:
        def transact() -> Any:
            with shop.database.begin() as connection:
                return work(connection)

        return await asyncio.to_thread(transact)

    catalogue = shop.context.catalogue
    loaded = make_class_folder(folder, catalogue, run, shop.clock)
    await check_at_start(run, catalogue)
    assert await loaded.load()
    assert catalogue["lathe"].attributes["colour"].label == {"en": "Paint"}
    (folder / "site.toml").write_text(LATHE.replace("lathe", "mill"), encoding="utf-8")
    assert not await loaded.load()
    assert "class 'lathe' is gone" in loaded.fault
    assert "lathe" in catalogue
    assert "mill" not in catalogue
    (folder / "site.toml").write_text("[lathe", encoding="utf-8")
    assert not await loaded.load()
    assert "site.toml:1: not TOML" in loaded.fault
