"""Benchmarks of training speed, against the limits of the machine and against PyTorch.

shapes    synthetic ratings of the sizes of well-known data sets
machine   peak rates of this machine, and its description
measure   seconds, operations, bytes and memory of an epoch and its parts
rivals    the same training in PyTorch; this file and `pair_rivals`, for NRP, import torch, and no others
contest   epochs of tinyrec and of PyTorch in turns, from the same initial parameters
race      time to reach a test RMSE on ML-1M, tinyrec and PyTorch
pairs     steps of NRP, a model of pairs, by tinyrec and by PyTorch
implicit  the loss for implicit feedback, against NumPy on dense matrices
"""
