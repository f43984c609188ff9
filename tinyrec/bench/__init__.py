"""Benchmarks of training speed, against the limits of the machine and against PyTorch.

shapes    synthetic ratings of the sizes of well-known data sets
machine   peak rates of this machine, and its description
measure   seconds, operations, bytes and memory of an epoch and its parts
rivals    the same training in PyTorch; the only file that imports torch
contest   epochs of tinyrec and of PyTorch in turns, from the same initial parameters
race      time to reach a test RMSE on ML-1M, tinyrec and PyTorch
implicit  the loss for implicit feedback, against NumPy on dense matrices
"""
