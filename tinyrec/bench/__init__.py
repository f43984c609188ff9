"""How fast training is: against the ceilings of the machine, and against the same training in PyTorch.

shapes    made-up ratings of the sizes of real data sets
machine   what this machine can do at best, and what it is
measure   seconds, operations, bytes and memory of an epoch and its parts
rivals    the same training in PyTorch; the only file that imports torch
contest   epochs of ours and of PyTorch's in turn, from the same start
race      the real ML-1M: who reaches an RMSE first?
"""
