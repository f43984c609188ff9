// The GPU kernels in CUDA C. gpu.py compiles them twice, with REAL = float and REAL = double, and launches them;
// reference.py specifies what they compute. Each output element has one owner, which sums in a fixed order without
// atomics, so the results are bitwise reproducible.
//
// A few rows hold most of the cells, so splitting the work by rows would be unbalanced. Instead, the work is a list of
// n + p steps: one step for each row, followed by one step for each of its cells.
//
//     row 0 | cell 0 | cell 1 | row 1 | row 2 | cell 2 | cell 3 | ...        row i is step indptr[i] + i
//
// A chunk is `length` consecutive steps, and all chunks cost about the same, however long or empty the rows are
// (Merrill & Garland 2016, "Merge-based parallel sparse matrix-vector multiplication").

// The number of rows that begin before `step`, by binary search; the other step - rows_before(step) steps are cells.
__device__ int rows_before(long long step, const long long *indptr, int n)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (indptr[middle] + middle < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// The sum of values[j] X[cols[j]] over the cells j to end - 1, for the column of X (d, k) that `x` points to.
__device__ REAL sum_cells(long long j, long long end, const int *cols, const REAL *values, const REAL *x, int k)
{
    REAL total = 0;
#pragma unroll 8 // eight loads in flight at once hide the latency of memory
    for (; j < end; j++)
        total += values[j] * x[cols[j] * (long long)k];
    return total;
}

// out = S X. A block owns a chunk, and each of its threads one column c; the reads of a warp are coalesced.
// blockIdx.y, the slower index, selects a tile of columns: blocks that run together share a tile of X in the cache.
//
// A row, also an empty one, is written to `out` by the chunk in which it begins. If it continues in later chunks, each
// of them stores its partial sum in `partial`, (number of chunks, k), for add_partial.
//
// The launch bounds, 64 threads per block and 16 blocks per multiprocessor, allow enough registers for eight loads in
// flight; without them the compiler saves registers and serializes the loads.
extern "C" __global__ void __launch_bounds__(64, 16)
    spmm(const long long *indptr, const int *cols, const REAL *values, const REAL *X, REAL *out, REAL *partial, int n,
         long long p, int k, long long length)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= k)
        return;
    long long chunk = blockIdx.x, start = chunk * length, stop = min(start + length, n + p);
    int row = rows_before(start, indptr, n), last = rows_before(stop, indptr, n);
    long long j = start - row, end = stop - last; // the cells of this chunk

    REAL *target = partial + chunk * k + c; // for the cells of a row that began in an earlier chunk
    for (; row <= last; row++) {
        long long row_end = min(indptr[row], end); // where row - 1 ends and row begins
        *target = sum_cells(j, row_end, cols, values, X + c, k);
        target = out + row * (long long)k + c;
        j = row_end;
    }
}

// The second pass of spmm. A block owns a chunk and completes the row that begins in it and continues in later ones.
extern "C" __global__ void add_partial(const long long *indptr, REAL *out, const REAL *partial, int n, long long p,
                                       int k, long long length)
{
    long long chunk = blockIdx.x, start = chunk * length, stop = min(start + length, n + p);
    int row = rows_before(stop, indptr, n) - 1; // the last row that begins before `stop`
    long long row_stop = indptr[row + 1] + row + 1; // the step after the last one of this row
    if (indptr[row] + row < start || row_stop <= stop)
        return;
    for (int c = threadIdx.x; c < k; c += blockDim.x) {
        REAL total = out[row * (long long)k + c];
        for (long long later = chunk + 1; later * length < row_stop; later++)
            total += partial[later * k + c];
        out[row * (long long)k + c] = total;
    }
}

