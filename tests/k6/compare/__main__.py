"""Runs k6 and throng on the same options and prints which figures agree. `tools/compare-k6` calls it."""

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import case as cases
import figures
import programs
import rules

ROW = "{:<36} {:<20} {:<20} {:<20} {:<4} {}"
# What a program said is shown of a case that disagrees, its end.
SAID_CHARS = 1500


def arguments():
    parser = argparse.ArgumentParser(prog="tools/compare-k6", description="Compares throng with k6.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names or beginnings of names; all without")
    parser.add_argument("--list", action="store_true", help="name the cases and what they show")
    parser.add_argument("--k6-alone", action="store_true", help="run k6 against the expected values")
    parser.add_argument("--verbose", action="store_true", help="show what the programs said where figures differ")
    parser.add_argument("--throng", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--k6", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def chosen(given):
    """The cases that were asked for."""
    every = cases.names()
    unknown = [name for name in given if not any(one.startswith(name) for one in every)]
    if unknown:
        sys.exit(f"compare-k6: there is no case {', '.join(unknown)}; --list names them")
    exact = [name for name in every if name in given]
    names = exact if exact and len(exact) == len(given) else every
    return [cases.read(name) for name in names if not given or any(name.startswith(one) for one in given)]


def compare(case, runners):
    """Runs a case by both programs at the same time and prints its rows; the number of figures that disagree."""
    with ThreadPoolExecutor(len(runners)) as threads:
        finished = list(threads.map(lambda runner: runner.run(case), runners))
    k6, throng = (figures.of_run(case, parts) for parts in (finished[0], finished[-1]))
    disagree = 0
    for figure, rule in case.figures.items():
        if len(runners) == 1 and "k6" in rules.members(rule):
            rule = rule["k6"]
        judged = rules.judge(figure, rule, k6[figure], throng[figure])
        verdict = "ok" if judged.agrees else "NO"
        row = ROW.format(case.name, figure, rules.shown(k6[figure]), rules.shown(throng[figure]), verdict, judged.rule)
        print(row, flush=True)
        if figure == "thresholds" and not judged.agrees:
            print(*(f"    {one}" for one in differing(k6[figure], throng[figure], rule)), sep="\n")
        disagree += not judged.agrees
    return disagree, finished


def differing(k6, throng, rule):
    """The thresholds whose outcomes aren't those of k6, or aren't the expected ones."""
    if not isinstance(k6, dict) or not isinstance(throng, dict):
        return [f"k6: {k6}", f"throng: {throng}"]
    expected = rule.get("value", k6) if isinstance(rule, dict) else k6
    every = sorted(k6.keys() | throng.keys() | expected.keys())
    told = [(one, k6.get(one), throng.get(one), expected.get(one)) for one in every]
    return [f"{one}: k6 {a}, throng {b}, expected {c}" for one, a, b, c in told if not a == b == c]


def show(finished):
    for parts in finished:
        for part in parts:
            print(*(f"    | {line}" for line in part.said[-SAID_CHARS:].splitlines()), sep="\n")


def main():
    args = arguments()
    selected = chosen(args.cases)
    if args.list:
        for case in selected:
            print(f"{case.name:<36} {case.shows}")
        return 0
    began, disagreeing, compared = time.monotonic(), [], 0
    with tempfile.TemporaryDirectory(prefix="compare-k6-") as directory, programs.Target(args.throng) as target:
        runners = [programs.k6(args.k6, cases.ROOT / "script.js", target.url)]
        if not args.k6_alone:
            component = Path(directory, "script.wasm")
            programs.build(args.throng, cases.ROOT / "script.rs", component)
            runners.append(programs.throng(args.throng, component, target.url))
        print(ROW.format("case", "figure", "k6", "throng", "", "rule"))
        for case in selected:
            try:
                disagree, finished = compare(case, runners)
                if disagree and args.verbose:
                    show(finished)
            except subprocess.TimeoutExpired as error:
                disagree = 1
                print(f"{case.name:<36} {Path(error.cmd[3]).name} hasn't ended within {error.timeout} s")
            compared += len(case.figures)
            if disagree:
                disagreeing.append(case.name)
    took = time.monotonic() - began
    print(f"\n{compared} figures of {len(selected)} cases in {took:.0f} s; {len(disagreeing)} cases disagree")
    if disagreeing:
        print(f"disagreeing: {' '.join(disagreeing)}")
    return 1 if disagreeing else 0


sys.exit(main())
