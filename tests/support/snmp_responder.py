"""A fast SNMPv2c agent that serves recordings (`.snmprec`) on loopback, each under the community of its name.

`NAME@n` is the n-th clone of a recording, so that one responder stands for a thousand devices. Variable bindings are encoded
once; a request is decoded just as far as needed. As a program: `python -m tests.support.snmp_responder FOLDER [PORT]`, prints its port.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import sys
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Oid = tuple[int, ...]
END_OF_MIB_VIEW, NO_SUCH_INSTANCE = 130, 129
MAXIMUM_ANSWER_BYTES = 60_000


@dataclass(frozen=True)
class Recording:
    """A device: sorted OIDs, their keys and their encoded variable bindings."""

    oids: list[Oid]
    encoded: list[bytes]
    index: dict[Oid, int]


def length_of(size: int) -> bytes:
    if size < 128:
        return bytes([size])
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def tlv(tag: int, body: bytes) -> bytes:
    return bytes([tag]) + length_of(len(body)) + body


def encode_oid(oid: Oid) -> bytes:
    parts = bytearray()
    for arc in (oid[0] * 40 + oid[1], *oid[2:]) if len(oid) > 1 else (oid[0] * 40,):
        chunk = [arc & 0x7F]
        while arc := arc >> 7:
            chunk.append(arc & 0x7F | 0x80)
        parts += bytes(reversed(chunk))
    return tlv(6, bytes(parts))


def decode_oid(body: bytes) -> Oid:
    arcs: list[int] = []
    arc = 0
    for octet in body:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return (first, arcs[0] - first * 40, *arcs[1:])


def encode_value(tag: int, text: str, *, is_hex: bool) -> bytes:
    if is_hex:
        body = bytes.fromhex(text)
    elif tag == 2:
        number = int(text)
        body = number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)
    elif tag in {65, 66, 67, 70}:
        number = int(text)
        body = number.to_bytes(number.bit_length() // 8 + 1, "big")
    elif tag == 6:
        parts = tuple(int(part) for part in text.strip().lstrip(".").split("."))
        return encode_oid(parts)
    elif tag == 64:
        body = bytes(int(part) for part in text.split("."))
    elif tag == 5:
        body = b""
    else:
        body = text.encode("latin-1")
    return tlv(tag, body)


def load_recording(path: Path) -> Recording:
    """The recording of a file: lines that cannot be read are skipped, rows are put in order."""
    found: dict[Oid, bytes] = {}
    for line in path.read_bytes().decode("latin-1").split("\n"):
        parts = line.rstrip("\r").split("|", 2)
        if len(parts) != 3:
            continue
        with contextlib.suppress(ValueError, IndexError, OverflowError):
            oid = tuple(int(arc) for arc in parts[0].strip().split("."))
            kind = parts[1].rstrip("xe")
            found[oid] = tlv(0x30, encode_oid(oid) + encode_value(int(kind), parts[2], is_hex=parts[1].endswith("x")))
    oids = sorted(found)
    return Recording(oids, [found[oid] for oid in oids], {oid: at for at, oid in enumerate(oids)})


def read_tlv(message: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the body at an offset."""
    size = message[at + 1]
    start = at + 2
    if size & 0x80:
        count = size & 0x7F
        size = int.from_bytes(message[start : start + count], "big")
        start += count
    return message[at], start, start + size


def parse_request(message: bytes) -> tuple[str, int, bytes, int, list[Oid]]:
    """Community, PDU type, encoded request id, max-repetitions and the OIDs asked for."""
    _, at, _ = read_tlv(message, 0)
    _, _, at = read_tlv(message, at)
    _, start, end = read_tlv(message, at)
    community = message[start:end].decode("latin-1")
    kind, at, _ = read_tlv(message, end)
    _, _, id_end = read_tlv(message, at)
    request_id = message[at:id_end]
    _, _, at = read_tlv(message, id_end)
    _, start, end = read_tlv(message, at)
    repetitions = int.from_bytes(message[start:end], "big")
    _, at, last = read_tlv(message, end)
    oids: list[Oid] = []
    while at < last:
        _, start, at = read_tlv(message, at)
        _, start, end = read_tlv(message, start)
        oids.append(decode_oid(message[start:end]))
    return community, kind, request_id, repetitions, oids


