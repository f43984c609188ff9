"""What an instructor uploads: a zip that grades hand-ins as a user without rights, on Gradescope or GitHub.

It holds this tinyrec, so that nothing need be published, the variant, and the names of what is installed from PyPI.
"""

from __future__ import annotations

import io
import json
import zipfile
from importlib import metadata
from pathlib import Path

import tinyrec
from tinyrec.files import replaced
from tinyrec.teach import load
from tinyrec.teach.starter import sheet
from tinyrec.teach.variant import Variant

SITES = "gradescope", "classroom"
WHEN = (2020, 1, 1, 0, 0, 0)  # the same bundle has the same bytes

SETUP = """#!/usr/bin/env bash
# Install what the grader needs, and the user that runs hand-ins.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
here="$(cd "$(dirname "$0")" && pwd)"
if command -v apt-get > /dev/null; then
    apt-get update -qq && apt-get install -y -qq python3 python3-venv > /dev/null
fi
id student > /dev/null 2>&1 || useradd --no-create-home --shell /usr/sbin/nologin student
/usr/bin/python3 -m venv "$here/environment"
"$here/environment/bin/pip" install --quiet -r "$here/requirements.txt"
chmod -R go-rwx "$here"  # the hand-in may not read the grader
"""

GRADE = """cd "$here"
set +e
PYTHONPATH="$here" "$here/environment/bin/python" -m tinyrec assignment grade NAME "$1" \\
    --variant "$here/variant.json" --user "${HAND_IN_USER:-student}" --python /usr/bin/python3 "${@:2}"
code=$?
[ "$code" -le 1 ]  # 1: not all points
"""

RUN_GRADESCOPE = """#!/usr/bin/env bash
# Gradescope calls this for each hand-in, as root.
base="${AUTOGRADER:-/autograder}"
here="$base/source"
chmod -R go-rwx "$base/source" "$base/results" "$base/submission"
set -- "$base/submission" --gradescope "$base/results/results.json"
"""

RUN_CLASSROOM = """#!/usr/bin/env bash
# Grade the folder $1 as root.
here="$(cd "$(dirname "$0")" && pwd)"
set -- "$1" --classroom
"""

WORKFLOW = """# For the instructor's repository: a workflow beside the hand-in would be the student's to edit.
name: grade NAME
on:
  workflow_dispatch:
    inputs:
      submission:
        description: owner/repository of the hand-in
        required: true
jobs:
  grade:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {path: grader}
      - uses: actions/checkout@v4
        with: {path: submission, repository: "${{ inputs.submission }}", token: "${{ secrets.SUBMISSIONS }}"}
      - run: sudo bash grader/setup.sh
      - id: grade
        run: sudo --preserve-env=GITHUB_OUTPUT bash grader/grade.sh "$PWD/submission"
      - uses: classroom-resources/autograding-grading-reporter@v1
        env:
          GRADE_RESULTS: "${{ steps.grade.outputs.result }}"
        with: {runners: grade}
"""

READ_ME = {
    "gradescope": """# NAME, for Gradescope

Make a programming assignment, and upload this zip as its autograder, on an image with Python 3.11 or newer, such as
Ubuntu 24.04. Students hand in their files, task1.py and so on.
Hand-ins run as the user `student`, who can read neither this folder nor the results.
""",
    "classroom": """# NAME, for GitHub

Put these files into a private repository of your own, whose secret SUBMISSIONS is a token that may read the hand-ins,
and run its workflow "grade NAME" with the name of the repository to grade. The result is JSON in base64, as GitHub
Classroom's own graders write it. Never let a workflow of the student's repository count: the student can edit it.
""",
}


def write(name: str, site: str, variant: Variant, path: Path) -> None:
    """Write the zip. UsageError: no such assignment;  FileError: it cannot be written"""
    assignment = load(name)
    files = {"setup.sh": SETUP, "requirements.txt": requirements(), "variant.json": json.dumps(variant) + "\n"}
    files[f"tutorials/assignments/{name}.md"] = sheet(name)
    files["README.md"] = READ_ME[site].replace("NAME", f"{name}, {assignment.title}", 1).replace("NAME", name)
    if site == "gradescope":
        files["run_autograder"] = RUN_GRADESCOPE + GRADE.replace("NAME", name)
    else:
        files["grade.sh"] = RUN_CLASSROOM + GRADE.replace("NAME", name)
        files[".github/workflows/grade.yml"] = WORKFLOW.replace("NAME", name)
    root = Path(tinyrec.__file__).parent
    data = {f"tinyrec/{its.relative_to(root).as_posix()}": its.read_bytes() for its in sources(root)}
    data |= {its: text.encode() for its, text in files.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for its, content in sorted(data.items()):
            member = zipfile.ZipInfo(its, WHEN)
            member.compress_type = zipfile.ZIP_DEFLATED
            runs = its.endswith(".sh") or its == "run_autograder"
            member.external_attr = (0o100755 if runs else 0o100644) << 16
            archive.writestr(member, content)
    with replaced(path) as new:
        new.write_bytes(out.getvalue())


def sources(root: Path) -> list[Path]:
    """The files of the package, without the results of its tables and without caches."""
    its = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted(path for path in its if "results" not in path.relative_to(root).parts)


def requirements() -> str:
    """What tinyrec needs, a line each, as its own metadata say."""
    needed = metadata.requires("tinyrec") or []
    return "".join(f"{its}\n" for its in needed if "extra ==" not in its)
