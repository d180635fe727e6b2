"""A TLS server that sends any record it likes, also those that no library sends: it knows its own keys.

The handshake is Python's own, over memory; the keys are derived from what `keylog_filename` tells, by RFC 5246 and RFC
8446. Only AES-GCM is spoken.
"""

from __future__ import annotations

import hmac
import os
import socket
import ssl
import struct
import tempfile
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from standins.fmc.pki import Pki
from tests.connection.servers import server_context

ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23

HELLO_REQUEST = bytes(4)
"""The server asks for another handshake; TLS 1.2 only."""
KEY_UPDATE = bytes.fromhex("18 000001 01")
"""The server changes its key and asks the client to do so as well; TLS 1.3 only."""
TICKET = bytes.fromhex("04 000010 00000e10 00000000 01 01 0002 abcd 0000")
"""A session ticket of TLS 1.3."""
WARNING = bytes.fromhex("01 5a")
"""The alert user_canceled, a warning."""

PLAIN_HELLO_REQUEST = bytes.fromhex("16 0303 0004") + HELLO_REQUEST
"""A record that needs no key, and so no certificate."""


@dataclass
class _Keys:
    """How one direction is encrypted."""

    key: bytes
    iv: bytes
    sequence: int


class Forger:
    """The server's end of a connection after its handshake; what it sends is written to the socket at once."""

    def __init__(self, pki: Pki, accepted: socket.socket, version: ssl.TLSVersion) -> None:
        self._socket = accepted
        self._is_1_3 = version is ssl.TLSVersion.TLSv1_3
        context = server_context(pki, newest=version)
        context.num_tickets = 0
        if not self._is_1_3:
            context.set_ciphers("ECDHE+AESGCM:@SECLEVEL=0")
        with tempfile.TemporaryDirectory() as folder:
            context.keylog_filename = os.path.join(folder, "keys")
            hello, cipher = self._shake_hands(context)
            with open(context.keylog_filename, encoding="ascii") as file:
                lines = [line.split() for line in file if not line.startswith("#")]
        self._hash = "sha384" if "SHA384" in cipher else "sha256"
        self._key_size = 32 if "256" in cipher.partition("GCM")[0] else 16
        told = {line[0]: (bytes.fromhex(line[1]), bytes.fromhex(line[2])) for line in lines}
        if self._is_1_3:
            self._secret = told["SERVER_TRAFFIC_SECRET_0"][1]
            self._keys = self._keys_of_secret()
        else:
            client_random, master = told["CLIENT_RANDOM"]
            self._keys = self._keys_of_master(master, hello[11:43] + client_random)

    def _shake_hands(self, context: ssl.SSLContext) -> tuple[bytes, str]:
        """Return what the server sent first, and the name of the cipher."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        first = b""
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                said = outgoing.read()
                first = first or said
                self._socket.sendall(said)
                incoming.write(self._socket.recv(65536))
        self._socket.sendall(outgoing.read())
        cipher = tls.cipher()
        assert cipher is not None
        return first, cipher[0]

    def record(self, kind: int, content: bytes) -> bytes:
        """Return the next record of this kind."""
        keys = self._keys
        number, keys.sequence = struct.pack(">Q", keys.sequence), keys.sequence + 1
        if self._is_1_3:
            nonce = bytes(a ^ b for a, b in zip(keys.iv, bytes(4) + number))
            header = struct.pack(">BHH", APPLICATION_DATA, 0x0303, len(content) + 17)
            return header + AESGCM(keys.key).encrypt(nonce, content + bytes([kind]), header)
        about = number + struct.pack(">BHH", kind, 0x0303, len(content))
        sealed = AESGCM(keys.key).encrypt(keys.iv + number, content, about)
        return struct.pack(">BHH", kind, 0x0303, len(sealed) + 8) + number + sealed

    def key_update(self) -> bytes:
        """Return the record with which the server changes its key; what follows is encrypted by the next one."""
        sent = self.record(HANDSHAKE, KEY_UPDATE)
        self._secret = self._expand(self._secret, b"traffic upd", len(self._secret))
        self._keys = self._keys_of_secret()
        return sent

    def _keys_of_secret(self) -> _Keys:
        return _Keys(self._expand(self._secret, b"key", self._key_size), self._expand(self._secret, b"iv", 12), 0)

    def _expand(self, secret: bytes, label: bytes, size: int) -> bytes:
        """HKDF-Expand-Label of RFC 8446 for up to one block of output."""
        full = b"tls13 " + label
        info = struct.pack(">HB", size, len(full)) + full + b"\0"
        return hmac.new(secret, info + b"\1", self._hash).digest()[:size]

    def _keys_of_master(self, master: bytes, seed: bytes) -> _Keys:
        """The key expansion of RFC 5246: both keys, then both implicit parts of the nonce, the client's first."""
        seed = b"key expansion" + seed
        block, link = b"", seed
        while len(block) < 2 * self._key_size + 8:
            link = hmac.new(master, link, self._hash).digest()
            block += hmac.new(master, link + seed, self._hash).digest()
        size = self._key_size
        # The server's Finished was number 0.
        return _Keys(block[size : 2 * size], block[2 * size + 4 : 2 * size + 8], 1)
