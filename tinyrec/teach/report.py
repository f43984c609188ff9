"""A grade as text, JSON, Gradescope's results.json, JUnit XML, GitHub Classroom's result, and CSV of a class.

Whatever comes from a hand-in is text: it is cut in length, and what cannot be printed is escaped.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import textwrap
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from tinyrec.teach.grade import Grade
from tinyrec.teach.judge import Verdict

LONGEST = 1500
NOT_ISOLATED = (
    "not isolated: the hand-in could read the package's own solution; run this as root with --user, "
    "and tinyrec in a folder that this user cannot read"
)


def says(verdict: Verdict) -> str:
    text = verdict.says or "Right."
    return "".join(its if its.isprintable() else repr(its)[1:-1] for its in text)[:LONGEST]


def number(points: float) -> str:
    return f"{points:.4g}"


def text(grade: Grade) -> str:
    """The grade for a terminal, 80 columns wide."""
    if grade.problem:
        return f"{grade.submission}: {grade.problem}"
    lines = []
    for verdict in grade.verdicts:
        lines.append(f"task {verdict.task}, {verdict.title}: {number(verdict.points)} of {number(verdict.max_points)}")
        if verdict.says:
            lines.append(textwrap.indent(textwrap.fill(says(verdict), 76, break_on_hyphens=False), "    "))
    lines.append(
        f"{grade.assignment}: {number(grade.points)} of {number(sum(v.max_points for v in grade.verdicts))} points"
    )
    return "\n".join(lines)


def as_json(grade: Grade) -> dict[str, Any]:
    return {
        "submission": grade.submission,
        "assignment": grade.assignment,
        "variant": grade.variant,
        "seed": grade.seed,
        "isolated": grade.isolated,
        "problem": grade.problem,
        "points": grade.points,
        "max_points": grade.max_points,
        "tasks": [
            {
                "task": verdict.task,
                "title": verdict.title,
                "points": verdict.points,
                "max_points": verdict.max_points,
                "says": says(verdict),
                "mistake": verdict.mistake,
            }
            for verdict in grade.verdicts
        ],
    }


def gradescope(grade: Grade) -> dict[str, Any]:
    """The results.json of Gradescope's autograders; its score is the sum of the tests' scores."""
    tests = [
        {
            "number": str(verdict.task),
            "name": verdict.title,
            "score": verdict.points,
            "max_score": verdict.max_points,
            "output": says(verdict),
            "output_format": "text",
            "status": "passed" if verdict.passed else "failed",
            "visibility": "visible",
        }
        for verdict in grade.verdicts
    ]
    extra = {"seed": grade.seed, "variant": grade.variant, "isolated": grade.isolated}
    result: dict[str, Any] = {"tests": tests, "extra_data": extra, "output": grade.problem}
    return result if tests else result | {"score": 0}


def junit(grades: Sequence[Grade]) -> str:
    """JUnit XML: a test suite for each hand-in, a test case for each task."""
    root = ElementTree.Element("testsuites")
    for grade in grades:
        failed = sum(not verdict.passed for verdict in grade.verdicts)
        counts = {"tests": str(len(grade.verdicts)), "failures": str(failed), "errors": "0"}
        suite = ElementTree.SubElement(root, "testsuite", {"name": printable(grade.submission), **counts})
        for verdict in grade.verdicts:
            case = {"classname": grade.assignment, "name": f"task {verdict.task}: {verdict.title}"}
            test = ElementTree.SubElement(suite, "testcase", case)
            if not verdict.passed:
                worth = f"{number(verdict.points)} of {number(verdict.max_points)} points"
                ElementTree.SubElement(test, "failure", {"message": worth}).text = says(verdict)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def printable(text: str) -> str:
    return "".join(its if its.isprintable() else repr(its)[1:-1] for its in text)


def classroom(grade: Grade) -> str:
    """GitHub Classroom's result of an autograding step: JSON in base64."""
    tests = [
        {
            "name": verdict.title,
            "status": "pass" if verdict.passed else "fail",
            "score": verdict.points,
            "message": says(verdict),
            "test_code": f"python -m tinyrec assignment check --task {verdict.task}",
            "filename": "",
            "line_no": 0,
            "execution_time": "0s",
        }
        for verdict in grade.verdicts
    ]
    passed = bool(tests) and all(verdict.passed for verdict in grade.verdicts)
    result = {"version": 1, "status": "pass" if passed else "fail", "max_score": grade.max_points, "tests": tests}
    return base64.b64encode(json.dumps(result).encode()).decode()


def class_csv(grades: Sequence[Grade]) -> str:
    """A line for each hand-in: its points, those of each task, and what is wrong."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    tasks = max((len(grade.verdicts) for grade in grades), default=0)
    writer.writerow(["submission", "points", *(f"task {1 + i}" for i in range(tasks)), "isolated", "seed", "says"])
    for grade in grades:
        points = [number(verdict.points) for verdict in grade.verdicts] + [""] * (tasks - len(grade.verdicts))
        wrong = [f"task {verdict.task}: {says(verdict)}" for verdict in grade.verdicts if not verdict.passed]
        row = [
            grade.submission,
            number(grade.points),
            *points,
            grade.isolated,
            grade.seed,
            grade.problem or " ".join(wrong),
        ]
        writer.writerow([no_formula(its) for its in row])
    return out.getvalue()


def no_formula(its: Any) -> Any:
    """A text that no spreadsheet takes for a formula."""
    return f"'{its}" if isinstance(its, str) and its[:1] in ("=", "+", "-", "@", "\t", "\r") else its
