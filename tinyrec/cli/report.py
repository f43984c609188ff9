"""The result of a training, as a dict for JSON and as text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

import tinyrec
from tinyrec.baselines import EASE, Bias, Pop
from tinyrec.cli.common import table
from tinyrec.data import Dataset
from tinyrec.evaluation.cross_validation import means
from tinyrec.evaluation.rating_metrics import mae, rmse
from tinyrec.recommenders import Average, Recommender
from tinyrec.reproduce.config import AVERAGE, name_of
from tinyrec.training.memory import peak_rss_mb
from tinyrec.training.warm_start import feature_names

TITLES = {"autorec": "{}-AutoRec", "deep-autorec": "deep {}-AutoRec", "cfn": "{}-CFN", "ncae": "{}-NCAE"}  # {}: I or U
TITLES |= {"implicit-ncae": "NCAE for implicit feedback"}
AT = (10, 50, 100)
NO_SCORES = {"rmse": None, "mae": None, "cold": 0, "rmse_warm": None}
NOT_BETTER = "NOT better than user and item biases alone."
MANY_COLD = 0.01  # of the test pairs; if more are cold, the RMSE without them is shown, too
MAX_FOR_EASE = 5_000  # users or items, whichever are fewer: EASE inverts a matrix of this size, which takes 0.7 GB


def result(
    recommender: Recommender, test: Dataset | None, seconds: float, *, clip: bool, default: bool
) -> dict[str, Any]:
    """Return all results of one training, or of an average; those on the test part are None without one."""
    train, protocol = recommender.data, {"clip": clip, "default": default}
    scores = ranking(recommender, test) if train.implicit else ratings(recommender, test, protocol)
    return {
        **described(recommender, test, protocol),
        "dataset": train.name,
        "backend": recommender.info.get("backend"),
        "seed": recommender.info["seed"],
        "n_train": train.ratings.size,
        "n_test": test.ratings.size if test else 0,
        **scores,
        "seconds": seconds,
        "peak_rss_mb": peak_rss_mb(),
        "version": tinyrec.__version__,
    }


def ratings(recommender: Recommender, test: Dataset | None, protocol: dict[str, Any]) -> dict[str, Any]:
    """Return RMSE and MAE on the test part, and those of the simplest models under the same protocol."""
    train = recommender.data
    scores, problems = recommender.examine(test, **protocol) if test else (NO_SCORES, [])
    simple = {}
    if test:
        mean, r = train.ratings.values.mean(dtype=np.float64), test.ratings.values
        simple["global mean"] = {"rmse": rmse(mean, r), "mae": mae(mean, r)}
        biases, _ = Bias().fit(train).examine(test, **protocol)
        simple["user and item bias"] = {name: biases[name] for name in ("rmse", "mae")}
        if (scores["rmse"] or 0) > biases["rmse"]:
            problems = [*problems, NOT_BETTER]
    return {
        "n_cold": scores["cold"],
        "test_rmse": scores["rmse"],
        "test_rmse_warm": scores["rmse_warm"],
        "test_mae": scores["mae"],
        "warnings": problems,
        "baselines": simple,
        "noise_floor": train.noise_floor,
        "protocol": {**protocol, "scale": train.scale, "default_rating": recommender.protocol.default},
    }


def ranking(recommender: Recommender, test: Dataset | None) -> dict[str, Any]:
    """Return the ranking metrics on the test part, and those of popularity and EASE."""
    train = recommender.data
    simple: dict[str, Any] = {"popularity": Pop()}
    if min(train.ratings.shape) <= MAX_FOR_EASE:
        simple[f"EASE, l2 {EASE.l2:g}"] = EASE()
    simple = {name: its for name, its in simple.items() if its != getattr(recommender, "model", None)}
    baselines = {name: model.fit(train).rank(test, AT) for name, model in simple.items()} if test else {}
    return {"ranking": recommender.rank(test, AT) if test else None, "baselines": baselines}


def described(recommender: Any, test: Dataset | None, protocol: dict[str, Any]) -> dict[str, Any]:
    """Return how a model was trained; for an average, how its members were trained, and the scores of each."""
    if isinstance(recommender, Average):
        members = []
        for member in recommender.members:
            scores, _ = member.examine(test, **protocol) if test else (NO_SCORES, [])
            own = {"test_rmse": scores["rmse"], "test_mae": scores["mae"]}
            members.append({**described(member, None, protocol), **own})
        total = sum(member["parameters"] for member in members)
        whole = {"by": None, "epochs": None, "valid_rmse": None, "parameters": total}
        return {"model": AVERAGE, **whole, "weights": recommender.weights, "members": members}
    model, info = recommender.model, recommender.info
    history = info.get("history", [])
    final = [row["seconds"] for row in history if row["trial"] is None and row["layer"] is None]
    return {
        "model": name_of(model),
        "by": asdict(model).get("by"),
        "settings": asdict(model),
        "parameters": recommender.n_parameters,
        "features": len(feature_names(recommender.data, model)),
        "optimizer": info.get("optimizer"),
        "epochs": info.get("epochs"),
        "start_epochs": info.get("start_epochs"),
        "valid_rmse": info.get("valid_rmse"),
        "seconds_per_epoch": float(np.median(final)) if final else None,
        "trials": info.get("trials", []),
        "history": history,
    }


def text(result: dict[str, Any]) -> str:
    """Return the result of one training, or of several, as text."""
    return _many(result) if "runs" in result else _one(result)


def _one(result: dict[str, Any]) -> str:
    members = result.get("members", [result])
    lines = [f"{_settings({**result, **member})}: {_pace(member)}" for member in members]
    if len(members) > 1:
        weights = ", with the weights " + ", ".join(map(str, result["weights"])) if result["weights"] else ""
        lines.append(f"and their average{weights}: {result['parameters']:,} parameters")
    lines[-1] += f", {result['seconds']:.1f} s in all"
    if not result["n_test"]:
        return "\n".join(lines)
    return "\n".join([*lines, "", *(_ranked(result) if "ranking" in result else _scored(result, members))])


def _scored(result: dict[str, Any], members: list[dict[str, Any]]) -> list[str]:
    rows = [(name, scores["rmse"], scores["mae"]) for name, scores in result["baselines"].items()]
    rows += [(title(member), member["test_rmse"], member["test_mae"]) for member in members]
    if len(members) > 1:
        rows.append(("their average", result["test_rmse"], result["test_mae"]))
    if result["noise_floor"] is not None:
        rows.append(("the best possible, given the noise", result["noise_floor"], None))
    body = table(rows, (f"{result['n_test']} test ratings", "RMSE", "MAE"))
    cold = cold_note(result["n_test"], result["n_cold"], result["test_rmse"], result["test_rmse_warm"])
    return [body, "", _protocol(result), *cold, *result["warnings"]]


def cold_note(n: float, cold: float, whole: float, warm: float) -> list[str]:
    """Return a line with the RMSE of all n test pairs and of those that are warm, if many are cold."""
    if cold <= MANY_COLD * n:
        return []
    if cold == n:
        return ["All test pairs are cold, so these scores are those of the default rating alone."]
    return [f"RMSE {whole:.4f} with and {warm:.4f} without the {cold} cold pairs, {cold / n:.1%} of all."]


def _ranked(result: dict[str, Any]) -> list[str]:
    ranked = {**result["baselines"], title(result): result["ranking"]}
    unseen = result["ranking"]["unseen"]
    note = "One item of each user was held out, and ranked among all items that are not in the user's training data."
    return [ranking_table(ranked), "", f"{note} {unseen} of the held-out items are in no user's training data."]


def ranking_table(ranked: dict[str, dict[str, float]]) -> str:
    """Return a table of ranking metrics, with a line for each name."""
    names = [f"{name}@{k}" for k in AT for name in ("hr", "ndcg")]
    users = next(iter(ranked.values()))["users"]
    heads = [f"{users} users", *(name.upper() for name in names), "s.e. of HR@100"]
    rows = [(name, *(scores[metric] for metric in names), scores["hr@100_se"]) for name, scores in ranked.items()]
    return table(rows, heads)


def _pace(training: dict[str, Any]) -> str:
    parameters = f"{training['parameters']:,} parameters"
    if not training["epochs"] or training["seconds_per_epoch"] is None:
        return parameters
    return f"{parameters}, {training['epochs']} epochs ({training['seconds_per_epoch'] * 1000:.0f} ms each)"


def _many(result: dict[str, Any]) -> str:
    number = "fold" if "fold" in result["runs"][0] else "seed"
    keys = (number, "epochs", "valid_rmse", "test_rmse", "test_mae")
    rows = [tuple(run[key] for key in keys) for run in result["runs"]]
    mean = f"mean test RMSE {result['test_rmse']:.4f}, 95 % interval ± {result['test_rmse_interval']:.4f}"
    heads = (number, "epochs", "valid RMSE", "test RMSE", "test MAE")
    n, n_cold = (sum(run[name] for run in result["runs"]) for name in ("n_test", "n_cold"))
    cold = cold_note(n, n_cold, result["test_rmse"], result["test_rmse_warm"])
    problems = dict.fromkeys(problem for run in result["runs"] for problem in run["warnings"])
    notes = [mean, _protocol(result["runs"][0]), *cold, *problems]
    return "\n".join([_settings(result["runs"][0]), "", table(rows, heads), "", *notes])


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means over several trainings, with the half-widths of 95 % intervals of the scores."""
    scores = means(results, ("test_rmse", "test_mae", "test_rmse_warm"))
    seconds = float(np.mean([run["seconds"] for run in results]))
    same = {key: results[0][key] for key in ("model", "by", "dataset", "backend", "n_train", "n_test", "protocol")}
    return {**same, **scores, "seconds": seconds, "peak_rss_mb": peak_rss_mb(), "runs": results}


