"""Under a Python that is too old, every script ends with one sentence that says what to do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import supported_python

from standins.places import ROOT

from .test_contents import find_python

pytestmark = pytest.mark.package

FIRST = "import_declare_test"
OLD = (3, 7)
"""The `python3` of Splunk before 9.3."""

# Stands in for an old interpreter: this one, which says that it is old, and tells what of the add-on was imported.
RUN_AS_OLD = """
import runpy, sys
sys.version_info = (3, 7, 16, "final", 0)
sys.path.insert(0, sys.argv[1])
try:
    runpy.run_path(sys.argv[2], run_name=sys.argv[3])
finally:
    files = {name: getattr(one, "__file__", None) or "" for name, one in sys.modules.items()}
    print(sorted(name for name, file in files.items() if file.startswith(sys.argv[4])))
"""

SENTENCE = (
    "ERROR TA_secure_firewall_estreamer needs Splunk 9.3 or later, which has Python 3.9 or later, and was started with "
    "Python 3.7.16. Update Splunk. If it is 9.3 or later: on the command line, use splunk cmd python3.9; elsewhere, "
    "remove python.version and python.required from the conf files in the add-on's folder local.\n"
)


def scripts(addon: Path) -> list[Path]:
    return sorted(path for path in (addon / "bin").glob("*.py") if path.stem != supported_python.__name__)


def test_every_script_ends_with_the_sentence_before_it_imports_anything_else(addon: Path) -> None:
    found = scripts(addon)
    assert len(found) >= 14
    for script in found:
        # splunkd runs some of them, and imports others as handlers.
        for name in ("__main__", script.stem):
            command = [sys.executable, "-I", "-c", RUN_AS_OLD, str(addon / "bin"), str(script), name, str(addon)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (1, SENTENCE), (script.name, name)
            # A module that ends while it is imported stays in no list.
            assert done.stdout == "[]\n", (script.name, name)


def test_a_real_old_python_ends_with_the_sentence(addon: Path) -> None:
    interpreter = find_python("3.7")
    if interpreter is None:
        pytest.skip("no Python 3.7 on this machine: it is played by this one, and the syntax is checked")
    for script in scripts(addon):
        done = subprocess.run([interpreter, str(script)], capture_output=True, text=True, check=False)
        said, _, rest = done.stderr.partition(" and was started with Python 3.7.")
        assert (done.returncode, said) == (1, SENTENCE.partition(" and was")[0]), script.name
        assert rest.count("\n") == 1, script.name


def test_an_old_python_can_read_what_it_comes_to_before_the_sentence(addon: Path) -> None:
    for script in [*scripts(addon), addon / "bin" / f"{supported_python.__name__}.py"]:
        ast.parse(script.read_text(encoding="utf-8"), script.name, feature_version=OLD)


def test_the_check_is_the_first_import_of_every_script(addon: Path) -> None:
    for script in scripts(addon):
        tree = ast.parse(script.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
        imports = [node for node in imports if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
        first = sorted(imports, key=lambda node: node.lineno)[0]
        expected = supported_python.__name__ if script.stem == FIRST else FIRST
        assert isinstance(first, ast.Import), script.name
        assert [one.name for one in first.names] == [expected], script.name


@pytest.mark.parametrize("version", [(3, 7, 17), (3, 8, 18), (2, 7, 18)])
def test_a_version_that_is_too_old_is_named(version: tuple[int, ...]) -> None:
    assert f"was started with Python {'.'.join(map(str, version))}. Update Splunk." in str(
        supported_python.complaint(version)
    )


@pytest.mark.parametrize("version", [(3, 9, 0), (3, 13, 5), (4, 0, 0)])
def test_a_version_that_is_supported_is_not_complained_about(version: tuple[int, ...]) -> None:
    assert supported_python.complaint(version) is None


def test_the_oldest_python_is_the_one_that_the_confs_name() -> None:
    conf = (ROOT / "default/inputs.conf").read_text(encoding="utf-8")
    assert f"python.version = python{'.'.join(map(str, supported_python.OLDEST))}\n" in conf
