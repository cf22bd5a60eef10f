"""Reads encrypted files of version 1 after docs/file-format.md alone, with Python's `cryptography`.

Standard input: one JSON object a line, {"path", "dataKey" (hex), "context"}. Standard output: one line each, `ok BYTES SHA256` of the
content, or `refused REASON`.
"""
import hashlib
import hmac
import json
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

CHUNK, TAG, HEADER = 262144, 16, 64
MAGIC = b"CGFILE\x00\x01"
INFO = b"caregraph/file@v1+AEAD_AES_256_GCM\x00"


class Refused(Exception):
    pass


def canonical(context):
    """RFC 8785 for an object of texts: members in the order of their UTF-16 code units, no white space, UTF-8."""
    ordered = dict(sorted(context.items(), key=lambda item: item[0].encode("utf-16-be")))
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def contents(file, data_key, context):
    header = file.read(HEADER)
    if len(header) != HEADER or header[:8] != MAGIC:
        raise Refused("format")
    info = INFO + header[8:32] + canonical(context)
    derived = HKDFExpand(algorithm=SHA256(), length=71, info=info).derive(data_key)
    key, prefix, commitment = derived[:32], derived[32:39], derived[39:]
    if not hmac.compare_digest(commitment, header[32:]):
        raise Refused("commitment")
    aead, index, chunk = AESGCM(key), 0, file.read(CHUNK + TAG)
    while True:
        following = file.read(CHUNK + TAG)
        last = not following
        if len(chunk) < TAG or (len(chunk) == TAG and index > 0) or index >= 2**32:
            raise Refused("chunk")
        try:
            yield aead.decrypt(prefix + struct.pack(">IB", index, last), chunk, None)
        except InvalidTag:
            raise Refused("chunk") from None
        if last:
            return
        index, chunk = index + 1, following


for line in sys.stdin:
    job = json.loads(line)
    digest, size = hashlib.sha256(), 0
    try:
        with open(job["path"], "rb") as sealed:
            for plain in contents(sealed, bytes.fromhex(job["dataKey"]), job["context"]):
                digest.update(plain)
                size += len(plain)
        print("ok", size, digest.hexdigest(), flush=True)
    except Refused as refusal:
        print("refused", refusal, flush=True)
