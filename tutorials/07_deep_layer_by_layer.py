# %% [markdown]
# # Deep, layer by layer
#
# A deep network trained from random weights may end no better than a shallow one, or worse. So both papers that go deep
# pretrain it *greedily*: one layer at a time, each with the layers below it done. This tutorial does what they say with
# a few calls of the training loop, and measures over five splits what it is worth. Read tutorials 01 and 04 first.
#
# ## 1. Stack two autoencoders, then unfold them
#
# AutoRec (Sedhain et al. 2015, section 3) has a deep version with three hidden layers of 500, 250 and 500 units: "We
# used greedy pretraining and then fine-tuned by gradient descent". No more is said. The sizes suggest stacked
# autoencoders that are unfolded (Hinton and Salakhutdinov 2006):
#
# 1. An AutoRec reconstructs the ratings $r$ from codes $h_1 = g(V_1 r + \mu_1)$ of 20 units here.
# 2. A second autoencoder reconstructs these codes from codes $h_2$ of 10 units. It sees no rating.
# 3. Both encoders, then both decoders in reverse order, are the deep network.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.data.sets.fetch import find
from tinyrec.models.deep_autorec import CODES_L2
from tinyrec.models.stages import CodeAutoencoder, Frozen, Rows
from tinyrec.optim import Adam
from tinyrec.recommenders.scaling import Scaling
from tinyrec.training import fit
from tinyrec.training.early_stopping import validator
from tinyrec.training.loop import begin
from tinyrec.training.run import pretrain


def trained(model, rows, optimizer, epochs, batch_size, seed, params=None):
    """The parameters after so many epochs, how far each has moved (root mean square), and the loss of each epoch."""
    start = begin(model, rows, optimizer, seed, params)
    before, losses = {name: w.copy() for name, w in start.params.items()}, []
    for epoch in fit(model, rows, optimizer, epochs=epochs, batch_size=batch_size, start=start):
        losses.append(epoch.loss)
    return epoch.params, {name: np.sqrt(((w - before[name]) ** 2).mean()) for name, w in epoch.params.items()}, losses


small = tr.make_synthetic(200, 100, 5000)
R = Scaling.of(small, "scale").to_model(small.ratings, np.float32).T.to("auto")  # (n items, d users)
adam = Adam(0.01, linear_decay=True)
autorec = tr.AutoRec(by="item", hidden_units=20, l2=5.0, center=False)
outer, _, _ = trained(autorec, R, adam, 30, 20, seed=0)
codes = autorec.encode(outer, R)  # (n, 20)
stacked = CodeAutoencoder(hidden_units=10, activation="sigmoid", l2=CODES_L2)
inner, _, losses = trained(stacked, Rows(codes, R.backend), adam, 30, 20, seed=1)
assert losses[-1] < losses[0] / 2

unfolded = {"V1": outer["V"], "mu1": outer["mu"], "V2": inner["V"], "mu2": inner["mu"]}  # both encoders
unfolded |= {"V3": inner["W"], "mu3": inner["b"], "W": outer["W"], "b": outer["b"]}  # and both decoders
deep = tr.DeepAutoRec(by="item", hidden_units=(20, 10, 20), l2=5.0, center=False, pretrain=30)
of_tinyrec = pretrain(deep, R, adam, 20, seed=0)
assert all(np.array_equal(unfolded[name], w) for name, w in of_tinyrec.items())
random = deep.init(R, np.random.default_rng(0))
before = [float(deep.loss_and_grads(params, R)[0]) for params in (random, unfolded)]
print(f"loss of the deep network before fine-tuning: {before[0]:.0f} with random weights, {before[1]:.0f} unfolded")
assert before[1] < before[0] / 2

# %% [markdown]
# ## 2. Three stages, two of them supervised
#
# NCAE (Li et al., section 4.3) asks each layer for something else:
#
# * Stage 1 trains the first hidden layer supervised: it predicts the ratings, some of them dropped from its input,
#   through a decoder that is then discarded (eq. 12).
# * Stage 2 trains the second hidden layer unsupervised: it reconstructs the output of the first (eq. 13).
# * Stage 3 trains the output layer supervised, with all layers below it frozen (eq. 14, 15).
#
# Then all layers are fine-tuned together (eq. 6).

