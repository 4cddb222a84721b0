"""Cases: options that both programs get, and what is to agree."""

import json
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
CASES = ROOT / "cases"
# Compared in every case that runs, exactly unless it says otherwise.
ALWAYS = ("exit_code", "iterations", "dropped_iterations", "interrupted", "vus", "thresholds")

# The exit code of both programs when nothing runs.
INVALID_OPTIONS = 104


@dataclass(frozen=True)
class Case:
    """One directory of `cases`."""

    name: str
    # One sentence.
    shows: str
    options: Path
    # What the scripts get by `-e`.
    variables: dict
    # Segments of the run, a process each; none for a run as a whole.
    parts: list
    # Rules by figure, as `rules` has them.
    figures: dict
    # When its first scenario begins.
    first_start_s: float


def read(name):
    """The case of that name."""
    directory = CASES / name
    expected = json.loads((directory / "expected.json").read_text())
    scenarios = json.loads((directory / "options.json").read_text()).get("scenarios", {})
    figures = expected["figures"]
    exit_code = figures.get("exit_code")
    if INVALID_OPTIONS not in (exit_code, isinstance(exit_code, dict) and exit_code.get("throng")):
        figures = {figure: "same" for figure in ALWAYS} | figures
    return Case(
        name=name,
        shows=expected["shows"],
        options=directory / "options.json",
        variables=expected.get("variables", {}),
        parts=expected.get("parts", []),
        figures=figures,
        first_start_s=min(map(start_s, scenarios.values()), default=0),
    )


def start_s(scenario):
    """The cases write it in milliseconds."""
    return float(scenario.get("startTime", "0ms").removesuffix("ms")) / 1000


def names():
    """All there are."""
    return sorted(path.name for path in CASES.iterdir() if (path / "options.json").exists())
