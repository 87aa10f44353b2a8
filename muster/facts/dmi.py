"""DMI as sysfs gives it (/sys/class/dmi/id, SMBIOS 3.x): maker, model, serial numbers, BIOS, board and chassis."""

from __future__ import annotations

from collections.abc import Mapping

FOLDER = "/sys/class/dmi/id"
# Serial numbers and the UUID are readable by root (or CAP_DAC_READ_SEARCH) alone.
FILES = (
    "sys_vendor", "product_name", "product_serial", "product_uuid", "product_version", "bios_vendor", "bios_version", "bios_date",
    "board_vendor", "board_name", "board_serial", "chassis_type", "chassis_serial", "chassis_asset_tag",
)  # fmt: skip
COMMAND = ("sh", "-c", f"cd {FOLDER} && grep -s . {' '.join(FILES)}")
# SMBIOS 3.7, 7.4.1: chassis types.
_CHASSIS = {
    1: "other", 2: "unknown", 3: "desktop", 4: "low_profile_desktop", 5: "pizza_box", 6: "mini_tower", 7: "tower", 8: "portable", 9: "laptop",
    10: "notebook", 11: "hand_held", 12: "docking_station", 13: "all_in_one", 14: "sub_notebook", 15: "space_saving", 16: "lunch_box",
    17: "main_server_chassis", 18: "expansion_chassis", 19: "sub_chassis", 20: "bus_expansion_chassis", 21: "peripheral_chassis",
    22: "raid_chassis", 23: "rack_mount_chassis", 24: "sealed_case", 25: "multi_system_chassis", 28: "blade", 29: "blade_enclosure",
    30: "tablet", 31: "convertible", 32: "detachable", 33: "iot_gateway", 34: "embedded", 35: "mini", 36: "stick",
}  # fmt: skip
_ATTRIBUTES = {
    "vendor": "sys_vendor", "model": "product_name", "serial": "product_serial", "asset_tag": "chassis_asset_tag", "bios.vendor": "bios_vendor",
    "bios.version": "bios_version", "bios.date": "bios_date", "board.vendor": "board_vendor", "board.model": "board_name",
    "board.serial": "board_serial", "chassis.serial": "chassis_serial",
}  # fmt: skip


def to_attributes(files: Mapping[str, str]) -> dict[str, str]:
    """Attributes of the host item from file name -> text; what is empty is left out."""
    found = {name: files.get(file, "").strip() for name, file in _ATTRIBUTES.items()}
    chassis = files.get("chassis_type", "").strip()
    if chassis.isascii() and chassis.isdigit():
        found["chassis.type"] = _CHASSIS.get(int(chassis), "")
    return {name: text for name, text in found.items() if text}


def to_identifiers(files: Mapping[str, str]) -> dict[str, str]:
    """`serial`, `dmi_uuid` and `asset_tag` as written; the collector filters what makers leave blank or alike."""
    found = {
        "serial": files.get("product_serial", "").strip(),
        "dmi_uuid": files.get("product_uuid", "").strip().lower(),
        "asset_tag": files.get("chassis_asset_tag", "").strip(),
    }
    return {name: text for name, text in found.items() if text}