# %%
real = bool(find("ml-100k"))
data = tr.load_dataset("ml-100k") if real else tr.make_synthetic(400, 300, 20_000)
settings = {"hidden_units": (100, 100), "l2": 0.15} if real else {"hidden_units": (50, 50), "l2": 0.6, "dropout": 0.2}
model = tr.NCAE(**settings, balance=0.0, pretrain_epochs=4)
adam = Adam(0.005 if real else 0.01, beta1=0.7, beta2=0.9, linear_decay=True)
batch, epochs = (128, 10) if real else (32, 20)
train, test = tr.split_random(data, test=0.1, seed=0)
R = Scaling.of(train, model.offset).to_model(train.ratings, np.float32).T.to("auto")
shallow = tr.NCAE(**{**settings, "hidden_units": settings["hidden_units"][:1]}, balance=0.0)
first, moved_1, losses_1 = trained(shallow, R, adam, 4, batch, seed=1)
lower = {"V1": first["V1"], "mu1": first["mu1"]}  # its W and b are discarded
codes = shallow.encode(lower, R)
of_codes = CodeAutoencoder(hidden_units=settings["hidden_units"][1], activation="tanh", l2=0.0)
second, moved_2, losses_2 = trained(of_codes, Rows(codes, R.backend), adam, 4, batch, seed=2)
lower |= {"V2": second["V"], "mu2": second["mu"]}
top, moved_3, losses_3 = trained(Frozen(model, lower), R, adam, 4, batch, seed=3)
assert set(top) == {"W", "b"}

of_tinyrec = pretrain(model, R, adam, batch, seed=0)
assert all(np.array_equal(w, of_tinyrec[name]) for name, w in {**lower, **top}.items())

pretrained = {**lower, **top}
assert all(np.array_equal(pretrained[name], w) for name, w in pretrain(model, R, adam, batch, seed=0).items())

# %% [markdown]
# How far does each stage move each array? A grey field does not move. Fine-tuning moves all of them.

# %%
tuned, moved_4, _ = trained(model, R, adam, epochs, batch, 0, params={name: w.copy() for name, w in pretrained.items()})
moved_1 = {name: moved_1[name] for name in ("V1", "mu1")}  # the rest of stages 1 and 2 is discarded
moved_2 = {"V2": moved_2["V"], "mu2": moved_2["mu"]}
moves = np.array([[moved.get(name, np.nan) for moved in (moved_1, moved_2, moved_3, moved_4)] for name in tuned])
assert (np.isnan(moves).sum(axis=0) == [4, 4, 4, 0]).all()

_, axes = plt.subplots(2, 2, figsize=(7.4, 5.6), layout="constrained")
tasks = "layer 1 predicts ratings", "layer 2 reconstructs codes", "the output predicts ratings"
for stage, (ax, task, its) in enumerate(zip(axes.flat, tasks, (losses_1, losses_2, losses_3), strict=False), start=1):
    print(f"stage {stage}, {task}: loss {its[0]:.1f} -> {its[-1]:.1f}")
    assert its[-1] < its[0]
    ax.plot(range(1, 5), its, ".-")
    ax.axhline(its[0], color="grey", linestyle=":", label="first epoch")
    ax.set(title=f"stage {stage}: {task}", xlabel="epoch", xticks=range(1, 5), ylim=(0, 1.15 * its[0]))
    ax.set_ylabel("loss (squared codes)" if stage == 2 else "loss (stars² per movie)")
axes[0, 0].legend()
map_ = plt.get_cmap("viridis").with_extremes(bad="lightgrey")
axes[1, 1].imshow(moves, cmap=map_, vmin=0, vmax=1.3 * np.nanmax(moves), aspect="auto")
for (row, column), value in np.ndenumerate(moves):
    axes[1, 1].text(column, row, "" if np.isnan(value) else f"{value:.2f}", ha="center", va="center", color="white")
axes[1, 1].set(title="root mean square change", xlabel="stage", xticks=range(4), yticks=range(6))
axes[1, 1].set(xticklabels=["1", "2", "3", "fine-tuning"], yticklabels=list(tuned))
plt.show()

# %% [markdown]
# ## 3. What is it worth?
#
# Five random splits, each with random numbers of its own. On each, one network starts from random weights and one from
# pretrained weights, and both are trained for the same number of epochs. The test RMSE is looked at after each epoch,
# and nothing is chosen by it. Splits differ more than networks, so the *difference* is taken split by split. Its 95 %
# interval is $\bar d \pm 2.78\, s / \sqrt 5$, with Student's $t$ for five splits.

