"""kill -9.

Trainings of every kind, with a checkpoint after each epoch, are killed at random moments, from the start of the process
to its end: no checkpoint is unreadable, and each training ends with the bits of one that was never stopped.
"""

from tests.promises.kills import TRAININGS, outcome


def test_killed_trainings_go_on(figure, size):
    kills = size(4, 300)
    found = outcome(kills)
    kinds, unreadable, different = min(kills, len(TRAININGS)), len(found.unreadable), len(found.different)
    figure(
        f"{found.kills} kills of {kinds} kinds of training, {found.ended} runs to the end: "
        f"{unreadable} unreadable, {different} different"
    )
    assert found.kills >= kills and found.ended >= kinds
    assert found.unreadable == found.different == []
