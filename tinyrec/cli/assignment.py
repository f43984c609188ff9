"""assignment: hand out course assignments, check and grade what comes back."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import tinyrec
from tinyrec.cli.common import add_command, say, table, whole, write_result
from tinyrec.errors import FileError, UsageError
from tinyrec.files import write_text
from tinyrec.teach import NAMES, bundle, load, report, starter
from tinyrec.teach.grade import Grade, about, grade
from tinyrec.teach.judge import Verdict
from tinyrec.teach.run import prepared
from tinyrec.teach.variant import choose

PASSED = Path(".tinyrec") / "passed.json"  # in the student's folder: which files passed, by their content
UNREADABLE = 3


def add_to(subparsers: Any) -> None:
    summary = "Hand out course assignments, check and grade what comes back."
    parser = subparsers.add_parser("assignment", help=summary, description=summary)
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(required=True, metavar="list|start|check|grade|bundle")

    add_command(commands, "list", run_list, "List the assignments and their variants.", "assignment list")

    summary = "Write the starter of an assignment into a new folder."
    start = add_command(commands, "start", run_start, summary, "assignment start a2")
    start.add_argument("name", metavar="NAME", help=", ".join(NAMES))
    start.add_argument("--to", metavar="DIR", help="a new or empty folder; default: NAME")
    add_variant_flag(start)

    summary = "Check your solution with fresh random cases, and say what is wrong."
    check = add_command(commands, "check", run_check, summary, "assignment check a2 --task 1")
    check.add_argument("folder", nargs="?", default=".", metavar="DIR", help="made by start; default: this folder")
    check.add_argument("--task", type=whole(1), metavar="N", help="only this task")
    check.add_argument("--seed", type=whole(0), help="of the cases; default: a new one each time")

    summary = "Grade hand-ins: folders with the files task1.py, ..."
    marks = add_command(commands, "grade", run_grade, summary, "assignment grade a2 alice bob --csv marks.csv")
    marks.usage = "%(prog)s NAME SUBMISSION ... [FLAG ...]"
    marks.add_argument("name", metavar="NAME", help=", ".join(NAMES))
    marks.add_argument("submissions", nargs="+", metavar="SUBMISSION", help="a folder")
    add_variant_flag(marks)
    marks.add_argument("--seed", type=whole(0), help="of the cases, to repeat a grade; default: a new one")
    marks.add_argument("--user", metavar="USER", help="run hand-ins as this user without rights; needs root")
    marks.add_argument("--python", metavar="PATH", help="the interpreter for hand-ins; default: one that USER can run")
    marks.add_argument("--gradescope", metavar="FILE", help="write Gradescope's results.json; for one submission")
    marks.add_argument("--junit", metavar="FILE", help="write JUnit XML")
    classroom = "write GitHub Classroom's result; to $GITHUB_OUTPUT, if set; for one submission"
    marks.add_argument("--classroom", action="store_true", help=classroom)
    marks.add_argument("--csv", metavar="FILE", help="write a table with a line for each submission")

    summary = "Write what an instructor uploads."
    pack = add_command(commands, "bundle", run_bundle, summary, "assignment bundle a2 --for gradescope")
    pack.add_argument("name", metavar="NAME", help=", ".join(NAMES))
    pack.add_argument("--for", dest="site", required=True, choices=bundle.SITES)
    pack.add_argument("--to", metavar="FILE", help="default: NAME-SITE.zip")
    add_variant_flag(pack)


def add_variant_flag(parser: argparse.ArgumentParser) -> None:
    variant = "ask in another form: a number draws one, a file of JSON names it, see list; default: as in the sheet"
    parser.add_argument("--variant", metavar="N|FILE", help=variant)


def run_list(args: argparse.Namespace) -> None:
    them = {name: load(name) for name in NAMES}
    rows = [(name, its.title, len(its.tasks), f"{its.points:g}", its.minutes) for name, its in them.items()]
    text = table(rows, ("", "assignment", "tasks", "points", "minutes"))
    axes = {name: {axis: list(options) for axis, options in its.axes.items()} for name, its in them.items()}
    for name, its in axes.items():
        text += f"\n\nvariants of {name}: " + "; ".join(
            f"{axis}: {', '.join(options)}" for axis, options in its.items()
        )
    write_result(args, {"assignments": {name: {"title": them[name].title, "axes": axes[name]} for name in NAMES}}, text)


def run_start(args: argparse.Namespace) -> None:
    variant = choose(load(args.name), args.variant)
    folder = Path(args.to or args.name)
    starter.write(args.name, folder, variant)
    text = f"{folder}: read README.md, fill in task1.py, try it by python test.py,\n"
    text += f"then: python -m tinyrec assignment check {folder}"
    write_result(args, {"folder": str(folder), "assignment": args.name, "variant": variant}, text)


def run_check(args: argparse.Namespace) -> int:
    folder = Path(args.folder)
    found = about(folder)
    name, tasks = found["assignment"], range(1, len(load(found["assignment"]).tasks) + 1)
    if args.task and args.task not in tasks:
        raise UsageError(f"{name} has the tasks 1 to {len(tasks)}; name one of them with --task")
    passed = read_passed(folder)
    unchanged = {task for task in tasks if passed.get(str(task)) == content(folder, task)}
    asked = [args.task] if args.task else [task for task in tasks if task not in unchanged]
    with prepared(needs=load(name).needs) as child:
        mark = grade(name, folder, found["variant"], new_seed(args), child, asked)
    for verdict in mark.verdicts:
        passed[str(verdict.task)] = content(folder, verdict.task) if verdict.passed else ""
    write_passed(folder, passed)
    kept = [kept_verdict(name, task) for task in tasks if task not in asked and task in unchanged]
    mark = replace(mark, verdicts=tuple(sorted((*kept, *mark.verdicts), key=lambda verdict: verdict.task)))
    failing = [verdict.task for verdict in mark.verdicts if not verdict.passed]
    after = f"next: task{failing[0]}.py" if failing else "all right" if len(mark.verdicts) == len(tasks) else "right"
    write_result(args, report.as_json(mark), f"{report.text(mark)}\n{after}")
    return 1 if failing else 0


def kept_verdict(name: str, number: int) -> Verdict:
    """Of a task that was right, and whose file has not changed since."""
    task = load(name).tasks[number - 1]
    return Verdict(number, task.title, task.points, task.points, "Right, and unchanged since.")


def content(folder: Path, task: int) -> str:
    """What stands for the content of a task's file, and for what it is checked by."""
    path = folder / f"task{task}.py"
    data = path.read_bytes() if path.is_file() else b""
    return hashlib.sha256(tinyrec.__version__.encode() + data).hexdigest()


