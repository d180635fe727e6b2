"""The libraries that ship: lib/requirements.txt pins them; they are fetched by their hashes, and unpacked into the
add-on.

pip refuses a file whose hash is not in lib/requirements.txt. `tools/libraries.sh` writes the hashes of the versions
there.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from environment import ROOT, StepFailure, lock, prepare, run, say

REQUIREMENTS = Path("lib", "requirements.txt")

GENERATOR = Path("tools", "ucc.txt")
"""The tools of a build: the generator; setuptools, which builds the one library that has no wheel; and the SBOM
writer."""

PLATFORMS = {
    "linux_x86_64": "manylinux2014_x86_64",
    "linux_aarch64": "manylinux2014_aarch64",
    "windows_x86_64": "win_amd64",
}
"""Folder of lib/3rdparty, as bin/import_declare_test.py looks for it, and the platform tag of its wheels."""

PLATFORM_LIBRARIES = {"cryptography": ("39",), "cffi": ("39", "313")}
"""Compiled libraries and the Pythons whose wheels are needed. One wheel of cryptography serves all Pythons."""

BUILT_FROM_SOURCE = ("splunk-sdk",)

_UNWANTED_FOLDERS = {"__pycache__", "test", "tests"}
_UNWANTED_SUFFIXES = {".pyc", ".pyo", ".pyi"}
_KEPT_METADATA = re.compile(r"(METADATA|LICEN[CS]E.*|NOTICE.*|AUTHORS.*|COPYING.*)$", re.IGNORECASE)
_PIN = r"[A-Za-z0-9._-]+==[A-Za-z0-9._]+"
_HASH = r"--hash=sha256:[0-9a-f]{64}"


def read_requirements(text: str) -> dict[str, str]:
    """Return the requirements of a file by the name of the library: one version each, with its hashes.

    Raises StepFailure for a line without a version or without a hash.
    """
    lines = [line.split("#")[0].strip() for line in text.replace("\\\n", " ").splitlines()]
    requirements = {line.split("==")[0]: " ".join(line.split()) for line in lines if line}
    for line in requirements.values():
        if not re.fullmatch(_PIN, line.split()[0]):
            raise StepFailure(f"{REQUIREMENTS}: {line!r} must pin one version, as in name==1.2.3.")
        if not re.fullmatch(rf"{_PIN}( {_HASH})+", line):
            raise StepFailure(f"{REQUIREMENTS}: {line!r} must have the hashes of its files: run tools/libraries.sh.")
    return requirements


def fetch_wheels(root: Path, python: str, requirements: dict[str, str]) -> Path:
    """Return a folder with the wheels of all libraries: `any/` and one folder for each platform.

    The name of the folder depends on its content, so that nothing is fetched twice.
    """
    builder = (root / GENERATOR).read_text(encoding="utf-8")
    recipe = [sorted(requirements.values()), PLATFORMS, PLATFORM_LIBRARIES, BUILT_FROM_SOURCE, builder]
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    kept = root / "build" / "wheels" / key
    if kept.is_dir():
        return kept
    say("fetching the libraries")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        folder = Path(scratch) / "wheels"
        for name in BUILT_FROM_SOURCE:
            options = ["--no-build-isolation", "--no-binary", name, "--wheel-dir", str(folder / "any")]
            _pip(f"Building {name}", [python, "-m", "pip", "wheel", *options], [requirements[name]])
        fetch_portable(python, requirements, folder / "any")
        for platform in PLATFORMS:
            fetch_compiled(python, requirements, platform, folder / platform)
        folder.rename(kept)
    return kept


def prepare_wheels(root: Path) -> tuple[str, Path]:
    """Return the Python of the generator's environment, and the folder of the wheels that the repository pins.

    Others who build in this repository wait meanwhile.
    """
    requirements = read_requirements((root / REQUIREMENTS).read_text(encoding="utf-8"))
    with lock(root / "build" / "lock"):
        python = prepare(root, "ucc", root / GENERATOR)
        return python, fetch_wheels(root, python, requirements)


def fetch_portable(python: str, requirements: dict[str, str], folder: Path) -> None:
    """Fetch the wheels that serve every platform."""
    wanted = [line for name, line in requirements.items() if name not in (*BUILT_FROM_SOURCE, *PLATFORM_LIBRARIES)]
    options = ["--platform", "any", "--implementation", "py", "--abi", "none", "--python-version", "39"]
    _pip("Fetching the libraries", [*_download(python, folder), *options], wanted)


def fetch_compiled(python: str, requirements: dict[str, str], platform: str, folder: Path) -> None:
    """Fetch the wheels that serve one platform only."""
    for name, versions in PLATFORM_LIBRARIES.items():
        for version in versions:
            # "39" means 3.9.0, which some libraries exclude although their wheel is for all of 3.9.
            options = ["--ignore-requires-python", "--platform", PLATFORMS[platform], "--python-version", version]
            _pip(f"Fetching {name} for {platform}", [*_download(python, folder), *options], [requirements[name]])


def _download(python: str, folder: Path) -> list[str]:
    return [python, "-m", "pip", "download", "--only-binary=:all:", "--dest", str(folder)]


def _pip(step: str, command: list[str], requirements: list[str]) -> None:
    """Run pip with exactly these requirements, and with their hashes if they have any: pip accepts hashes only in
    files."""
    hashed = ["--require-hashes"] if any("--hash=" in line for line in requirements) else []
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "requirements.txt"
        file.write_text("\n".join([*requirements, ""]), encoding="utf-8")
        run(step, [*command, "--no-deps", *hashed, "-r", str(file)])


def unpack_libraries(wheels: Path, library: Path) -> None:
    """Unpack the wheels into the add-on's lib folder, the compiled ones into a folder for each platform."""
    for wheel in sorted((wheels / "any").glob("*.whl")):
        unpack(wheel, library)
    for platform in PLATFORMS:
        for wheel in sorted((wheels / platform).glob("*.whl")):
            unpack(wheel, library / "3rdparty" / platform)


