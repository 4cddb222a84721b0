"""Figures of a run, from its summary, its points and what it said. Both programs write these in k6's shapes."""

import math
import re
from datetime import datetime

RUNNING = re.compile(r"running \((\d+)m([\d.]+)s\), (\d+)/")
# Counters that aren't there have no sample.
COUNTERS = ("iterations", "dropped_iterations", "http_reqs")
INTERRUPTED = re.compile(r"complete and (\d+) interrupted iterations")
# What a sample may come early and still count for its second.
EARLY_S = 0.05


def of_run(case, finished):
    """The figures that a case compares, of all its parts together."""
    parts = [{figure: of_part(case, part, figure) for figure in wanted(case)} for part in finished]
    return {figure: together(figure, parts) for figure in case.figures}


def wanted(case):
    return {figure.removeprefix("parts_") for figure in case.figures}


def together(figure, parts):
    """A figure of the parts as one of the whole: counts add up, exit codes and thresholds are those of all."""
    if figure.startswith("parts_"):
        return [part[figure.removeprefix("parts_")] for part in parts]
    values = [part[figure] for part in parts]
    if len(values) == 1 or all(value == values[0] for value in values) and figure in ("exit_code", "thresholds"):
        return values[0]
    if figure in ("exit_code", "thresholds") or None in values:
        return values
    if figure == "vus":
        return [sum(of_second) for of_second in zip(*values)]
    return sum(values)


def of_part(case, finished, figure):
    if figure == "exit_code":
        return finished.exit_code
    if figure == "interrupted":
        told = INTERRUPTED.findall(finished.said)
        return int(told[-1]) if told else 0
    if figure == "vus":
        if finished.points is None:
            return by_second(told_vus(case, finished))
        return by_second(sampled_vus(finished.points))
    if finished.summary is None:
        return None
    return of_summary(finished.summary, figure)


def of_summary(summary, figure):
    metrics = summary["metrics"]
    value = lambda name, stat: metrics.get(name, {}).get("values", {}).get(stat)
    if figure in COUNTERS:
        return value(figure, "count") or 0
    if figure == "vus_max":
        return value("vus_max", "max")
    if figure == "run_duration_ms":
        return round(summary["state"]["testRunDurationMs"])
    if figure in ("checks_passed", "checks_failed"):
        return value("checks", "passes" if figure == "checks_passed" else "fails")
    if figure == "thresholds":
        return {
            f"{name}: {expression}": told["ok"]
            for name, metric in sorted(metrics.items())
            for expression, told in metric.get("thresholds", {}).items()
        }
    return value(*figure.rsplit(".", 1))


def by_second(samples):
    """VUs at each whole second since the first scenario began, from the first second to the last with a VU."""
    seconds = {}
    for at, vus in samples:
        seconds.setdefault(math.floor(at + EARLY_S), vus)
    # For how long nothing runs at the end, or teardown does, is no part of it.
    last = max((second for second, vus in seconds.items() if vus > 0), default=0)
    return [seconds.get(second) for second in range(1, last + 1)]


def sampled_vus(points):
    """Seconds since the first scenario began, and VUs, of the samples of `vus`."""
    of = lambda name: [point["data"] for point in points if point["type"] == "Point" and point["metric"] == name]
    began = min((point["value"] / 1000 for point in of("began")), default=None)
    if began is None:
        return []
    return [(instant(point["time"]) - began, point["value"]) for point in of("vus")]


def told_vus(case, finished):
    """The same of the lines of progress."""
    if "began" not in (finished.summary or {}).get("metrics", {}):
        return []
    # The last line is the run's end, whenever that is.
    told = RUNNING.findall(finished.said)[:-1]
    return [(int(minutes) * 60 + float(seconds) - case.first_start_s, int(vus)) for minutes, seconds, vus in told]


def instant(time):
    # Python reads six digits of a second.
    time = re.sub(r"(\.\d{6})\d+", r"\1", time).replace("Z", "+00:00")
    return datetime.fromisoformat(time).timestamp()
