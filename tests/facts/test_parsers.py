"""Each parser on what real hosts print."""

from muster.facts.account import Account, parse_accounts
from muster.facts.address import Address, is_reported, render_address
from muster.facts.cpuinfo import Processor, parse_cpuinfo
from muster.facts.dpkg import parse_dpkg_status
from muster.facts.host_name import find_fqdn
from muster.facts.link import Link, parse_grep_output, parse_ip_addresses, parse_sysfs_links
from muster.facts.listener import Listener, parse_proc_net, parse_ss, parse_unit
from muster.facts.lsblk import Disk, parse_lsblk
from muster.facts.meminfo import parse_meminfo
from muster.facts.mountinfo import Mount, parse_mountinfo, select_storage
from muster.facts.os_release import parse_os_release
from muster.facts.package import Package
from muster.facts.proc_stat import ProcessorTime, parse_proc_stat
from muster.facts.python_distribution import parse_dist_info
from muster.facts.rpm import parse_rpm_query
from muster.facts.smbios import MemoryModule, parse_memory_modules
from muster.facts.ssh_host_key import parse_public_keys
from muster.facts.systemctl import Unit, join_units
from muster.facts.virtualisation import detect_virtualisation


def test_os_release_quotes_and_comments() -> None:
    text = '# written by hand\nNAME="Debian GNU/Linux"\nID=debian\nVERSION_ID=\'12\'\nVERSION="12 (\\"bookworm\\")"\nbroken\n'
    assert parse_os_release(text) == {"NAME": "Debian GNU/Linux", "ID": "debian", "VERSION_ID": "12", "VERSION": '12 ("bookworm")'}


def test_memory_is_in_bytes_and_counts_stay_counts() -> None:
    assert parse_meminfo("MemTotal:       2048 kB\nActive(anon):  3 kB\nHugePages_Total:       4\nodd\n") == {
        "MemTotal": 2_097_152,
        "Active(anon)": 3072,
        "HugePages_Total": 4,
    }