def unpack(wheel: Path, target: Path) -> None:
    """Unpack the files that a wheel installs, without its tests, type stubs, scripts and installation records.

    Only the compiled backend of cffi is unpacked: cryptography needs no more.
    """
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise StepFailure(f"{wheel.name} holds a file outside of its folder: {name}")
            if name.endswith("/") or not _is_wanted(path):
                continue
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(archive.read(name))


def _is_wanted(path: PurePosixPath) -> bool:
    if path.parts[0].endswith(".dist-info"):
        return bool(_KEPT_METADATA.match(path.name)) or "licenses" in path.parts
    if path.parts[0].endswith(".data") or path.parts[0] == "cffi":
        return False
    return not _UNWANTED_FOLDERS.intersection(path.parts) and path.suffix not in _UNWANTED_SUFFIXES


def hashed(python: str, pins: dict[str, str]) -> dict[str, list[str]]:
    """Fetch all files of these versions, and return the SHA-256 of each by the name of the library."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in BUILT_FROM_SOURCE:
            options = ["--no-binary", name, "--no-build-isolation", "--dest", str(folder)]
            _pip(f"Fetching {name}", [python, "-m", "pip", "download", *options], [pins[name]])
        fetch_portable(python, pins, folder)
        for platform in PLATFORMS:
            fetch_compiled(python, pins, platform, folder)
        found: dict[str, list[str]] = {name: [] for name in pins}
        for file in sorted(folder.iterdir()):
            found[_owner(file, pins)].append(hashlib.sha256(file.read_bytes()).hexdigest())
    return found


def _owner(file: Path, pins: dict[str, str]) -> str:
    """Return the name of the library in a wheel or source archive."""
    beginning = re.split(r"-\d", file.name)[0]
    return next(name for name in pins if normal(name) == normal(beginning))


def normal(name: str) -> str:
    """Return the name of a library in the spelling that names are compared in."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Write the hashes of the versions in lib/requirements.txt into it; return the exit status."""
    page = ROOT / REQUIREMENTS
    text = page.read_text(encoding="utf-8")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    pins = {pin.split("==")[0]: pin for pin in re.findall(rf"^({_PIN})", text, re.MULTILINE)}
    try:
        with lock(ROOT / "build" / "lock"):
            found = hashed(prepare(ROOT, "ucc", ROOT / GENERATOR), pins)
    except StepFailure as failure:
        say(str(failure))
        return 1
    lines = [" \\\n    ".join([pins[name], *(f"--hash=sha256:{one}" for one in found[name])]) for name in pins]
    page.write_text("\n".join([*comments, *lines, ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