def title(training: dict[str, Any]) -> str:
    """Return a short name of a trained model, for tables and plots."""
    if training["epochs"] == 0:
        return "biases, dampings estimated"
    name, by = training["model"], training["by"]
    if name in TITLES:
        name = TITLES[name].format(by[0].upper())
    elif by:
        name = f"{name} by {by}"
    centred = ", centred" if by and training["settings"].get("center") and training["model"] != "cfn" else ""
    return name + ("++" if by and training.get("features") else "") + centred


def _settings(result: dict[str, Any]) -> str:
    if result["model"] == AVERAGE:
        return f"the average of {' and '.join(map(title, result['members']))} on {result['dataset']}"
    settings = result["settings"]
    if result["epochs"] == 0:
        why = "no autoencoder was clearly better than" if result["trials"] else "too few ratings for more than"
        return f"{result['dataset']}: {why} user and item biases alone"
    if "activation" not in settings or "hidden_units" not in settings:
        shown = ", ".join(f"{name} {value}" for name, value in settings.items() if name != "by")
        return f"{title(result)} on {result['dataset']}" + (f", {shown}" if shown else "")
    sources = {"given": "given", "known": "known settings", "validation": "by validation", "default": "default"}
    units = "-".join(map(str, np.atleast_1d(settings["hidden_units"])))
    shown = f"{units} {settings['activation']} units, l2 {settings['l2']:.4g}"
    if result.get("start_epochs") is not None:
        shown += f", started from a model of {result['start_epochs']} epochs"
    elif settings.get("pretrain") and settings.get("pretrain") != "none":
        shown += f", {settings.get('pretrain_epochs', settings['pretrain'])} epochs of pretraining per stage"
    return f"{title(result)} on {result['dataset']}, {shown} ({sources[result['settings_from']]})"


def _protocol(result: dict[str, Any]) -> str:
    protocol = result["protocol"]
    low, high = protocol["scale"]
    clip = f"clipped to {low:g}..{high:g}" if protocol["clip"] else "not clipped"
    default = f"get {protocol['default_rating']}" if protocol["default"] else "get no default"
    cold = f"those for users or items without training ratings ({result['n_cold']} here)"
    return f"Predictions are {clip}; {cold} {default}."
