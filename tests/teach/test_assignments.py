"""What is right gets all points, what is wrong loses some and is told why, and a starter gives nothing away."""

import ast
import importlib
from collections import Counter
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from tests.teach.harness import SEEDS, verdict
from tinyrec.teach import NAMES, compare, load, starter
from tinyrec.teach.variant import base, drawn


def listed(answers):
    return [(task, its) for task, them in answers.items() for its in them]


ANSWERS = {name: importlib.import_module(f"tests.teach.{name}") for name in NAMES}
RIGHTS = [(name, *its) for name, them in ANSWERS.items() for its in listed(them.RIGHT)]
WRONGS = [(name, *its) for name, them in ANSWERS.items() for its in listed(them.WRONG)]
if SEEDS == 1:  # numba compiles each answer to a5 for seconds: one of four is tried
    RIGHTS, WRONGS = ([its for n, its in enumerate(them) if its[0] != "a5" or n % 4 == 0] for them in (RIGHTS, WRONGS))
TASKS = [(name, task) for name in NAMES for task in range(1, len(load(name).tasks) + 1)]


@pytest.mark.parametrize("name", NAMES)
def test_ten_points(name):
    assignment = load(name)
    assert assignment.points == 10 and assignment.bonus <= 2
    assert set(ANSWERS[name].RIGHT) == set(ANSWERS[name].WRONG) == set(range(1, len(assignment.tasks) + 1))


@pytest.mark.parametrize("name, task", TASKS)
def test_there_are_enough_answers_to_try(name, task):
    assert len(ANSWERS[name].RIGHT[task]) >= 4 and next(iter(ANSWERS[name].RIGHT[task])) == "tinyrec"
    assert len(ANSWERS[name].WRONG[task]) >= 8


@pytest.mark.parametrize("name, task, its", RIGHTS)
def test_what_is_right_gets_all_points(name, task, its):
    for seed in range(SEEDS):
        found = verdict(name, task, ANSWERS[name].RIGHT[task][its], seed, memory=seed == 0)
        assert found.passed, found.says


@pytest.mark.parametrize("name, task, its", WRONGS)
def test_what_is_wrong_is_told_its_mistake(name, task, its):
    wrong, told = ANSWERS[name].WRONG[task][its], 0
    source = wrong.source(ANSWERS[name].RIGHT[task])
    for seed in range(SEEDS):
        found = verdict(name, task, source, seed, memory=seed == 0 or not wrong.told)
        assert found.points < found.max_points
        if wrong.told:
            assert not found.mistake or wrong.told in found.mistake, found.says
            told += bool(found.mistake)
        else:
            assert not found.mistake, found.says
    assert not wrong.told or told >= SEEDS - (max(1, 0.05 * SEEDS) if SEEDS > 1 else 0), found.says


@pytest.mark.parametrize("name, task", TASKS)
def test_no_two_mistakes_are_alike_and_none_is_right(name, task):
    """No mistake gives what is right in any draw, nor what another one gives in more than one draw of few."""
    its = load(name).tasks[task - 1]
    says = ["what is right", *(mistake.says for mistake in its.mistakes)]
    assert len(set(says)) == len(says)
    alike = Counter()
    for seed in range(SEEDS):
        cases = its.cases(np.random.default_rng(seed))
        right = [its.answer(case) for case in cases]
        answers = [right] + [list(map(partial(outputs, mistake), cases, right)) for mistake in its.mistakes]
        for one, other in combinations(range(len(answers)), 2):
            pairs = zip(answers[one], answers[other], strict=True)
            alike[says[one], says[other]] += all(equal(*pair, its.tolerance) for pair in pairs)
    often = {pair: n for pair, n in alike.items() if n > (0 if pair[0] == says[0] else max(1, 0.05 * SEEDS))}
    assert not often


def outputs(mistake, case, right):
    """What a mistake makes of a case; None: it stops with an error"""
    try:
        with np.errstate(all="ignore"):
            return {**right, **mistake.answer(case)}
    except Exception:
        return None


def equal(one, other, tolerance):
    if one is None or other is None:
        return one is other
    return all(compare.matches(one[name], other[name], tolerance) for name in one)


def body(source):
    """The code of all functions of a text, without their def lines."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return "\n".join(ast.unparse(line) for node in functions for line in node.body)


@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("name", NAMES)
def test_a_starter_gives_nothing_away(name, number):
    assignment = load(name)
    variant = drawn(assignment, number)
    files = starter.build(name, variant)
    assert not starter.leaks([text for task in assignment.tasks for text in starter.secrets(task)], files)
    bodies = [body(them["short"]) for them in ANSWERS[name].RIGHT.values()]
    assert not starter.leaks(bodies, files, window=10)  # shorter ones are calls of what is given, as in the docstrings
    for task in range(1, len(assignment.tasks) + 1):
        found = verdict(name, task, files[f"task{task}.py"].decode(), variant=variant)
        assert (found.points, found.says) == (0, "Not written yet.")


def test_who_stops_the_count_of_memory_loses_as_if_it_were_too_much():
    dense = ANSWERS["a2"].WRONG[1]["dense"].source(ANSWERS["a2"].RIGHT[1])
    hidden = dense.replace("    y =", "    import tracemalloc\n    tracemalloc.stop()\n    y =")
    assert verdict("a2", 1, hidden).points == 2.5 and "tracemalloc" in verdict("a2", 1, hidden).says


@pytest.mark.parametrize("name", NAMES)
def test_there_are_five_variants(name):
    assignment = load(name)
    them = {tuple(drawn(assignment, number).items()) for number in range(1, 60)}
    assert len(them) >= 5 and tuple(base(assignment).items()) not in them


@pytest.mark.parametrize("name", NAMES)
def test_pasted_code_is_wrong_in_a_variant_and_its_own_answer_is_right(name):
    """VARIANTS: axis -> option -> task -> the edits that make the short answer one of this variant."""
    assignment, answers = load(name), ANSWERS[name]
    for axis, options in assignment.axes.items():
        for option in list(options)[1:]:
            variant = base(assignment) | {axis: option}
            for task, edits in answers.VARIANTS[axis][option].items():
                short = answers.RIGHT[task]["short"]
                assert not verdict(name, task, short, variant=variant, memory=False).passed
                for old, new in edits:
                    assert old in short, old
                    short = short.replace(old, new)
                found = verdict(name, task, short, variant=variant, memory=False)
                assert found.passed, (axis, option, found.says)
