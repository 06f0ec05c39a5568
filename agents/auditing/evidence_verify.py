"""Holds the journal records of this pack against the seals: needs Python 3 and nothing else.

Run it in the folder of the pack, after `sha256sum -c MANIFEST.sha256`. It computes the digest of each record in
journal.jsonl anew from the record's own bytes, looks it up in chain.txt, and folds chain.txt from the seal before the
first fact to the seal after the last event. Exit status 0 if all agree, 1 if not.
"""

import json
import sys
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any


def record_digest(record: dict[str, Any]) -> str:
    """SHA-256 of `<timestamp>:`, then key, value, and name and value of each header as `<length>:<bytes>`, null `-`."""
    parts = [None if part is None else b64decode(part) for part in (record["key"], record["value"])]
    for name, value in record["headers"]:
        parts += [name.encode(), None if value is None else b64decode(value)]
    framed = (b"-" if part is None else b"%d:%b" % (len(part), part) for part in parts)
    return sha256(b"%d:%b" % (record["timestamp"], b"".join(framed))).hexdigest()


def differences(folder: Path) -> list[str]:
    """A sentence for each thing that does not agree."""
    proof = json.loads((folder / "proof.json").read_text())
    chain = [line.split() for line in (folder / "chain.txt").read_text().splitlines()]
    digest_of = {(int(line), int(offset)): digest for line, offset, digest in chain}
    found = []
    for text in (folder / "journal.jsonl").read_text().splitlines():
        record = json.loads(text)
        place = (record["line"], record["offset"])
        if record_digest(record) != record["digest"] or digest_of.get(place, record["digest"]) != record["digest"]:
            found.append(f"line {record['line']} at offset {record['offset']} is not the record of the chain")
    journal = bytes.fromhex(proof["from"])
    for _, _, digest in chain:
        journal = sha256(journal + bytes.fromhex(digest)).digest()
    if journal.hex() != proof["until"]:
        found.append("the chain does not come to the digest that proof.json names")
    if proof["seal_before"] is not None and proof["seal_before"]["journal"].lower() != proof["from"]:
        found.append("the chain does not begin with what the seal before it says")
    if proof["seal_after"] is not None and proof["seal_after"]["journal"].lower() != proof["until"]:
        found.append("the chain does not come to what the seal behind it says")
    return found


if __name__ == "__main__":
    sentences = differences(Path(__file__).parent)
    print("\n".join(sentences) or "The journal records are those that the chain holds.")
    sys.exit(1 if sentences else 0)
