"""The result of a training: as a dict for JSON, and as a text for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

import tinyrec
from tinyrec.cli.common import table
from tinyrec.data import Dataset
from tinyrec.evaluation.rating_metrics import default_rating, interval, score
from tinyrec.models import MODELS
from tinyrec.recommenders.autoencoder import TrainedAutoencoder
from tinyrec.recommenders.average import Average
from tinyrec.recommenders.biases import Bias
from tinyrec.reproduce.config import AVERAGE
from tinyrec.training.memory import peak_rss_mb

TITLES = {"autorec": "{}-AutoRec", "deep-autorec": "deep {}-AutoRec", "cfn": "{}-CFN", "ncae": "{}-NCAE"}


def result(
    recommender: TrainedAutoencoder | Average, test: Dataset | None, seconds: float, *, clip: bool, default: bool
) -> dict[str, Any]:
    """All figures of one training, or of those of an average; those of the test part are None without one."""
    train, protocol = recommender.data, {"clip": clip, "default": default}
    scores = recommender.score(test, **protocol) if test else {"rmse": None, "mae": None, "n": 0, "cold": 0}
    return {
        **(of_average(recommender, test, protocol) if isinstance(recommender, Average) else of_training(recommender)),
        "dataset": train.name,
        "backend": recommender.info["backend"],
        "seed": recommender.info["seed"],
        "n_train": train.ratings.size,
        "n_test": scores["n"],
        "n_cold": scores["cold"],
        "test_rmse": scores["rmse"],
        "test_mae": scores["mae"],
        "baselines": baselines(train, test, **protocol) if test else {},
        "noise_floor": train.noise_floor,
        "protocol": {**protocol, "scale": train.scale, "default_rating": default_rating(train.scale)},
        "seconds": seconds,
        "peak_rss_mb": peak_rss_mb(),
        "version": tinyrec.__version__,
    }


def of_training(trained: TrainedAutoencoder) -> dict[str, Any]:
    """How one model was trained."""
    model, info = trained.model, trained.info
    final = [row["seconds"] for row in info["history"] if row["trial"] is None and row["layer"] is None]
    return {
        "model": next(name for name, kind in MODELS.items() if type(model) is kind),
        "by": model.by,
        "settings": asdict(model),
        "parameters": sum(w.size for w in trained.params.values()),
        "features": len(features.names) if (features := model.features(trained.data)) else 0,
        "optimizer": info["optimizer"],
        "epochs": info["epochs"],
        "valid_rmse": info["valid_rmse"],
        "seconds_per_epoch": float(np.median(final)) if final else None,
        "trials": info["trials"],
        "history": info["history"],
    }


def of_average(average: Average, test: Dataset | None, protocol: dict[str, bool]) -> dict[str, Any]:
    """How its members were trained, and what each reaches alone."""
    members = []
    for member in average.members:
        scores = member.score(test, **protocol) if test else {"rmse": None, "mae": None}
        members.append({**of_training(member), "test_rmse": scores["rmse"], "test_mae": scores["mae"]})
    whole = {"by": None, "epochs": None, "valid_rmse": None, "parameters": sum(its["parameters"] for its in members)}
    return {"model": AVERAGE, **whole, "members": members}


def baselines(train: Dataset, test: Dataset, *, clip: bool, default: bool) -> dict[str, dict[str, float]]:
    """What the least models reach on the same ratings, under the same protocol."""
    rows, cols = test.ratings.rows, test.ratings.cols
    predictions = {
        "global mean": np.full(test.ratings.size, train.ratings.values.mean(dtype=np.float64)),
        "user and item bias": Bias.fit(train.ratings).predict(rows, cols),
    }
    protocol = {"clip": clip, "default": default}
    return {name: score(y, train.ratings, test.ratings, train.scale, **protocol) for name, y in predictions.items()}


def text(result: dict[str, Any]) -> str:
    """What a person reads at the end of a training, or of several."""
    return _many(result) if "runs" in result else _one(result)


def _one(result: dict[str, Any]) -> str:
    members = result.get("members", [result])
    lines = [f"{_settings({**result, **member})}{_pace(member)}" for member in members]
    if len(members) > 1:
        lines.append(f"and their average: {result['parameters']:,} parameters")
    lines[-1] += f", {result['seconds']:.1f} s in all"
    if result["test_rmse"] is None:
        return "\n".join(lines)
    rows = [(name, scores["rmse"], scores["mae"]) for name, scores in result["baselines"].items()]
    rows += [(name_of(member), member["test_rmse"], member["test_mae"]) for member in members]
    if len(members) > 1:
        rows.append(("their average", result["test_rmse"], result["test_mae"]))
    if result["noise_floor"] is not None:
        rows.append(("the best possible, given the noise", result["noise_floor"], None))
    protocol = _protocol(result)
    return "\n".join([*lines, "", table(rows, (f"{result['n_test']} test ratings", "RMSE", "MAE")), "", protocol])


def _pace(training: dict[str, Any]) -> str:
    if not training["epochs"]:
        return ""
    epochs = f"{training['epochs']} epochs ({training['seconds_per_epoch'] * 1000:.0f} ms each)"
    return f": {training['parameters']:,} parameters, {epochs}"


def _many(result: dict[str, Any]) -> str:
    rows = [
        (run["seed"], run["epochs"], run["valid_rmse"], run["test_rmse"], run["test_mae"]) for run in result["runs"]
    ]
    mean = f"mean test RMSE {result['test_rmse']:.4f}, 95 % interval ± {result['test_rmse_interval']:.4f}"
    heads = ("seed", "epochs", "valid RMSE", "test RMSE", "test MAE")
    return "\n".join([_settings(result["runs"][0]), "", table(rows, heads), "", mean, _protocol(result["runs"][0])])


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over several trainings, with the half-width of a 95 % interval (Student's t) of the RMSE."""
    scores = np.array([[run["test_rmse"], run["test_mae"], run["seconds"]] for run in results])
    test_rmse, test_mae, seconds = scores.mean(axis=0).tolist()
    spread = interval(scores[:, 0].tolist())
    means = {"test_rmse": test_rmse, "test_rmse_interval": spread, "test_mae": test_mae, "seconds": seconds}
    same = {key: results[0][key] for key in ("model", "by", "dataset", "backend", "n_train", "n_test", "protocol")}
    return {**same, **means, "peak_rss_mb": peak_rss_mb(), "runs": results}