// out = H W^T at the cells only. A warp owns a chunk: each lane sums every 32nd column, then a warp reduction adds the
// lanes. It processes CELLS cells of a row at once: h is read once for all of them, and their loads of W overlap.
extern "C" __global__ void __launch_bounds__(256, 4)
    sddmm(const long long *indptr, const int *cols, const REAL *H, const REAL *W, REAL *out, int n, long long p, int k,
          long long length)
{
    const int CELLS = 4;
    int lane = threadIdx.x % 32;
    long long chunk = (blockIdx.x * (long long)blockDim.x + threadIdx.x) / 32;
    long long start = chunk * length, stop = min(start + length, n + p); // no cells after the last chunk
    int row = rows_before(start, indptr, n), last = rows_before(stop, indptr, n);
    long long j = start - row, end = stop - last; // the cells of this chunk

    for (; row <= last; row++) {
        long long row_end = min(indptr[row], end); // where row - 1 ends and row begins
        const REAL *h = H + (row - 1) * (long long)k;
        for (; j < row_end; j = min(j + CELLS, row_end)) {
            const REAL *w[CELLS];
            REAL total[CELLS];
#pragma unroll
            for (int m = 0; m < CELLS; m++) {
                w[m] = W + cols[min(j + m, row_end - 1)] * (long long)k; // repeat the last cell of the row
                total[m] = 0;
            }
#pragma unroll 4
            for (int c = lane; c < k; c += 32)
#pragma unroll
                for (int m = 0; m < CELLS; m++)
                    total[m] += h[c] * w[m][c];
#pragma unroll
            for (int m = 0; m < CELLS; m++) {
                for (int distance = 16; distance > 0; distance /= 2) // 32 sums become 16, then 8, ...
                    total[m] += __shfl_down_sync(0xffffffff, total[m], distance);
                if (lane == 0 && j + m < row_end)
                    out[j + m] = total[m];
            }
        }
    }
}

// The optimizer updates. A thread owns one element of w and of the other arrays, so each array is read once.
// It reads everything before it writes anything, so that no load waits for a store.

__device__ long long element() { return blockIdx.x * (long long)blockDim.x + threadIdx.x; }

// -1, 0 or 1; NaN for NaN, so that a NaN in the gradient shows in the weight
__device__ REAL sign(REAL x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

extern "C" __global__ void rprop(REAL *w, const REAL *g, REAL *previous, REAL *step, long long size, REAL eta_plus,
                                 REAL eta_minus, REAL step_min, REAL step_max, int forget, int undo)
{
    long long i = element();
    if (i >= size)
        return;
    REAL change = g[i] * previous[i]; // > 0: the gradient kept its sign; < 0: it changed sign
    REAL last_move = -sign(previous[i]) * step[i];
    REAL new_step = step[i] * (change > 0 ? eta_plus : change < 0 ? eta_minus : 1);
    new_step = new_step < step_min ? step_min : new_step > step_max ? step_max : new_step;
    REAL kept_g = forget && change < 0 ? 0 : g[i];
    w[i] += undo && change < 0 ? -last_move : -sign(kept_g) * new_step;
    previous[i] = kept_g;
    step[i] = new_step;
}

extern "C" __global__ void sgd(REAL *w, const REAL *g, REAL *m, long long size, REAL rate, REAL momentum)
{
    long long i = element();
    if (i >= size)
        return;
    REAL move = momentum * m[i] - rate * g[i];
    w[i] += move;
    m[i] = move;
}

// one_minus_decay is computed on the host in double precision: in float, 1 - 0.999 loses digits.
extern "C" __global__ void rmsprop(REAL *w, const REAL *g, REAL *v, long long size, REAL rate, REAL decay,
                                   REAL one_minus_decay, REAL epsilon)
{
    long long i = element();
    if (i >= size)
        return;
    REAL square = decay * v[i] + one_minus_decay * g[i] * g[i];
    w[i] -= rate * g[i] / (sqrt(square) + epsilon);
    v[i] = square;
}

// `rate` is already divided by 1 - beta1^t, the first bias correction; correction2 = 1 - beta2^t.
extern "C" __global__ void adam(REAL *w, const REAL *g, REAL *m, REAL *v, long long size, REAL rate, REAL beta1,
                                REAL one_minus_beta1, REAL beta2, REAL one_minus_beta2, REAL epsilon, REAL correction2)
{
    long long i = element();
    if (i >= size)
        return;
    REAL mean = beta1 * m[i] + one_minus_beta1 * g[i];
    REAL square = beta2 * v[i] + one_minus_beta2 * g[i] * g[i];
    w[i] -= rate * mean / (sqrt(square / correction2) + epsilon);
    m[i] = mean;
    v[i] = square;
}
