# %% [markdown]
# # Your own ratings: from a messy file to tonight's recommendations
#
# This page makes a file as real systems export it: in Latin-1, with semicolons, an unnamed column of row numbers, times
# in milliseconds, and 0 for "not rated"; three pairs are rated again later, and two lines are broken. Then it reads and
# splits it, compares models, recommends to all users, and adds the next day's ratings. Tutorial 01 explains AutoRec.

# %%
import contextlib
import io
import tempfile
import warnings
from pathlib import Path

import numpy as np
import polars as pl

import tinyrec as tr
from tinyrec.cli.main import main

rng = np.random.default_rng(2)
truth = tr.make_synthetic(500, 300, 24_000, seed=1)
u, i, stars = truth.ratings.rows, truth.ratings.cols, truth.ratings.values
start = np.maximum(np.maximum(rng.uniform(-800, 365, 500)[u], rng.uniform(-800, 365, 300)[i]), 0)  # both are there
day = start + (365 - start) * rng.random(len(u)) ** 2
empty = rng.choice(np.setdiff1d(np.arange(500 * 300), u * 300 + i), 8000, replace=False)
u, i, stars = np.append(u, empty // 300), np.append(i, empty % 300), np.append(stars, np.zeros(8000))
day = np.append(day, 350 * rng.random(8000))
fields = zip(u, i, stars, (17e11 + 864e5 * day).astype(np.int64), strict=True)
rows = np.array([f"Zoë{user};K{item:03};{rating:g};{time}" for user, item, rating, time in fields])
again = [";".join([*row.split(";")[:2], "1", "1730200000000"]) for row in rows[day < 350][:3].tolist()]
lines = [";who;what;stars;when", *(f"{n};{row}" for n, row in enumerate([*again, *rows[day < 350]]))]
lines[777], lines[1234] = lines[777][:12], lines[1234][:-15] + "none;1700000000000"
holder = tempfile.TemporaryDirectory()
folder = Path(holder.name)
path, options = folder / "ratings.csv", {}
path.write_text("\n".join(lines), encoding="latin-1")


def read(**more):  # the data set, or what is wrong
    options.update(more)
    with warnings.catch_warnings(action="error"):
        try:
            return tr.load_dataset(path, **options)
        except (tr.DataError, UserWarning) as problem:
            print(problem)
            return str(problem)


def tinyrec(command):  # what `python -m tinyrec COMMAND` prints, run in the folder
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        assert main(command.split()) == 0, out.getvalue()
    print(f"$ python -m tinyrec {command}\n{out.getvalue()}")
    return out.getvalue()


# %% [markdown]
# ## 1. Read it
#
# What is not certain is refused, in a sentence that says where, what, and how to go on. Each option here answers the
# sentence before it; broken lines need a look. A clean copy, with the usual names of columns, needs no options.

# %%
assert "line 1: which columns are user and item" in read()
assert "bytes that are not UTF-8; give the encoding" in read(columns=("who", "what", "stars", "when"))
assert "2 bad lines in all: 778, 1235" in read(encoding="latin-1")
print(lines.pop(1234), lines.pop(777), sep="\n")
path.write_text("\n".join(lines), encoding="latin-1")
assert "again; keep the last one with duplicates=" in read()
assert "of the ratings are 0; if that means not rated, add missing=(0,)" in read(duplicates="last")
data = read(missing=0)
print(data, data.describe(), sep="\n")
assert data.notes[0] == "8000 ratings of 0 were left out as not rated" and data.notes[1] == "times are in milliseconds"
assert (*again[0].split(";")[:2], 1) in set(data)  # the last by time, though it is the first in the file
tinyrec("data check ratings.csv --columns who,what,stars,when --encoding latin-1 --duplicates last --missing 0")
data.to_polars().write_csv(folder / "clean.csv")
assert list(tr.load_dataset(folder / "clean.csv")) == list(data)

# %% [markdown]
# ## 2. Split it at random, and by time
#
# Many of the ratings that come next are of users or items without any training rating: these pairs are **cold**, and
# get 3 stars. `rmse_warm` leaves them out. A random split has almost none of them, and hides what is hard.

# %%
parts = {"random": tr.split_random(data, 0.1), "time": tr.split_time(data, 0.1)}
scores = {name: tr.Bias().fit(train).score(test) for name, (train, test) in parts.items()}
for name, score in scores.items():
    print(f"{name:6}  RMSE {score['rmse']:.4f}, warm {score['rmse_warm']:.4f}, {score['cold']} of {score['n']} cold")
assert scores["random"]["cold"] < 10 < 100 < scores["time"]["cold"]
assert scores["time"]["rmse"] > scores["time"]["rmse_warm"] + 0.02

# %% [markdown]
# ## 3. A baseline first
#
# `Bias` knows only how high a user rates and how well an item is rated. What does not beat it is not worth its cost.

# %%
model = tr.AutoRec(hidden_units=50, l2=80, center=True)
models = {"Bias": (tr.Bias(), {}), "BiasedMF": (tr.BiasedMF(factors=10), {}), "AutoRec": (model, {"epochs": 40})}
results = {name: tr.cross_validate(its, data, **more) for name, (its, more) in models.items()}
folds = {name: np.array([fold["rmse"] for fold in its["folds"]]) for name, its in results.items()}
for name, its in results.items():
    print(f"{name:9} RMSE {its['rmse']:.4f} ± {its['rmse_interval']:.4f}; by fold: {folds[name].round(4)}")
mf, ae = results["BiasedMF"], results["AutoRec"]
assert mf["rmse"] - mf["rmse_interval"] < ae["rmse"] + ae["rmse_interval"]  # the intervals overlap, and yet:
assert (folds["Bias"] > folds["BiasedMF"]).all() and (folds["BiasedMF"] > folds["AutoRec"]).all()

# %% [markdown]
# The ± is a 95 % interval if the folds were independent. Their training parts overlap, so it is only a guide (Bengio &
# Grandvalet 2004). A fold that is hard for one model is hard for all, so compare models fold by fold, not by whether
# their intervals overlap. The folds are random: of cold pairs they say little.
#
# ## 4. Train and predict
#
# `rank` asks where in the list of all items those are that the user will give 4 or 5 stars. A better RMSE, as that of
# BiasedMF, is no promise of a better list. An unknown user or item gets a rating, too; `known` tells which they are.

# %%
train, test = parts["time"]
ranks = {name: its.fit(train, **more).rank(test, relevant=4) for name, (its, more) in models.items()}
for name, its in ranks.items():
    print(f"{name:9} NDCG@10 {its['ndcg@10']:.3f}, standard error {its['ndcg@10_se']:.3f}, {its['users']} users")
assert ranks["AutoRec"]["ndcg@10"] > ranks["Bias"]["ndcg@10"] > ranks["BiasedMF"]["ndcg@10"]
fitted = model.fit(data, epochs=40)  # for service: on all ratings
fitted.save(folder / "model.npz")
users, items = ["Zoë3", "Zoë3", "Nobody"], ["K007", "K999", "K007"]
print(fitted.predict(users, items), *fitted.known(users, items))
pl.DataFrame({"user": users, "item": items}).write_csv(folder / "pairs.csv")
assert "2 of 3 pairs have a user or an item that is not in" in tinyrec("predict model.npz --pairs pairs.csv")

# %% [markdown]
# ## 5. Recommend to all users
#
# `--exclude` names items that are sold out, `--candidates` the only ones allowed. In Python: `fitted.recommend_many`.

# %%
(folder / "sold_out.csv").write_text("item\nK007\nK012\nK999\n")
assert "1 of 3 items" in tinyrec("recommend model.npz --all -n 10 --exclude sold_out.csv --csv top10.csv")
top = pl.read_csv(folder / "top10.csv")
assert top["user"].n_unique() == len(data.users) and not {"K007", "K012"} & set(top["item"])

# %% [markdown]
# ## 6. The next night
#
# `with_ratings` trains nothing: it updates the predictions for the items rated, and folds in new users and items. The
# rating of a new item by a new user is left out, unless other ratings link both to the training data. Training on all
# ratings can start from the old model; on data as small as these, training anew is as fast.

# %%
night = ["user;item;rating;time", *rows[(day >= 350) & (day < 351)], "Max;K999;5;1730300000000"]
(folder / "night.csv").write_text("\n".join(night), encoding="utf-8")
new = tr.load_dataset(folder / "night.csv", scale=data.scale)
updated = fitted.with_ratings(new)
assert updated.info["new_ratings"]["unused"] == 1 and len(updated.data.users) > len(data.users)
tinyrec("recommend model.npz --all --new-ratings night.csv --exclude sold_out.csv --csv top10.csv")
everything = tr.load_dataset(pl.concat([data.to_polars(), new.to_polars()]))
everything.to_polars().write_csv(folder / "all.csv")
started = model.fit(everything, epochs=20, start=fitted)
tinyrec("train --dataset all.csv --from model.npz --epochs 20 --test 0 --quiet --save next.npz")
assert np.allclose(tr.load(folder / "next.npz").predict(users, items), started.predict(users, items))

# %% [markdown]
# ## 7. Events, and a matrix
#
# Users, items and times without ratings are implicit feedback, where repeats count once. Here EASE does not beat `Pop`,
# the same list for all: which pairs are rated was drawn by activity and popularity alone.

# %%
events = data.to_polars().select("user", "item", "time")
pl.concat([events, events[:500]]).write_csv(folder / "events.csv")
seen = tr.load_dataset(folder / "events.csv")
assert seen.implicit and seen.notes == ("500 repeats of a pair were merged",)
train, test = tr.split_leave_one_out(seen, latest=True)
pop, ease = (its.fit(train).rank(test)["hr@10"] for its in (tr.Pop(), tr.EASE()))
print(f"HR@10: Pop {pop:.3f}, EASE {ease:.3f}")
assert ease < pop
path, options = folder / "matrix.csv", {}
data.to_polars().pivot("item", index="user", values="rating").write_csv(path)
assert "look like a matrix of users x items, not a list of ratings; read it with wide=True" in read()
assert set(read(wide=True)) == set(data)
holder.cleanup()
print("All assertions passed: a messy file was read, and the recommendations of two nights are written.")

# %% [markdown]
# ## Questions
#
# 1. Without its cold pairs, by how much is the RMSE of the split by time lower? Expect about 0.050.
# 2. The intervals of BiasedMF and AutoRec overlap. What is that of their difference, fold by fold, with Student's
#    t = 2.78? Expect about 0.010 ± 0.006.
# 3. Score the ratings of the days after that night (`rows[day >= 351]`). How many are cold, for `fitted` and for
#    `updated`? Expect 702 of 1,878, and 657.
#
# Assignment a8 asks for the predictions for somebody new (`tutorials/assignments/a8.md`).
