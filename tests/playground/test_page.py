"""The page is one small file, and shows the numbers that were recorded."""

import json
import math
import re

import numpy as np
import pytest

from tinyrec.playground import page, record
from tinyrec.playground.formulas import AXES


@pytest.fixture(scope="module")
def shown(play):
    """What the page shows."""
    (data,) = re.findall(r'<script id="recording" type="application/json">(.*?)</script>', play.read_text("utf-8"))
    return json.loads(data)


def test_the_page_is_one_small_file_without_links(play):
    text = play.read_text("utf-8")
    assert len(text.encode()) < 1_000_000
    code = re.sub(r"http://www\.w3\.org/2000/svg", "", text)  # the name of a namespace
    assert not re.search(r"https?:|//cdn|\bfetch\(|XMLHttp|@import|url\(|import\(|\bsrc=", code)
    assert re.findall(r'href="(.*?)"', code) == ["data:,"]
    assert "default-src 'none'" in text
    assert not re.search(r"/\* (page\.\w+|recording) \*/", text)  # each is filled in


def test_numbers_are_the_recorded_ones_to_four_digits(shown, recordings):
    assert shown["runs"].keys() == recordings.keys()
    for name, recording in recordings.items():
        run = shown["runs"][name]
        assert run["arrays"].keys() == recording.arrays.keys() == shown["axes"].keys() == AXES.keys()
        for array, its in recording.arrays.items():
            frames = np.array(run["arrays"][array], float).reshape(its.shape)  # None becomes NaN
            np.testing.assert_allclose(frames, its, rtol=5.1e-4)
        for param, errors in recording.check.items():
            np.testing.assert_allclose(run["check"][param], errors, rtol=0.51)


def test_the_terms_that_are_shown_add_up_within_their_rounding(shown):
    for run in shown["runs"].values():
        arrays = run["arrays"]
        for name, formula in run["formulas"].items():
            width = len(AXES[name][1])
            for cell, terms in formula["terms"].items():
                row, col = map(int, cell.split(","))
                for epoch in range(1, len(arrays[name]), 20) if terms else ():
                    products = [math.prod(number(arrays, factor, epoch) for factor in term) for term in terms]
                    total, size = sum(products), sum(map(abs, products))
                    total = 1 / (1 + math.exp(-total)) if name == "H" else total
                    assert total == pytest.approx(arrays[name][epoch][row * width + col], rel=1e-3, abs=2e-3 * size)


def number(arrays, factor, epoch):
    if len(factor) == 2:
        return factor[1]
    name, row, col, *before = factor
    return arrays[name][epoch + sum(before)][row * len(AXES[name][1]) + col]


def test_each_array_is_drawn_or_lights_up_another(play):
    script = play.read_text("utf-8").partition("const MATRICES = [")[2].partition("];")[0]
    drawn = set(re.findall(r'name: "(.*?)"', script))
    factors = {name for name in AXES if name == "1-H" or name.startswith(("eta", "sign"))}
    assert drawn == set(AXES) - factors


def test_the_same_page_each_time():
    runs = [{name: record(name, epochs=2) for name in ("correct", "no mask", "double λ")} for _ in range(2)]
    assert page(runs[0]) == page(runs[1])