def next_binding(recording: Recording, oid: Oid, steps: int) -> tuple[Oid, bytes]:
    at = bisect_right(recording.oids, oid) + steps
    if at < len(recording.oids):
        return recording.oids[at], recording.encoded[at]
    return oid, tlv(0x30, encode_oid(oid) + bytes([END_OF_MIB_VIEW, 0]))


def answer(recordings: dict[str, Recording], message: bytes) -> bytes | None:
    """The reply to one datagram; None for an unknown community."""
    community, kind, request_id, repetitions, oids = parse_request(message)
    recording = recordings.get(community.partition("@")[0])
    if recording is None:
        return None
    if kind == 0xA0:
        known = recording.index
        bindings = [recording.encoded[known[oid]] if oid in known else tlv(0x30, encode_oid(oid) + bytes([NO_SUCH_INSTANCE, 0])) for oid in oids]
    elif kind == 0xA1:
        bindings = [next_binding(recording, oid, 0)[1] for oid in oids]
    else:
        bindings = bulk(recording, oids, repetitions)
    pdu = tlv(0xA2, request_id + b"\x02\x01\x00\x02\x01\x00" + tlv(0x30, b"".join(bindings)))
    return tlv(0x30, b"\x02\x01\x01" + tlv(4, community.encode("latin-1")) + pdu)


def bulk(recording: Recording, oids: list[Oid], repetitions: int) -> list[bytes]:
    bindings: list[bytes] = []
    size = 0
    starts = [bisect_right(recording.oids, oid) for oid in oids]
    total = len(recording.oids)
    for step in range(repetitions):
        for start, oid in zip(starts, oids, strict=True):
            at = start + step
            binding = (
                recording.encoded[at]
                if at < total
                else tlv(0x30, encode_oid(recording.oids[-1] if at > start else oid) + bytes([END_OF_MIB_VIEW, 0]))
            )
            size += len(binding)
            if size > MAXIMUM_ANSWER_BYTES:
                return bindings
            bindings.append(binding)
        if all(start + step >= total for start in starts):
            break
    return bindings


class SnmpResponder:
    """The responder in a thread of this process; `port` is free and on 127.0.0.1."""

    def __init__(self, recordings: dict[str, Recording], port: int = 0) -> None:
        self._recordings = recordings
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1_048_576)
        self._socket.bind(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self.serve, name="snmp-responder", daemon=True)

    def serve(self) -> None:
        """Answer until `stop`; what cannot be parsed gets no answer, as from a device."""
        while True:
            message, peer = self._socket.recvfrom(65_535)
            if message == b"stop" and peer[0] == "127.0.0.1":
                return
            with contextlib.suppress(IndexError, ValueError):
                if reply := answer(self._recordings, message):
                    self._socket.sendto(reply, peer)

    def start(self) -> SnmpResponder:
        self._thread.start()
        return self

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"stop", ("127.0.0.1", self.port))
        self._thread.join(timeout=5)
        self._socket.close()


def load_recordings(folder: Path) -> dict[str, Recording]:
    """Every recording of a folder by its name."""
    return {path.name.removesuffix(".snmprec"): load_recording(path) for path in sorted(folder.glob("*.snmprec"))}


@contextlib.contextmanager
def responder_process(folder: Path) -> Iterator[int]:
    """The responder as a process of its own, for load tests; gives its port."""
    command = [sys.executable, "-m", "tests.support.snmp_responder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2]) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(timeout=10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int, nargs="?", default=0)
    settings = parser.parse_args()
    responder = SnmpResponder(load_recordings(settings.folder), settings.port)
    sys.stdout.write(f"{responder.port}\n")
    sys.stdout.flush()
    responder.serve()


if __name__ == "__main__":
    main()