def read_passed(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / PASSED).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def write_passed(folder: Path, passed: dict[str, str]) -> None:
    try:
        (folder / PASSED).parent.mkdir(exist_ok=True)
        write_text(folder / PASSED, json.dumps(passed))
    except (OSError, FileError):
        return  # then all tasks are checked again next time


def new_seed(args: argparse.Namespace) -> int:
    return secrets.randbelow(2**32) if args.seed is None else args.seed


def run_grade(args: argparse.Namespace) -> int:
    if len(args.submissions) > 1 and (args.gradescope or args.classroom):
        raise UsageError("--gradescope and --classroom are for one submission; use --csv or --json for several")
    variant, seed = choose(load(args.name), args.variant), new_seed(args)
    if args.gradescope:
        unfinished = Grade(args.submissions[0], args.name, variant, seed, False, problem="The grader did not finish.")
        write_text(args.gradescope, json.dumps(report.gradescope(unfinished)))
    with prepared(args.user, args.python, load(args.name).needs) as child:
        marks = []
        for submission in args.submissions:
            marks.append(grade(args.name, Path(submission), variant, seed, child))
            if len(args.submissions) > 1:
                say(args, f"{submission}: {report.number(marks[-1].points)}")
    write_files(args, marks)
    texts = [report.text(mark) for mark in marks]
    texts += [textwrap.fill(report.NOT_ISOLATED, 80)] if not all(mark.isolated for mark in marks) else []
    write_result(args, {"grades": [report.as_json(mark) for mark in marks]}, "\n\n".join(texts))
    if any(mark.problem for mark in marks):
        return UNREADABLE
    return 0 if all(mark.points == mark.max_points for mark in marks) else 1


def write_files(args: argparse.Namespace, marks: list[Grade]) -> None:
    if args.gradescope:
        write_text(args.gradescope, json.dumps(report.gradescope(marks[0]), indent=1))
    if args.junit:
        write_text(args.junit, report.junit(marks))
    if args.csv:
        write_text(args.csv, report.class_csv(marks))
    if args.classroom:
        line = f"result={report.classroom(marks[0])}"
        at = os.environ.get("GITHUB_OUTPUT")
        if at:
            with open(at, "a", encoding="utf-8") as out:
                out.write(f"{line}\n")
        else:
            print(line)


def run_bundle(args: argparse.Namespace) -> None:
    variant = choose(load(args.name), args.variant)
    path = Path(args.to or f"{args.name}-{args.site}.zip")
    bundle.write(args.name, args.site, variant, path)
    write_result(args, {"file": str(path), "variant": variant}, f"{path}: see README.md in it")
