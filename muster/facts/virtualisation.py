"""Which hypervisor a host runs on, in the words of systemd-detect-virt(1)."""

from __future__ import annotations

from collections.abc import Mapping

_VENDORS = (
    ("kvm", "kvm"), ("qemu", "kvm"), ("amazon ec2", "amazon"), ("google", "google"), ("openstack", "kvm"), ("vmware", "vmware"), ("vmw", "vmware"),
    ("innotek gmbh", "oracle"), ("virtualbox", "oracle"), ("xen", "xen"), ("bochs", "bochs"), ("parallels", "parallels"), ("bhyve", "bhyve"),
    ("hyper-v", "microsoft"), ("apple virtualization", "apple"),
)  # fmt: skip
_FILES = ("product_name", "sys_vendor", "board_vendor", "bios_vendor")


def detect_virtualisation(dmi: Mapping[str, str], *, hypervisor_type: str = "", has_hypervisor_flag: bool = False) -> str:
    """`none`, or the hypervisor: from DMI, else /sys/hypervisor/type, else the processor's flag alone (`vm-other`)."""
    for file in _FILES:
        text = dmi.get(file, "").strip().lower()
        found = next((name for prefix, name in _VENDORS if text.startswith(prefix)), None)
        # Amazon and Google also sell whole machines, whose processors show no hypervisor.
        if found is not None and (has_hypervisor_flag or found not in ("amazon", "google")):
            return found
    if dmi.get("sys_vendor", "").strip() == "Microsoft Corporation" and dmi.get("product_name", "").strip() == "Virtual Machine":
        return "microsoft"
    if hypervisor_type.strip():
        return hypervisor_type.strip().lower()
    return "vm-other" if has_hypervisor_flag else "none"
