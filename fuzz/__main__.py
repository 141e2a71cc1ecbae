"""The fuzzer: mutated inputs by default, guided by coverage with ``--seconds`` (needs atheris).

python -m fuzz                                200 000 mutated inputs over all targets, as in CI
python -m fuzz message_tracking --inputs 50000 --seed 7
python -m fuzz message_tracking --seconds 60  guided by coverage
python -m fuzz message_tracking --input FILE  one input, with its traceback
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from exnorm.extras import describe_missing
from fuzz.targets import SEEDS, TARGETS

INPUTS = 200_000


def main(arguments: list[str]) -> int:
    """Do what the command line says; the exit status: 1 where there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all, or some of {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=INPUTS, help="how many, over all targets given")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations")
    parser.add_argument("--seconds", type=int, help="guided by coverage, so long for each target")
    parser.add_argument("--corpus", type=Path, help="a folder where inputs that reach new code are kept")
    parser.add_argument("--input", type=Path, help="feed a target this file alone")
    parser.add_argument("--guided", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    names = tuple(TARGETS) if given.targets in ([], ["all"]) else tuple(given.targets)
    for name in names:
        if name not in TARGETS:
            parser.error(f"no such target: {name}; there are {', '.join(TARGETS)}")
    if given.input is not None:
        for name in names:
            TARGETS[name](given.input.read_bytes())
        return 0
    if given.guided:
        return guide(names[0], given.seconds, given.corpus)
    if given.seconds is not None:  # libFuzzer ends its process, so each target has one
        return max([start_guided(name, given.seconds, given.corpus) for name in names])
    from fuzz.runner import GROWTH_MIB, run_all

    results = run_all(given.inputs, given.seed, names, lambda text: print(text, flush=True))
    findings = sum(len(result.findings) for result in results)
    growth = max(result.growth_mib for result in results)
    inputs, seconds = sum(result.inputs for result in results), sum(result.seconds for result in results)
    print(f"{inputs} inputs in {seconds:.1f} s, {findings} findings, at most {growth:.1f} MiB more memory")
    return 1 if findings or growth > GROWTH_MIB else 0


def start_guided(name: str, seconds: int, corpus: Path | None) -> int:
    """Run one target in a process of its own."""
    command = [sys.executable, "-m", "fuzz", name, "--guided", "--seconds", str(seconds)]
    command += ["--corpus", str(corpus)] if corpus else []
    print(f"== {name}", flush=True)
    return 1 if subprocess.run(command, check=False).returncode else 0


def guide(name: str, seconds: int, corpus: Path | None) -> int:
    """Let atheris look for inputs that reach new code; libFuzzer prints what it found and ends."""
    try:
        import atheris
    except ImportError:
        print(describe_missing("a run guided by coverage", ["atheris"], "fuzz"), file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["exnorm"]):
        for module in [module for module in sys.modules if module.startswith(("exnorm", "fuzz.targets"))]:
            del sys.modules[module]
        import fuzz.targets as instrumented
    folders = [str(SEEDS / name)]
    if corpus is not None:
        (corpus / name).mkdir(parents=True, exist_ok=True)
        folders.insert(0, str(corpus / name))
    options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=5", "-rss_limit_mb=1024"]
    options += [f"-artifact_prefix={name}-", "-print_final_stats=1", "-verbosity=1"]
    atheris.Setup([sys.argv[0], *options, *folders], instrumented.TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
