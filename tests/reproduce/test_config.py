"""From names and settings to what is trained."""

import pytest

import tinyrec as tr
from tinyrec.errors import UsageError
from tinyrec.models import MODELS
from tinyrec.optim import Adam, RProp
from tinyrec.reproduce import known_settings
from tinyrec.reproduce.config import AVERAGE, TrainingConfig, find_configs


def test_settings_go_to_the_model_or_to_the_optimizer_whose_field_they_are():
    spec = TrainingConfig.from_names("autorec", "user", "adam", 7, 32, {"l2": 5, "learning_rate": 0.1})
    assert spec == TrainingConfig(tr.AutoRec(by="user", l2=5), Adam(learning_rate=0.1), 7, 32)


def test_the_sizes_of_layers_may_be_a_tuple_a_list_or_one_number():
    for sizes, expected in (((4, 2, 4), (4, 2, 4)), ([4, 2, 4], (4, 2, 4)), (4, (4,))):
        assert TrainingConfig.from_names("deep-autorec", set={"hidden_units": sizes}).model.hidden_units == expected


@pytest.mark.parametrize(
    "options, said",
    [
        ({"model": "nonsense"}, "unknown model 'nonsense'"),
        ({"optimizer": "nonsense"}, "unknown optimizer 'nonsense'"),
        ({"set": {"nonsense": 1}}, "unknown setting 'nonsense'"),
        ({"set": {"l2": "much"}}, "l2 is 'much', but must be float or None"),
        ({"set": {"learning_rate": 1.0}}, "learning_rate is a setting of sgd, rmsprop, adam"),
        ({"model": "deep-autorec", "set": {"hidden_units": (5, 4)}}, "read the same from both ends"),
        ({"model": "deep-autorec", "set": {"hidden_units": 2.5}}, "each of hidden_units is 2.5, but must be int"),
    ],
)
def test_what_does_not_fit_is_one_sentence(options, said):
    with pytest.raises(UsageError, match=said):
        TrainingConfig.from_names(**options)


def test_all_known_settings_can_be_trained():
    for (_, name, by), settings in known_settings.ALONE.items():
        given = by if "by" in MODELS[name].__dataclass_fields__ else None
        assert TrainingConfig.from_names(name, given, **settings)
    assert all(TrainingConfig.from_names(**its) for members in known_settings.AVERAGE.values() for its in members)


def test_known_settings_are_used_only_if_no_others_are_given():
    (spec,), chosen_by = find_configs("ml-1m")
    assert chosen_by == "known" and spec.epochs and spec.model.l2
    for options in (
        {"epochs": 3},
        {"set": {"center": False}},
        {"optimizer": "adam"},
        {"batch_size": 0},
        {"search": True},
    ):
        (spec,), chosen_by = find_configs("ml-1m", **options)
        assert chosen_by == "validation" and spec.model.l2 is None and spec.epochs == options.get("epochs")
    assert find_configs("ml-1m", set={"l2": 3.0}) == ([TrainingConfig(tr.AutoRec(l2=3.0), RProp())], "given")


def test_an_average_has_members_of_its_own():
    specs, chosen_by = find_configs("somewhere.csv", AVERAGE)
    assert [spec.model.by for spec in specs] == ["item", "user"] and chosen_by == "validation"
    with pytest.raises(UsageError, match="leave --by, --set"):
        find_configs("ml-1m", AVERAGE, "user")
    with pytest.raises(UsageError, match="leave --by, --set"):
        find_configs("ml-1m", AVERAGE, epochs=3)
