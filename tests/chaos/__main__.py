"""Disturb real processes on purpose and judge what is left by the sandbox's audit log: `ops/bin/chaos`."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chaos.boundaries import Death
from tests.chaos.enumerated import kill_at, record
from tests.chaos.ground import Ground, standing_ground
from tests.chaos.plans import plan_of
from tests.chaos.random_trials import disturb
from tests.chaos.scenes import SCENES
from tests.chaos.table import print_table
from tests.chaos.trial import Trial

Json = dict[str, Any]

EXAMPLES = """\
Examples:
  ops/bin/chaos --trials 500 --seed 1 --resume trials.jsonl   random trials of the seeds 1 to 500; resumed
  ops/bin/chaos --trials 1 --seed 17                   the trial of one seed again
  ops/bin/chaos --enumerated --resume kills.jsonl      one kill at every boundary; what is in the file is not repeated
  ops/bin/chaos --enumerated --scene full --every 10   every tenth of them
  ops/bin/chaos --scene full --death 'before upsert_contact: store user_intent #3'   one of them again
Exit: 0 no miss · 1 a miss, with how to replay it · 2 usage."""


def main(arguments: list[str] | None = None) -> int:
    """Run the trials that are asked for and not in the file yet; print each, then the table."""
    asked = _parse(arguments)
    rows = _rows(asked.resume)
    done = {row["name"] for row in rows}
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, standing_ground(Path(folder)) as ground:
        for trial in _trials(ground, asked, done):
            rows.append(trial.as_json())
            _keep(asked, trial, number=len(rows))
    if not asked.json:
        print_table(rows)
    return 1 if any(row["misses"] for row in rows) else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ops/bin/chaos",
        description="Kill, cut off and disturb a whole installation (Valkey, sandbox, workers, beat) and check after"
        " each trial that nobody is lost, doubled or miscounted, nothing hangs, and the next run writes nothing.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=int, default=0, metavar="N", help="random trials of N seeds")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first seed (default 1)")
    parser.add_argument("--enumerated", action="store_true", help="one kill before and after each boundary")
    parser.add_argument(
        "--scene", dest="scenes", action="append", choices=tuple(SCENES), help="only these runs (may be repeated)"
    )
    parser.add_argument("--every", type=int, default=1, metavar="K", help="with --enumerated: every K-th kill only")
    parser.add_argument("--death", type=_death, metavar="DEATH", help="one kill, as a trial's line names it")
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="keep the trials here, a JSON object a line; resume"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object a trial instead of lines and a table")
    asked = parser.parse_args(arguments)
    if not asked.enumerated and asked.death is None and asked.trials < 1:
        parser.error("say what to do: --trials N, --enumerated, or --death with --scene")
    asked.scenes = asked.scenes or list(SCENES)
    return asked


def _death(text: str) -> Death:
    try:
        return Death.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _rows(path: Path | None) -> list[Json]:
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _trials(ground: Ground, asked: argparse.Namespace, done: set[str]) -> Iterator[Trial]:
    for scene in asked.scenes if asked.enumerated or asked.death else ():
        recording = record(ground, scene)
        deaths = [asked.death] if asked.death else recording.deaths()[:: asked.every]
        for death in deaths:
            if f"{scene}: {death}" not in done:
                yield kill_at(ground, recording, death)
    for seed in range(asked.seed, asked.seed + asked.trials):
        plan = plan_of(seed)
        if str(plan) not in done:
            yield disturb(ground, plan)


def _keep(asked: argparse.Namespace, trial: Trial, *, number: int) -> None:
    if asked.resume is not None:
        with asked.resume.open("a", encoding="utf-8") as out:
            out.write(json.dumps(trial.as_json()) + "\n")
    if asked.json:
        print(json.dumps(trial.as_json()), flush=True)
        return
    verdict = "MISSED" if trial.misses else "ok"
    print(f"{time.strftime('%H:%M:%S')} {number:>5}  {verdict:6} {trial.seconds:5.1f} s  {trial.name}", flush=True)
    for kind, text in trial.misses:
        print(f"      {kind}: {text}", flush=True)
    if trial.misses:
        print(f"      again: ops/bin/chaos {trial.replay}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
