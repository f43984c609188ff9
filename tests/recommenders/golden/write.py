"""Write the golden files of this format that are missing: python -m tests.recommenders.golden.write

For each kind of model, format-N/NAME.npz is a small model file, and NAME.json what it predicted when it was written. A
file that is there is never written again: it stands for the files that users have.
"""

import json
from pathlib import Path

import numpy as np

import tinyrec as tr
from tinyrec.models import Network
from tinyrec.recommenders import storage
from tinyrec.training.checkpoint import Checkpoint

FOLDER = Path(__file__).parent
EPOCHS, STOPPED_AFTER = 4, 2  # of the training whose checkpoint is kept
TASK = {"data": "golden", "seed": 0}
TRAINED = tr.AutoRec(hidden_units=2, l2=1.0)
MODELS = {
    "autorec": tr.AutoRec(hidden_units=2, l2=1.0),
    "autorec-user-centred": tr.AutoRec(by="user", hidden_units=2, l2=1.0, center=True),
    "deep-autorec": tr.DeepAutoRec(hidden_units=(3, 2, 3), l2=1.0, pretrain=1),
    "cfn": tr.CFN(hidden_units=2, l2=1.0),
    "cfn-features": tr.CFN(hidden_units=2, l2=1.0),
    "ncae": tr.NCAE(hidden_units=(3, 2), pretrain_epochs=1),
    "implicit-ncae": tr.ImplicitNCAE(hidden_units=2),
    "nrp": tr.NRP(hidden_units=2, head_units=2),
    "accm": tr.ACCM(hidden_units=2, attention_units=2),
    "dssm": tr.DSSM(hidden_units=2, head_units=2),
    "rating-neumf": tr.RatingNeuMF(factors=2, head_units=2),
    "mf": tr.MF(factors=2),
    "asdae": tr.ASDAE(hidden_units=2),
    "dha": tr.DHA(hidden_units=2),
    "nrp-asdae": tr.NRPaSDAE(hidden_units=2),
    "nrp-dha": tr.NRPDHA(hidden_units=2),
    "bias": tr.Bias(),
    "biased-mf": tr.BiasedMF(factors=2, epochs=2),
    "svd-feature": tr.SVDFeature(factors=2, epochs=2),
    "als-wr": tr.ALSWR(factors=2, iterations=2),
    "bpmf": tr.BPMF(factors=2, burn_in=1, samples=2),
    "rbm": tr.RBM(hidden_units=2, epochs=2),
    "llorma": tr.LLORMA(anchors=2, rank=2, global_rank=2, iterations=2),
    "pop": tr.Pop(),
    "item-knn": tr.ItemKNN(neighbours=2),
    "ease": tr.EASE(),
    "wmf": tr.WMF(factors=2, iterations=2),
    "eals": tr.EALS(factors=2, iterations=2),
    "bpr": tr.BPR(factors=2, epochs=2),
    "neumf": tr.NeuMF(factors=2, epochs=2),
}
WITH_FEATURES = "cfn-features", "nrp", "accm", "dssm", "asdae", "dha", "nrp-asdae", "nrp-dha", "svd-feature"


def data_of(name):
    """Ratings of 8 users and 6 items, with text ids and genres for the models that read them."""
    data = tr.make_synthetic(8, 6, 30, seed=0)
    if name not in WITH_FEATURES:
        return data.binarized() if name in MODELS and MODELS[name].implicit else data
    users, items, ratings = data.triples()
    data = tr.Dataset.from_triples([f"ü{user}" for user in users], [f"{item:03}" for item in items], ratings)
    data.item_info["genres"] = np.array(["Drama", "Comedy|Drama", "", "War", "Comedy", "War"][: len(data.items)])
    data.user_info["age"] = np.array(["young", "old"] * 4)
    return data.with_features(items="own", users="own" if name == "dssm" else None)


def predictions(fitted):
    """All users x items, and the best items of each user."""
    users, items = fitted.data.users.ids, fitted.data.items.ids
    all_cells = fitted.predict(np.repeat(users, len(items)), np.tile(items, len(users)), clip=False)
    best = {str(user): [item for item, _ in ranking] for user, ranking in fitted.recommend_many(users, 2)}
    return {"predictions": all_cells.tolist(), "best": best}


def fitted_models():
    """(name, a function that trains it) for each model, the last of which is an average."""
    for name, model in MODELS.items():
        options = {"epochs": 2} if isinstance(model, Network) else {}
        yield name, lambda model=model, name=name, options=options: model.fit(data_of(name), **options)
    members = [MODELS["autorec"], MODELS["autorec-user-centred"]]
    yield "average", lambda: tr.Average([model.fit(data_of("average"), epochs=2) for model in members])


def write_checkpoint(folder):
    checkpoint = Checkpoint(folder, TASK)

    def observe(progress):
        if len(progress.history) == STOPPED_AFTER:
            checkpoint.write(progress)

    fitted = TRAINED.fit(data_of("checkpoint"), epochs=EPOCHS, observe=observe, backend="reference")
    (folder / "checkpoint.json").write_text(json.dumps(predictions(fitted)) + "\n")


def main():
    folder = FOLDER / f"format-{storage.FORMAT}"
    folder.mkdir(exist_ok=True)
    for name, fit in fitted_models():
        if not (folder / f"{name}.npz").exists():
            fitted = fit()
            fitted.save(folder / f"{name}.npz")
            (folder / f"{name}.json").write_text(json.dumps(predictions(fitted)) + "\n")
    if not (folder / "checkpoint.npz").exists():
        write_checkpoint(folder)


if __name__ == "__main__":
    main()