def test_processors_are_grouped_by_package() -> None:
    block = (
        "processor\t: {n}\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R)  Xeon(R)\n"
        "physical id\t: {p}\ncpu cores\t: 2\nflags\t\t: fpu hypervisor\n\n"
    )
    facts = parse_cpuinfo("".join(block.format(n=n, p=n // 2) for n in range(4)))
    assert facts.packages == (
        Processor("0", "GenuineIntel", "Intel(R) Xeon(R)", 2, 2),
        Processor("1", "GenuineIntel", "Intel(R) Xeon(R)", 2, 2),
    )
    assert (facts.logical_count, facts.has_hypervisor_flag) == (4, True)


def test_proc_stat_leaves_the_sum_of_processors_out() -> None:
    stat = parse_proc_stat("cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\nctxt 5\nbtime 1700000000\nintr 7 0 0 1\n")
    assert stat.processors == (ProcessorTime("0", (1, 2, 3, 4, 5, 6, 7, 8)),)
    assert stat.counters == {"ctxt": 5, "btime": 1_700_000_000, "intr": 7}


def test_only_mounts_that_hold_data_are_storage() -> None:
    text = (
        "22 27 0:21 / /proc rw - proc proc rw\n"
        "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        "28 27 254:0 /srv /mnt/bind rw - ext4 /dev/vda rw\n"
        "29 27 0:30 / /data\\040dir rw,noatime - nfs4 nas:/x rw\n"
        "30 27 0:31 / /run rw - tmpfs tmpfs rw\n"
    )
    assert select_storage(parse_mountinfo(text)) == [
        Mount("/", "/dev/vda", "ext4", ("relatime", "rw"), "/", "254:0"),
        Mount("/data dir", "nas:/x", "nfs4", ("noatime", "rw"), "/", "0:30"),
    ]


def test_dpkg_keeps_installed_and_leaves_removed_packages_out() -> None:
    text = (
        "Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22.1-9\nInstalled-Size: 10\nDescription: web server\n more\n\n"
        "Package: libx\nStatus: hold ok installed\nArchitecture: amd64\nSource: x (1.0)\nVersion: 2\n\n"
        "Package: old\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
    )
    assert parse_dpkg_status(text) == [
        Package("dpkg", "nginx", "1.22.1-9", "amd64", source_package="nginx", summary="web server", size_bytes=10_240),
        Package("dpkg", "libx", "2", "amd64", source_package="x"),
    ]


def test_rpm_kernels_stand_side_by_side() -> None:
    text = (
        "bash\t(none)\t5.1.8\t6.el9\tx86_64\tRed Hat\tbash-5.1.8-6.el9.src.rpm\t7738634\t1700000000\tThe GNU shell\n"
        "kernel-core\t0\t5.14.0\t70.el9\tx86_64\tRed Hat\tkernel-5.14.0-70.el9.src.rpm\t1\t1\tThe kernel\n"
        "bind-libs\t32\t9.16\t1\tx86_64\t(none)\tbind-9.16-1.src.rpm\t1\t1\tLibraries\nodd\n"
    )
    bash, kernel, bind = parse_rpm_query(text)
    assert bash == Package("rpm", "bash", "5.1.8-6.el9", "x86_64", "", "Red Hat", "bash", "The GNU shell", 7_738_634, 1_700_000_000_000)
    assert (kernel.slot, bind.version, bind.vendor) == ("5.14.0-70.el9", "32:9.16-1", "")


def test_python_distributions_are_named_as_their_index_does() -> None:
    names = ["/usr/local/lib/python3.11/dist-packages/Flask_Login-0.6.2.dist-info", "pip-23.0.1.egg-info", "flask", "x.dist-info"]
    assert parse_dist_info(names) == [Package("pip", "flask-login", "0.6.2"), Package("pip", "pip", "23.0.1")]


def test_accounts_carry_primary_and_supplementary_groups() -> None:
    passwd = "root:x:0:0:root:/root:/bin/bash\nkim:x:1000:1000:Kim Li,,,:/home/kim:/bin/zsh\n+::::::\nodd\n"
    group = "root:x:0:\nkim:x:1000:\nsudo:x:27:kim\n"
    assert parse_accounts(passwd, group) == [
        Account("root", 0, 0, "/root", "/bin/bash", "root", ("root",)),
        Account("kim", 1000, 1000, "/home/kim", "/bin/zsh", "Kim Li", ("kim", "sudo")),
    ]


def test_links_of_sysfs_and_of_ip_agree() -> None:
    files = parse_grep_output(
        "eth0/address:02:fc:00:00:00:01\neth0/addr_assign_type:0\neth0/flags:0x1003\neth0/ifindex:4\neth0/mtu:1400\neth0/operstate:up\n"
        "eth0/speed:-1\nlo/address:00:00:00:00:00:00\nlo/flags:0x9\nlo/ifindex:1\nlo/mtu:65536\nlo/operstate:unknown\n"
    )
    text = """[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536,"operstate":"UNKNOWN","address":"00:00:00:00:00:00","addr_info":[]},
      {"ifindex":4,"ifname":"eth0","flags":["BROADCAST","UP"],"mtu":1400,"operstate":"UP","address":"02:fc:00:00:00:01",
       "addr_info":[{"family":"inet","local":"192.0.2.2","prefixlen":24},{"family":"inet6","local":"FE80::1","prefixlen":64}]}]"""
    links, addresses = parse_ip_addresses(text)
    assert links == parse_sysfs_links(files)
    assert links[0] == Link("eth0", 4, "02:fc:00:00:00:01", "", 1400, True, "up")
    assert addresses == [Address("eth0", "192.0.2.2", 24), Address("eth0", "fe80::1", 64)]


def test_a_universal_address_of_a_card_is_permanent() -> None:
    link = parse_sysfs_links({"eth0/address": "00:50:56:00:00:01", "eth0/addr_assign_type": "0", "eth0/speed": "1000", "eth0/duplex": "full"})[0]
    assert link == Link("eth0", None, "00:50:56:00:00:01", "00:50:56:00:00:01", speed_bits_per_second=1_000_000_000, duplex="full")


def test_addresses_have_one_form_and_only_reachable_ones_are_reported() -> None:
    assert [render_address(text) for text in ("127.0.0.1%lo", "FD00:0::2", "1.2.3", "::ffff:127.0.0.1")] == [
        "127.0.0.1", "fd00::2", None, "::ffff:127.0.0.1",
    ]  # fmt: skip
    assert [text for text in ("127.0.0.1", "::1", "fe80::1", "192.0.2.2", "fd00::2", "224.0.0.1") if is_reported(text)] == ["192.0.2.2", "fd00::2"]


def test_ss_and_proc_net_agree() -> None:
    ss = (
        'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=900,fd=3),("sshd",pid=20,fd=3))\n'
        "tcp LISTEN 0 5 127.0.0.1%lo:53 0.0.0.0:*\n"
        "tcp LISTEN 0 5 *:8080 *:*\n"
        "tcp LISTEN 0 5 [::1]:631 [::]:*\n"
        "udp UNCONN 0 0 0.0.0.0:161 0.0.0.0:*\n"
        "udp UNCONN 0 0 0.0.0.0:48000 0.0.0.0:*\n"
    )
    head = "  sl  local_address rem_address   st ...\n"
    tail = " 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 x 100 0 0 10 0"
    tcp = head + "\n".join(
        [
            "   0: 00000000:0016 00000000:0000 0A" + tail.format(inode=11),
            "   1: 0100007F:0035 00000000:0000 0A" + tail.format(inode=12),
            "   2: 0100007F:0035 0100007F:9999 01" + tail.format(inode=13),
        ]
    )
    tcp6 = head + "\n".join(
        [
            "   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A" + tail.format(inode=14),
            "   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A" + tail.format(inode=15),
        ]
    )
    listeners = parse_ss(ss)
    assert listeners == [
        Listener("tcp", "0.0.0.0", 22, (20, 900)),
        Listener("tcp", "127.0.0.1", 53),
        Listener("tcp", "::", 8080),
        Listener("tcp", "::1", 631),
        Listener("udp", "0.0.0.0", 161),
    ]
    read = sorted([*parse_proc_net(tcp, "tcp"), *parse_proc_net(tcp6, "tcp")])
    assert [each[:3] for each in read] == [each[:3] for each in listeners[:4]]
    assert [each.inode for each in read] == [11, 12, 14, 15]


def test_the_unit_of_a_process_is_in_its_control_group() -> None:
    assert parse_unit("0::/system.slice/ssh.service\n") == "ssh.service"
    assert parse_unit("1:name=systemd:/user.slice/user-0.slice/session-1.scope\n0::/\n") == ""
    assert parse_unit("0::/system.slice/system-getty.slice/getty@tty1.service") == "getty@tty1.service"


def test_units_join_enabled_and_active() -> None:
    files = (
        "ssh.service enabled enabled\ngetty@.service enabled enabled\ncron.service disabled enabled\nsshd.service alias -\nlocal-fs.target static -\n"
    )
    loaded = (
        "ssh.service loaded active running OpenBSD Secure Shell server\n● getty@tty1.service loaded active running Getty on tty1\n"
        "x.service not-found inactive dead x.service\n"
    )
    assert join_units(files, loaded) == [
        Unit("cron.service", "disabled", "inactive", "dead"),
        Unit("getty@tty1.service", "enabled", "active", "running", "Getty on tty1"),
        Unit("ssh.service", "enabled", "active", "running", "OpenBSD Secure Shell server"),
    ]
    assert join_units(files, "") == [Unit("cron.service", "disabled"), Unit("ssh.service", "enabled")]


def test_disks_are_without_loops_and_empty_drives() -> None:
    text = """{"blockdevices": [{"name":"zram0","type":"disk","size":5}, {"name":"sr0","type":"rom","size":7},
      {"name":"sda","type":"disk","size":"1000",
      "rota":"0","vendor":"ATA     ","model":"SSD","serial":"S1","wwn":"0x5","rev":"1.0"},
      {"name":"vda","type":"disk","size":10,"rota":true,"model":null}]}"""
    assert parse_lsblk(text) == [Disk("sda", 1000, False, "ATA", "SSD", "S1", "0x5", "1.0"), Disk("vda", 10, True)]


def test_host_keys_have_the_fingerprint_that_ssh_shows() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl host\n"
    assert parse_public_keys([key, "# note\n", "ssh-rsa !!!\n"]) == ["SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"]


def test_the_qualified_name_is_the_hosts_own() -> None:
    hosts = "127.0.0.1 localhost\n192.0.2.2 web-1.example.org web-1 # here\n"
    assert [find_fqdn(name, hosts) for name in ("web-1", "WEB-1", "other", "db.example.org.")] == [
        "web-1.example.org", "web-1.example.org", "", "db.example.org",
    ]  # fmt: skip
    assert find_fqdn("web-1", "127.0.1.1 web-1.localdomain web-1\n") == ""


def test_hypervisors_are_named_as_systemd_names_them() -> None:
    assert detect_virtualisation({}) == "none"
    assert detect_virtualisation({}, has_hypervisor_flag=True) == "vm-other"
    assert detect_virtualisation({"sys_vendor": "QEMU"}, has_hypervisor_flag=True) == "kvm"
    assert detect_virtualisation({"sys_vendor": "Amazon EC2", "product_name": "m5.metal"}) == "none"
    assert detect_virtualisation({"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"}) == "microsoft"
    assert detect_virtualisation({"sys_vendor": "Dell Inc."}) == "none"


def test_memory_modules_come_from_the_raw_table() -> None:
    fields = bytearray(0x22)
    fields[0], fields[1] = 17, 0x22
    fields[0x0C:0x0E] = (16_384).to_bytes(2, "little")
    fields[0x10], fields[0x17], fields[0x18], fields[0x1A] = 1, 2, 3, 4
    empty = bytes([17, 0x22]) + bytes(0x20) + b"DIMM_B\0\0"
    table = bytes(fields) + b"DIMM_A\0Samsung\0S123\0M393\0\0" + empty + bytes([127, 4, 0, 0, 0, 0])
    assert parse_memory_modules(table) == [MemoryModule("DIMM_A", 16_384 * 1_048_576, "Samsung", "M393", "S123")]
