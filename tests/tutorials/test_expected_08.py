"""What the questions of tutorials/08_clicks.py tell to expect."""

import pytest

import tinyrec as tr
from tinyrec.optim import Adam

pytestmark = pytest.mark.expected


@pytest.fixture(scope="module")
def parts():
    return tr.split_leave_one_out(tr.load_dataset("lastfm"), seed=0)


@pytest.fixture(scope="module")
def identity(parts):
    ncae = tr.ImplicitNCAE(hidden_units=64, c0=512.0, output="identity")
    return ncae.fit(parts[0], epochs=8, batch_size=64, optimizer=Adam(0.003))


@pytest.mark.parametrize(("omega", "expected"), [(0.5, 0.43), (1.0, 3.31)])
def test_08_weight_of_the_most_popular(parts, omega, expected):
    R = parts[0].ratings
    assert round(tr.ImplicitNCAE(c0=512.0, omega=omega).prepare(R).unobserved_weights.max(), 2) == expected


def test_08_identity(parts, identity):
    assert round(identity.score(parts[1])["ndcg@100"], 3) == 0.193


def artists(recommender, users):
    return len({artist for user in users for artist, _ in recommender.recommend(user, n=10)})


def test_08_different_artists(parts, identity):
    users = parts[0].users.ids[:100].tolist()
    found = artists(tr.Pop().fit(parts[0]), users), artists(identity, users)
    assert found == (26, 629)