def name_of(training: dict[str, Any]) -> str:
    if training["epochs"] == 0:
        return "biases, their dampings learned"
    centred = ", centred" if training["settings"]["center"] and training["model"] != "cfn" else ""
    plus = "++" if training["features"] else ""
    return TITLES[training["model"]].format(training["by"][0].upper()) + plus + centred


def _settings(result: dict[str, Any]) -> str:
    if result["model"] == AVERAGE:
        return f"the average of {' and '.join(map(name_of, result['members']))} on {result['dataset']}"
    settings = result["settings"]
    by = {"given": "given", "recipe": "known to be good", "validation": "by validation", "default": "the paper's"}
    if result["epochs"] == 0:
        why = "no autoencoder was clearly better than" if result["trials"] else "too few ratings for more than"
        return f"{result['dataset']}: {why} user and item biases alone"
    units = "-".join(map(str, np.atleast_1d(settings["hidden_units"])))
    shown = f"{units} {settings['activation']} units, l2 {settings['l2']:.4g}"
    if settings.get("pretrain") and settings.get("pretrain") != "none":
        shown += f", {settings.get('pretrain_epochs', settings['pretrain'])} epochs of pretraining a stage"
    return f"{name_of(result)} on {result['dataset']}, {shown} ({by[result['settings_from']]})"


def _protocol(result: dict[str, Any]) -> str:
    protocol = result["protocol"]
    low, high = protocol["scale"]
    clip = f"clipped to {low:g}..{high:g}" if protocol["clip"] else "not clipped"
    default = f"get {protocol['default_rating']:g}" if protocol["default"] else "get no default"
    cold = f"those for users or items without training ratings ({result['n_cold']} here)"
    return f"Predictions are {clip}; {cold} {default}."
