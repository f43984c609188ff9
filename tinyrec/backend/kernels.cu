// The kernels for an NVIDIA card, in CUDA C. gpu.py compiles them twice, with REAL = float and REAL = double, and
// launches them; reference.py says what they compute. Each output is written by one owner, in a fixed order and
// without atomics: the same input gives the same bits.
//
// A few rows hold most of the cells, so the work is cut without regard to rows. It is a list of n + p steps: each row
// is one step, followed by one step for each of its cells.
//
//     row 0 | cell 0 | cell 1 | row 1 | row 2 | cell 2 | cell 3 | ...        row i is step indptr[i] + i
//
// A piece is `length` steps of this list, and every piece costs about the same, however long or empty the rows are
// (Merrill & Garland 2016, "Merge-based parallel sparse matrix-vector multiplication").

// The number of rows that begin before `step`. The other steps before it are cells: step - rows_before(step) of them.
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

// The sum of values[j] X[cols[j]] over the cells from j up to end, for the column of X (d, k) that `x` points to.
__device__ REAL sum_cells(long long j, long long end, const int *cols, const REAL *values, const REAL *x, int k)
{
    REAL total = 0;
#pragma unroll 8 // eight reads under way at once: one by one, each would be waited for
    for (; j < end; j++)
        total += values[j] * x[cols[j] * (long long)k];
    return total;
}

// out = S X. A block owns a piece, and each of its threads one column c; the threads of a warp read side by side.
// blockIdx.y, the slower index, goes on to other columns: until then all blocks share a part of X that fits the cache.
//
// A row is written to `out` by the piece in which it begins, an empty row too. Where a row goes on from piece to piece,
// each of the later ones leaves its part in `partial`, (number of pieces, k), for add_partial.
//
// The bounds, 64 threads a block and room for 16 blocks at once, allow the registers that eight reads need; without
// them the compiler saves registers, and the reads come one by one.
extern "C" __global__ void __launch_bounds__(64, 16)
    spmm(const long long *indptr, const int *cols, const REAL *values, const REAL *X, REAL *out, REAL *partial, int n,
         long long p, int k, long long length)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= k)
        return;
    long long piece = blockIdx.x, start = piece * length, stop = min(start + length, n + p);
    int row = rows_before(start, indptr, n), last = rows_before(stop, indptr, n);
    long long j = start - row, end = stop - last; // the cells of this piece

    REAL *place = partial + piece * k + c; // for the rest of a row that began in an earlier piece, if there is any
    for (; row <= last; row++) {
        long long row_end = min(indptr[row], end); // where row - 1 ends, and row begins
        *place = sum_cells(j, row_end, cols, values, X + c, k);
        place = out + row * (long long)k + c;
        j = row_end;
    }
}

// The second half of spmm. A block owns a piece, and in it the row that begins there and goes on, if there is one.
extern "C" __global__ void add_partial(const long long *indptr, REAL *out, const REAL *partial, int n, long long p,
                                       int k, long long length)
{
    long long piece = blockIdx.x, start = piece * length, stop = min(start + length, n + p);
    int row = rows_before(stop, indptr, n) - 1; // the last row that begins before `stop`
    long long row_stop = indptr[row + 1] + row + 1; // the step after its last one
    if (indptr[row] + row < start || row_stop <= stop)
        return;
    for (int c = threadIdx.x; c < k; c += blockDim.x) {
        REAL total = out[row * (long long)k + c];
        for (long long later = piece + 1; later * length < row_stop; later++)
            total += partial[later * k + c];
        out[row * (long long)k + c] = total;
    }
}

// out = (H W^T) at the cells. A warp owns a piece; each of its lanes sums every 32nd column, then the lanes add up.
// It takes several cells of a row at once, for which h is read once, and whose reads of W are under way together.
extern "C" __global__ void __launch_bounds__(256, 4)
    sddmm(const long long *indptr, const int *cols, const REAL *H, const REAL *W, REAL *out, int n, long long p, int k,
          long long length)
{
    const int CELLS = 4; // at once
    int lane = threadIdx.x % 32;
    long long piece = (blockIdx.x * (long long)blockDim.x + threadIdx.x) / 32;
    long long start = piece * length, stop = min(start + length, n + p); // behind the last piece: no cells
    int row = rows_before(start, indptr, n), last = rows_before(stop, indptr, n);
    long long j = start - row, end = stop - last; // the cells of this piece

    for (; row <= last; row++) {
        long long row_end = min(indptr[row], end); // where row - 1 ends, and row begins
        const REAL *h = H + (row - 1) * (long long)k;
        for (; j < row_end; j = min(j + CELLS, row_end)) {
            const REAL *w[CELLS];
            REAL total[CELLS];
#pragma unroll
            for (int m = 0; m < CELLS; m++) {
                w[m] = W + cols[min(j + m, row_end - 1)] * (long long)k; // the last one again, rather than one beyond
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

// The updates. A thread owns one element of w and of all that belongs to it, so each array passes through memory once.
// It reads everything before it writes anything, or the reads would queue up behind the writes.

__device__ long long element() { return blockIdx.x * (long long)blockDim.x + threadIdx.x; }

// -1, 0 or 1, or NaN for NaN: a weight whose gradient is not a number must not look sound
__device__ REAL sign(REAL x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

extern "C" __global__ void rprop(REAL *w, const REAL *g, REAL *previous, REAL *step, long long size, REAL eta_plus,
                                 REAL eta_minus, REAL step_min, REAL step_max, int forget, int undo)
{
    long long i = element();
    if (i >= size)
        return;
    REAL change = g[i] * previous[i]; // > 0: the gradient kept its sign; < 0: it turned
    REAL last_move = -sign(previous[i]) * step[i];
    REAL next = step[i] * (change > 0 ? eta_plus : change < 0 ? eta_minus : 1);
    next = next < step_min ? step_min : next > step_max ? step_max : next;
    REAL trusted = forget && change < 0 ? 0 : g[i];
    w[i] += undo && change < 0 ? -last_move : -sign(trusted) * next;
    previous[i] = trusted;
    step[i] = next;
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

// rest = 1 - decay: the host subtracts, as in float, 1 - 0.999 loses digits.
extern "C" __global__ void rmsprop(REAL *w, const REAL *g, REAL *v, long long size, REAL rate, REAL decay, REAL rest,
                                   REAL epsilon)
{
    long long i = element();
    if (i >= size)
        return;
    REAL square = decay * v[i] + rest * g[i] * g[i];
    w[i] -= rate * g[i] / (sqrt(square) + epsilon);
    v[i] = square;
}

// rest1 = 1 - beta1, rest2 = 1 - beta2; `rate` is already divided by 1 - beta1^t, and v_part = 1 - beta2^t.
extern "C" __global__ void adam(REAL *w, const REAL *g, REAL *m, REAL *v, long long size, REAL rate, REAL beta1,
                                REAL rest1, REAL beta2, REAL rest2, REAL epsilon, REAL v_part)
{
    long long i = element();
    if (i >= size)
        return;
    REAL mean = beta1 * m[i] + rest1 * g[i];
    REAL square = beta2 * v[i] + rest2 * g[i] * g[i];
    w[i] -= rate * mean / (sqrt(square / v_part) + epsilon);
    m[i] = mean;
    v[i] = square;
}
