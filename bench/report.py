"""Run all benchmarks except the soak, and write their tables into docs/performance.md.

    tools/run.sh bench.report [--only NAME ...] [--small | --keep-page]

Each table lies between two comments, `<!-- NAME -->` and `<!-- end of NAME -->`; the rest of the page stays. `--small`
runs everything in a short form that shows that it works, and writes only to the standard output, not into the page;
`--keep-page` does the same at full size.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.rig import machine, package, parser, pythons
from standins.places import ROOT

PERFORMANCE = ROOT / "docs" / "performance.md"


@dataclass(frozen=True)
class Benchmark:
    """A command `tools/run.sh bench.<module>`: its arguments, and further ones that make it short."""

    module: str
    small: tuple[str, ...]
    arguments: tuple[str, ...] = ()


BENCHMARKS = {
    "cost": Benchmark("cost", ("--events", "20000", "--rounds", "1")),
    "hot_path": Benchmark("hot_path", ("--events", "3000")),
    "instructions": Benchmark("hot_path", (), ("--instructions",)),
    "latency": Benchmark("latency", ("--seconds", "2", "--rates", "1", "1000")),
    "rates": Benchmark("rates", ("--seconds", "2", "--rates", "1000")),
    "memory": Benchmark("memory", ("--events", "40000", "--seconds", "3", "--copies", "2")),
    "bookmark": Benchmark("bookmark", ("--events", "20000")),
    "start": Benchmark("start", ("--rounds", "2")),
    "start_instructions": Benchmark("start", (), ("--instructions",)),
    "many": Benchmark("many", ("--inputs", "1", "2", "--events", "20000")),
}
"""The benchmarks, by the name of the place of their table."""


def main() -> None:
    """Run the benchmarks that the command line asks for."""
    arguments = parser(__doc__)
    arguments.add_argument("--only", nargs="*", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    size = arguments.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="run at a small size, and change no page")
    size.add_argument("--keep-page", action="store_true", help="run at full size, and change no page")
    options = arguments.parse_args()
    built = package()
    for name in options.only:
        benchmark = BENCHMARKS[name]
        command = [f"bench.{benchmark.module}", *benchmark.arguments]
        told = run([*command, *benchmark.small] if options.small else command, built)
        print(told, flush=True)
        if not (options.small or options.keep_page):
            put(PERFORMANCE, name, f"`tools/run.sh {' '.join(command)}`, {machine(pythons())}\n\n{told}")


def run(arguments: list[str], built: Path) -> str:
    """Run a module with this Python and return what it prints."""
    environment = {"ESTREAMER_SPL": str(built), "PYTHONPATH": f"{ROOT}:{ROOT / 'bin'}", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def put(page: Path, name: str, text: str) -> None:
    """Replace the text between the comments of that name in a page. Raises ValueError if the page does not have
    them."""
    content = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = content.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page.name} has no place for {name}")
    page.write_text(f"{before}{begin}{text.strip()}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