# %%
differences, at_end = [], []
for seed in range(5):
    train, test = tr.split_random(data, test=0.1, seed=seed)
    scaling = Scaling.of(train, model.offset)
    R = scaling.to_model(train.ratings, np.float32).T.to("auto")
    validate, curves = validator(model, R, scaling, train, test), []
    for params in (None, pretrain(model, R, adam, batch, seed)):
        start = begin(model, R, adam, seed, params)
        its = [validate(epoch.params) for epoch in fit(model, R, adam, epochs=epochs, batch_size=batch, start=start)]
        curves.append(its)
    differences.append(np.subtract(curves[1], curves[0]))
    at_end.append([its[-1] for its in curves])
    print(f"split {seed}: test RMSE {at_end[-1][0]:.4f} from random weights, {at_end[-1][1]:.4f} pretrained")
differences = np.array(differences)  # (5, epochs)
mean, half = differences.mean(axis=0), 2.78 * differences.std(axis=0, ddof=1) / 5**0.5
for epoch in (1, epochs):
    print(f"{data.name}, pretrained minus random after epoch {epoch}: {mean[epoch - 1]:.4f} ± {half[epoch - 1]:.4f}")
assert mean[0] < 0 and abs(mean[-1]) < -mean[0] / 2  # a head start that is mostly gone at the end
assert not real or np.allclose([mean[0], mean[-1], half[-1]], [-0.051, -0.0025, 0.0024], atol=0.002)

plt.figure(figsize=(6.4, 3.8), layout="constrained")
number = np.arange(1, epochs + 1)
plt.plot(number, differences.T, color="C0", alpha=0.3)
plt.plot(number, mean, ".-", color="C0", label="mean of five splits (thin: each split)")
plt.fill_between(number, mean - half, mean + half, color="C0", alpha=0.15, label="95 % interval")
plt.axhline(0, color="grey", linestyle=":", label="random weights")
plt.gca().set(xlabel="epoch of fine-tuning", ylabel="difference in RMSE (stars)", xticks=[1, *range(5, epochs + 1, 5)])
plt.title(f"NCAE on {data.name}: pretrained minus random")
plt.legend()
plt.show()

# %% [markdown]
# On MovieLens 100K the pretrained network is 0.051 ahead after one epoch, and 0.0025 ± 0.0024 after ten; but it has had
# the twelve epochs of three stages on top. On MovieLens 1M, where trainings are longer, our result pages have a gain of
# 0.0006 for NCAE. Deep AutoRec, whose three layers of sigmoid units hardly train from random weights, gains 0.026
# against random weights that are trained for as many epochs in all.


# %%
def published(page, **wanted):
    """The mean RMSE of the trainings on this page with these settings."""
    cells = json.loads((Path(tr.__file__).parent / f"reproduce/results/{page}.json").read_text())["cells"]
    its = [(cell["task"]["trainings"][0], cell["scores"]["usual"]["rmse"]) for cell in cells]
    return np.mean([rmse for training, rmse in its if wanted.items() <= {**training, **training["settings"]}.items()])


ncae = [published("ncae-table-3", model="ncae", balance=0.0, pretrain=its) for its in ("none", "S+U+S")]
deep = [published("autorec-deep", model="deep-autorec", epochs=e, pretrain=its) for e, its in ((60, 0), (20, 20))]
assert np.allclose([ncae[0] - ncae[1], deep[0] - deep[1]], [0.0006, 0.0262], atol=1e-4)
print("All assertions passed: the stages by hand and those of tinyrec are the same.")

# %% [markdown]
# ## Questions
#
# 1. Fine-tune both deep networks of part 1 for 30 epochs more. Expect losses of about 5,600 and 5,200.
# 2. In part 3 on MovieLens 100K, split 0, train from random weights for 22 epochs, as many as the other has in all.
#    Expect a test RMSE of about 0.887, against 0.889 after ten epochs and 0.884 pretrained.
# 3. Train a shallow NCAE, `hidden_units=100`, from random weights for ten epochs on split 0: expect about 0.902.
#
# Assignments a2 and a9 ask for the layers that a deep network is made of (`tutorials/assignments/`).
