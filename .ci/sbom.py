"""Writes what the image holds, in CycloneDX: `python .ci/sbom.py FILE`.

cyclonedx-py describes this environment (names, versions, licences, who needs whom); of that only what
deploy/requirements.lock names is kept, with its hashes. No time, no number drawn: the same lock and environment give
the same bytes.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "deploy" / "requirements.lock"
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(.*)$")


def plain(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, tuple[str, list[str]]]:
    """Version and SHA-256 digests of each distribution of the lock."""
    found: dict[str, tuple[str, list[str]]] = {}
    for entry in LOCK.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if matched := _ENTRY.match(entry):
            found[plain(matched[1])] = (matched[2], sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)))
    return found


def environment() -> dict[str, Any]:
    """What cyclonedx-py makes of the environment that runs this."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--no-validate", "--output-reproducible"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-format", "JSON", sys.executable]
    ran = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    if ran.returncode:
        sys.exit(f"make: cyclonedx-py could not describe .venv: {ran.stderr.decode().strip().splitlines()[-1]}")
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


def pruned(said: dict[str, Any], lock: dict[str, tuple[str, list[str]]]) -> dict[str, Any]:
    """What the lock names, each part with its hashes, and the ways between these parts."""
    kept = [part for part in said["components"] if plain(part["name"]) in lock]
    for part in kept:
        version, hashes = lock[plain(part["name"])]
        if part["version"] != version:
            sys.exit(f"make: .venv has {part['name']} {part['version']} where the lock has {version}; run `make` anew.")
        files = [{"alg": "SHA-256", "content": digest} for digest in hashes]
        comment = "one of the files that the lock lets in"
        # The index is named by whoever installs, never here.
        references = [
            {"type": "distribution", "url": part["purl"], "comment": comment, "hashes": [one]} for one in files
        ]
        part["externalReferences"] = [*part.get("externalReferences", []), *references]
        part.pop("properties", None)  # which extra asked for it in this environment
    root = said["metadata"]["component"]["bom-ref"]
    names = {root, *(part["bom-ref"] for part in kept)}
    ways = [way for way in said["dependencies"] if way["ref"] in names]
    for way in ways:
        if needed := [name for name in way.get("dependsOn", []) if name in names]:
            way["dependsOn"] = needed
        else:
            way.pop("dependsOn", None)
    return {**said, "components": kept, "dependencies": ways}


def main() -> None:
    """Write the file."""
    if len(sys.argv) != 2:
        sys.exit("make: say where to: python .ci/sbom.py FILE")
    found = pruned(environment(), locked())
    Path(sys.argv[1]).write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(found['components'])} distributions are in {sys.argv[1]}")


if __name__ == "__main__":
    main()
