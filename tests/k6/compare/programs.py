"""k6, throng and throng's target as processes, each with a deadline."""

import json
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# A case takes up to 8 s; this is for one that never ends.
DEADLINE_S = 45
# The first build on a machine compiles the SDK.
BUILD_DEADLINE_S = 600


@dataclass(frozen=True)
class Finished:
    """What came of a run."""

    exit_code: int
    # Standard output and standard error.
    said: str
    # The summary as the script was given it, in the shape of k6's handleSummary; none if there is none.
    summary: dict
    # Lines of `--out json`; none if the program has no such flag.
    points: list | None


def command(program, *arguments):
    # Should this program be killed, the kernel ends the others. setpriv replaces itself: the process id stays.
    return ["setpriv", "--pdeathsig", "KILL", str(program), *map(str, arguments)]


class Target:
    """`throng target` on a free port, until the block ends."""

    def __init__(self, throng):
        self.process = subprocess.Popen(
            command(throng, "target", "--listen", "127.0.0.1:0"), stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if "listening on " not in line:
            raise RuntimeError(f"the target doesn't start: {line}")
        self.url = line.split("listening on ")[1].strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Runner:
    """One of the two programs with the script in its language."""

    def __init__(self, program, script, target, flags):
        self.program = program
        self.script = script
        self.target = target
        self.flags = flags
        told = subprocess.run(command(program, "run", "--help"), stdout=subprocess.PIPE, text=True, check=True).stdout
        self.has_outputs = re.search(r"--out\b", told) is not None

    def run(self, case):
        """Runs a case: a process, or one for each part of it at the same time."""
        if not case.parts:
            return [self.run_part(case, [])]
        cuts = [part.split(":")[0] for part in case.parts] + [case.parts[-1].split(":")[1]]
        flags = [["--execution-segment", part, "--execution-segment-sequence", ",".join(cuts)] for part in case.parts]
        with ThreadPoolExecutor(len(flags)) as threads:
            return list(threads.map(lambda of_part: self.run_part(case, of_part), flags))

    def run_part(self, case, flags):
        with tempfile.TemporaryDirectory(prefix="compare-k6-") as directory:
            summary, points = Path(directory, "summary.json"), Path(directory, "points.json")
            variables = {"TARGET": self.target, "SUMMARY": summary, **case.variables}
            arguments = ["run", self.script, "--config", case.options, *self.flags, *flags]
            if self.has_outputs:
                arguments += ["--out", f"json={points}"]
            for name, value in variables.items():
                arguments += ["-e", f"{name}={value}"]
            # Neither the user's configuration nor k6's variables are to play a part.
            environment = {name: value for name, value in os.environ.items() if not name.startswith("K6_")}
            ended = subprocess.run(
                command(self.program, *arguments),
                env=environment | {"XDG_CONFIG_HOME": directory},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=DEADLINE_S,
                check=False,
            )
            return Finished(
                exit_code=ended.returncode,
                said=ended.stdout,
                summary=json.loads(summary.read_text()) if summary.exists() else None,
                points=self.points(points),
            )

    def points(self, path):
        if not self.has_outputs:
            return None
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def k6(program, script, target):
    """k6."""
    return Runner(program, script, target, ["--no-usage-report"])


def throng(program, script, target):
    """throng."""
    return Runner(program, script, target, [])


def build(throng_program, source, component):
    """Compiles throng's script, once for all cases."""
    subprocess.run(
        command(throng_program, "build", "-q", source, "-o", component), timeout=BUILD_DEADLINE_S, check=True
    )
