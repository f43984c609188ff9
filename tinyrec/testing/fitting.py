"""Checks of fit: what it returns, accepts and leaves alone, and on which data."""

from contextlib import suppress

import numpy as np

from tinyrec.errors import DataError, UsageError
from tinyrec.recommenders import Recommender
from tinyrec.testing import require
from tinyrec.testing.case import Case, data_sets, predict_all, score_all


class Fitting(Case):
    def check_fit_returns_a_recommender(self) -> None:
        """Fit must return a Recommender of the model and the data, with a prediction for each pair."""
        fitted = self.fitted()
        require.that(isinstance(fitted, Recommender), f"it returned a {type(fitted).__name__}")
        require.that(type(fitted.model) is type(self.model), f"it holds the model {fitted.model}")
        require.that(fitted.data.fingerprint() == self.data().fingerprint(), f"it holds {fitted.data}")
        require.finite(self.predicted(), fitted.data.ratings.shape)

    def check_repr(self) -> None:
        """The model, fitted or not, must print as one line that names its class."""
        for shown in map(repr, (self.model, self.fitted())):
            require.that("\n" not in shown and type(self.model).__name__ in shown, f"it prints {shown!r}")

    def check_same_seed(self) -> None:
        """The same seed, an integer of Python or of NumPy, must give the same bits."""
        for seed in (0, np.int64(0)):
            require.same(predict_all(self.fit(self.data(), seed)), self.predicted())

    def check_any_seed(self) -> None:
        """Any whole number must do as a seed, and the info must say which one was used."""
        for seed in (1, 2**40):
            found = self.fitted(seed=seed).info.get("seed")
            require.that(found == seed, f"it says {found!r} for the seed {seed}")

    def check_invalid_seeds(self) -> None:
        """A seed that is no whole number of at least 0 must raise UsageError."""
        for seed in (-1, 1.0, True, "0", None):
            require.error(UsageError, self.fit, self.data(), seed)

    def check_global_random_numbers(self) -> None:
        """Fit must neither use nor set NumPy's global random numbers."""
        before = repr(np.random.get_state())  # noqa: NPY002
        self.fit(self.data())
        require.that(repr(np.random.get_state()) == before, "their state is another one after fit")  # noqa: NPY002

    def check_fit_again(self) -> None:
        """Fitting a model again must not change the first result."""
        before = self.predicted()
        self.fit(self.data("one user"), seed=3)
        require.same(self.predicted(), before)

    def check_model_is_unchanged(self) -> None:
        """Fit must not change the model, a value that can be hashed."""
        before = hash(self.model), repr(self.model)
        self.fit(self.data())
        require.that((hash(self.model), repr(self.model)) == before, f"it is {self.model!r} after fit")

    def check_data_are_unchanged(self) -> None:
        """Fit must accept data that cannot be written to, as in a memory-mapped file, and leave them as they are."""
        data = self.as_feedback(data_sets()["train"])  # a new one
        before = data.fingerprint()
        for array in (data.ratings.values, data.ratings.cols, data.ratings.pattern.indptr):
            array.flags.writeable = False
        require.close(predict_all(self.fit(data)), self.predicted())
        require.that(data.fingerprint() == before, "they are others after fit")

    def check_invalid_data(self) -> None:
        """What is no Dataset, or is the other kind of feedback, must raise UsageError."""
        ratings = self.data_sets["train"]
        for data in (None, np.ones((3, 3)), ratings.ratings, ratings if self.model.implicit else ratings.binarized()):
            require.error(UsageError, self.fit, data)

    def check_order_of_ratings(self) -> None:
        """The order in which the ratings were given must not matter."""
        require.same(self.predicted("shuffled"), self.predicted())

    def check_other_ids(self) -> None:
        """Other integers or text as ids, in the same order, must change nothing."""
        for name in ("renumbered", "text"):
            require.same(self.predicted(name), self.predicted())

    def check_one_user(self) -> None:
        """A single user must be enough; they have everything."""
        self.require_sound("one user")

    def check_one_item(self) -> None:
        """A single item must be enough; everybody has it."""
        self.require_sound("one item")

    def check_one_rating(self) -> None:
        """A single rating must be enough, or be refused by a DataError where a part of the ratings is held out."""
        with suppress(DataError):
            self.require_sound("one rating")

    def check_no_gaps(self) -> None:
        """Users who have every item must be no problem, and get no recommendation."""
        self.require_sound("no gaps")

    def check_one_value(self) -> None:
        """Ratings that are all alike must be no problem; their scale has no width."""
        self.require_sound("one value")

    def check_other_scales(self) -> None:
        """Half stars, ratings of 1 to 100 and negative ratings must be predicted on their scale."""
        for name in ("half stars", "percent", "signed"):
            self.require_sound(name)

    def check_zeros_are_learned(self) -> None:
        """A rating of 0 must count in training like any other."""
        with_zeros, without = (score_all(self.fitted(name)) for name in ("signed", "signed without zeros"))
        require.that((with_zeros != without).any(), "without these ratings, the predictions are the same")

    def require_sound(self, name: str) -> None:
        """Scores must be finite, and predictions on the scale of the ratings."""
        data, y = self.data(name), self.predicted(name)
        require.finite(score_all(self.fitted(name)), data.ratings.shape)
        require.that(data.implicit or np.array_equal(y, np.clip(y, *data.scale)), "predictions are not on the scale")
