"""Ranks that are threads of this process, to try what needs a communicator without MPI."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np


class Ranks:
    """What the communicators of `size` ranks share; `Ranks(3).run(f)` is [f(comm) on each rank]."""

    def __init__(self, size):
        self.size, self.barrier, self.sent = size, threading.Barrier(size), [None] * size

    def run(self, function):
        def on_rank(rank):
            try:
                return function(Comm(self, rank))
            except BaseException:
                self.barrier.abort()
                raise

        with ThreadPoolExecutor(self.size) as pool:
            done = [pool.submit(on_rank, rank) for rank in range(self.size)]
        problems = [its.exception() for its in done if its.exception()]
        for problem in problems:
            if not isinstance(problem, threading.BrokenBarrierError):
                raise problem
        return [its.result() for its in done]


class Comm:
    """The methods of a communicator of mpi4py that tinyrec uses."""

    def __init__(self, ranks, rank):
        self.ranks, self.rank, self.size = ranks, rank, ranks.size

    def Barrier(self):
        self.ranks.barrier.wait(60)

    def allgather(self, its):
        self.ranks.sent[self.rank] = its
        self.Barrier()
        everything = list(self.ranks.sent)
        self.Barrier()
        return everything

    def Allreduce(self, sent, received):
        received[...] = sum(self.allgather(sent))

    def Allgatherv(self, sent, received):
        array, counts = received
        parts = self.allgather(sent)
        assert [part.size for part in parts] == list(counts)
        array[...] = np.concatenate(parts)

    def bcast(self, its, root):
        return self.allgather(its)[root]
