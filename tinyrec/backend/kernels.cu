// The GPU kernels in CUDA C. gpu.py compiles them with REAL = float or double, and launches them; reference.py says what
// they compute. Each output element has one owner, which sums in a fixed order, so the results are bitwise reproducible.
// BLOCK is the number of threads per block of all kernels but spmm.
//
// WIDTH: how many neighbouring columns of a dense matrix a thread reads at once, 1, 2 or 4. It divides k, the number of
// columns, and the matrix is aligned, so that each read is. Two floats in one read take half as many instructions, and
// half as many requests to the caches, which bound the products: X is gathered p times, far more than it has rows.
struct __align__(WIDTH * sizeof(REAL) < 16 ? WIDTH * sizeof(REAL) : 16) Columns // a GPU reads at most 16 bytes at once
{
    REAL x[WIDTH];
};

__device__ long long element() { return blockIdx.x * (long long)blockDim.x + threadIdx.x; } // of all threads, this one

// The sum of the totals of a warp's 32 lanes, on lane 0: 32 sums become 16, then 8, ...
__device__ REAL sum_of_warp(REAL total)
{
    for (int distance = 16; distance > 0; distance /= 2)
        total += __shfl_down_sync(0xffffffff, total, distance);
    return total;
}

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

// The sum of values[j] X[cols[j]] over the cells j to end - 1, for the columns of X (d, k) that `x` points to.
__device__ Columns sum_cells(long long j, long long end, const int *cols, const REAL *values, const REAL *x, int k)
{
    Columns total = {};
#pragma unroll 8 // eight loads in flight at once hide the latency of memory
    for (; j < end; j++) {
        Columns read = *(const Columns *)(x + cols[j] * (long long)k);
        for (int m = 0; m < WIDTH; m++)
            total.x[m] += values[j] * read.x[m];
    }
    return total;
}

// out = S X. A block owns a chunk, and each of its threads WIDTH columns from c on; the reads of a warp are coalesced.
// blockIdx.y, the slower index, selects a tile of columns: blocks that run together share a tile of X in the cache.
//
// A row, also an empty one, is written to `out` by the chunk in which it begins. If it continues in later chunks, each
// of them stores its partial sum in `partial`, (number of chunks, k), for add_partial, which finds the row in
// `unfinished`, (number of chunks,): the row that begins in this chunk and continues in later ones, or -1.
//
// The launch bounds, 64 threads per block and 16 blocks per multiprocessor, allow enough registers for eight loads in
// flight; without them the compiler saves registers and serializes the loads.
extern "C" __global__ void __launch_bounds__(64, 16)
    spmm(const long long *indptr, const int *cols, const REAL *values, const REAL *X, REAL *out, REAL *partial,
         int *unfinished, int n, long long p, int k, long long length)
{
    int c = (blockIdx.y * blockDim.x + threadIdx.x) * WIDTH;
    if (c >= k)
        return;
    long long chunk = blockIdx.x, start = chunk * length, stop = min(start + length, n + p);
    int row = rows_before(start, indptr, n), last = rows_before(stop, indptr, n);
    long long j = start - row, end = stop - last; // the cells of this chunk
    if (c == 0)
        unfinished[chunk] = last > row && indptr[last] > end ? last - 1 : -1;

    REAL *target = partial + chunk * k + c; // for the cells of a row that began in an earlier chunk
    for (; row <= last; row++) {
        long long row_end = min(indptr[row], end); // where row - 1 ends and row begins
        *(Columns *)target = sum_cells(j, row_end, cols, values, X + c, k);
        target = out + row * (long long)k + c;
        j = row_end;
    }
}

// The second pass of spmm: a block completes the row that begins in its chunk and continues in later ones.
extern "C" __global__ void add_partial(const long long *indptr, REAL *out, const REAL *partial, const int *unfinished,
                                       int k, long long length)
{
    long long chunk = blockIdx.x;
    int row = unfinished[chunk];
    if (row < 0)
        return;
    long long chunks = (indptr[row + 1] + row) / length + 1; // up to the last one that has cells of this row
    for (int c = threadIdx.x; c < k; c += blockDim.x) {
        REAL total = out[row * (long long)k + c];
#pragma unroll 8
        for (long long later = chunk + 1; later < chunks; later++)
            total += partial[later * k + c];
        out[row * (long long)k + c] = total;
    }
}

// out = S x for one column x (d,). A warp owns a row: each lane sums every 32nd cell, then sum_of_warp adds the lanes.
extern "C" __global__ void spmv(const long long *indptr, const int *cols, const REAL *values, const REAL *x, REAL *out,
                                int n)
{
    long long row = element() / 32;
    if (row >= n)
        return;
    REAL total = 0;
#pragma unroll 4
    for (long long j = indptr[row] + threadIdx.x % 32; j < indptr[row + 1]; j += 32)
        total += values[j] * x[cols[j]];
    total = sum_of_warp(total);
    if (threadIdx.x % 32 == 0)
        out[row] = total;
}

// out = H W^T at the cells only. A warp owns a chunk: each lane sums every 32nd group of WIDTH columns, then
// sum_of_warp adds the lanes. It processes CELLS cells of a row at once: h is read once for all of them, and their loads
// of W overlap.
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    sddmm(const long long *indptr, const int *cols, const REAL *H, const REAL *W, REAL *out, int n, long long p, int k,
          long long length)
{
    const int CELLS = 2;
    int lane = threadIdx.x % 32;
    long long chunk = element() / 32;
    long long start = chunk * length, stop = min(start + length, n + p); // no cells after the last chunk
    int row = rows_before(start, indptr, n), last = rows_before(stop, indptr, n);
    long long j = start - row, end = stop - last; // the cells of this chunk

    for (; row <= last; row++) {
        long long row_end = min(indptr[row], end); // where row - 1 ends and row begins
        const Columns *h = (const Columns *)(H + (row - 1) * (long long)k);
        for (; j < row_end; j = min(j + CELLS, row_end)) {
            const Columns *w[CELLS];
            REAL total[CELLS];
#pragma unroll
            for (int m = 0; m < CELLS; m++) {
                int col = cols[min(j + m, row_end - 1)]; // repeat the last cell of the row
                w[m] = (const Columns *)(W + col * (long long)k);
                total[m] = 0;
            }
#pragma unroll 2
            for (int c = lane; c < k / WIDTH; c += 32) {
                Columns a = h[c];
#pragma unroll
                for (int m = 0; m < CELLS; m++) {
                    Columns b = w[m][c];
                    for (int i = 0; i < WIDTH; i++)
                        total[m] += a.x[i] * b.x[i];
                }
            }
#pragma unroll
            for (int m = 0; m < CELLS; m++) {
                total[m] = sum_of_warp(total[m]);
                if (lane == 0 && j + m < row_end)
                    out[j + m] = total[m];
            }
        }
    }
}

// out = values[indices]
extern "C" __global__ void take(REAL *out, const REAL *values, const int *indices, long long size)
{
    long long i = element();
    if (i < size)
        out[i] = values[indices[i]];
}

// Activations, element by element: what NumPy would compute in several passes.

extern "C" __global__ void logistic(REAL *y, const REAL *x, long long size)
{
    long long i = element();
    if (i < size)
        y[i] = (tanh(x[i] / 2) + 1) / 2;
}

extern "C" __global__ void logistic_backward(REAL *dx, const REAL *dy, const REAL *y, long long size)
{
    long long i = element();
    if (i < size)
        dx[i] = dy[i] * (y[i] * (1 - y[i]));
}

extern "C" __global__ void tanh_backward(REAL *dx, const REAL *dy, const REAL *y, long long size)
{
    long long i = element();
    if (i < size)
        dx[i] = dy[i] * (1 - y[i] * y[i]);
}

// Several arrays in one launch, since a launch can take longer than a small array does: blockIdx.y tells which.

struct Arrays // of up to four kinds, such as weights and gradients: x[kind][which], each of size[which] elements
{
    REAL *x[4][ARRAYS];
    long long size[ARRAYS];
};

// The elements of this thread: from element() on, every stride()-th.
__device__ long long stride() { return gridDim.x * (long long)blockDim.x; }

// The optimizer updates. A thread owns elements of w and of the other arrays, so each array is read once.
// It reads all there is of an element before it writes any, so that no load waits for a store.

// -1, 0 or 1; NaN for NaN, so that a NaN in the gradient shows in the weight
__device__ REAL sign(REAL x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

extern "C" __global__ void rprop(Arrays of, REAL eta_plus, REAL eta_minus, REAL step_min, REAL step_max, int forget,
                                 int undo)
{
    REAL *w = of.x[0][blockIdx.y], *previous = of.x[2][blockIdx.y], *step = of.x[3][blockIdx.y];
    const REAL *g = of.x[1][blockIdx.y];
    for (long long i = element(); i < of.size[blockIdx.y]; i += stride()) {
        REAL change = g[i] * previous[i]; // > 0: the gradient kept its sign; < 0: it changed sign
        REAL last_move = -sign(previous[i]) * step[i];
        REAL new_step = step[i] * (change > 0 ? eta_plus : change < 0 ? eta_minus : 1);
        new_step = new_step < step_min ? step_min : new_step > step_max ? step_max : new_step;
        REAL kept_g = forget && change < 0 ? 0 : g[i];
        w[i] += undo && change < 0 ? -last_move : -sign(kept_g) * new_step;
        previous[i] = kept_g;
        step[i] = new_step;
    }
}

extern "C" __global__ void sgd(Arrays of, REAL rate, REAL momentum)
{
    REAL *w = of.x[0][blockIdx.y], *m = of.x[2][blockIdx.y];
    const REAL *g = of.x[1][blockIdx.y];
    for (long long i = element(); i < of.size[blockIdx.y]; i += stride()) {
        REAL move = momentum * m[i] - rate * g[i];
        w[i] += move;
        m[i] = move;
    }
}

// one_minus_decay is computed on the host in double precision: in float, 1 - 0.999 loses digits.
extern "C" __global__ void rmsprop(Arrays of, REAL rate, REAL decay, REAL one_minus_decay, REAL epsilon)
{
    REAL *w = of.x[0][blockIdx.y], *v = of.x[2][blockIdx.y];
    const REAL *g = of.x[1][blockIdx.y];
    for (long long i = element(); i < of.size[blockIdx.y]; i += stride()) {
        REAL square = decay * v[i] + one_minus_decay * g[i] * g[i];
        w[i] -= rate * g[i] / (sqrt(square) + epsilon);
        v[i] = square;
    }
}

// `rate` is already divided by 1 - beta1^t, the first bias correction; correction2 = 1 - beta2^t.
extern "C" __global__ void adam(Arrays of, REAL rate, REAL beta1, REAL one_minus_beta1, REAL beta2,
                                REAL one_minus_beta2, REAL epsilon, REAL correction2)
{
    REAL *w = of.x[0][blockIdx.y], *m = of.x[2][blockIdx.y], *v = of.x[3][blockIdx.y];
    const REAL *g = of.x[1][blockIdx.y];
    for (long long i = element(); i < of.size[blockIdx.y]; i += stride()) {
        REAL mean = beta1 * m[i] + one_minus_beta1 * g[i];
        REAL square = beta2 * v[i] + one_minus_beta2 * g[i] * g[i];
        w[i] -= rate * mean / (sqrt(square / correction2) + epsilon);
        m[i] = mean;
        v[i] = square;
    }
}

// Sums over all elements of an array, in double precision. Each of the blocks that have elements stores their sum in
// `partial`, and the one that finishes last adds these: which one it is differs from run to run, the sum does not.

__device__ unsigned finished[ARRAYS]; // how many of the blocks of each array; 0 before and after a launch

// Turn the total of each thread into that of all blocks. Returns whether this is the last block, which alone has it.
__device__ bool sum_of_all(double &total, double *partial, long long size)
{
    __shared__ double sums[BLOCK];
    __shared__ bool is_last;
    unsigned blocks = max(1LL, min((long long)gridDim.x, (size + BLOCK - 1) / BLOCK));
    partial += blockIdx.y * gridDim.x;
    for (int turn = 0; blockIdx.x < blocks; turn++) {
        sums[threadIdx.x] = total;
        for (int distance = BLOCK / 2; distance > 0; distance /= 2) {
            __syncthreads();
            if (threadIdx.x < distance)
                sums[threadIdx.x] += sums[threadIdx.x + distance];
        }
        __syncthreads();
        total = sums[0];
        if (turn == 1)
            return true;
        if (threadIdx.x == 0) {
            partial[blockIdx.x] = total;
            __threadfence(); // the last block sees what all others have stored
            is_last = atomicInc(finished + blockIdx.y, blocks - 1) == blocks - 1; // and 0 again
        }
        __syncthreads();
        if (!is_last)
            return false;
        __threadfence();
        total = 0;
        for (unsigned i = threadIdx.x; i < blocks; i += BLOCK)
            total += ((volatile double *)partial)[i];
        __syncthreads();
    }
    return false;
}

// out[m] = the sum of the m-th array
extern "C" __global__ void sum(Arrays of, double *partial, double *out)
{
    const REAL *x = of.x[0][blockIdx.y];
    long long size = of.size[blockIdx.y];
    double total = 0;
#pragma unroll 8
    for (long long i = element(); i < size; i += stride())
        total += x[i];
    if (sum_of_all(total, partial, size) && threadIdx.x == 0)
        out[blockIdx.y] = total;
}

// g += l2 w for each array, and penalty = l2/2 sum of w^2 over all of them, in one pass; blockIdx.y is not used
extern "C" __global__ void add_l2(Arrays of, REAL l2, double *partial, REAL *penalty)
{
    double total = 0;
    for (int m = 0; m < ARRAYS; m++) {
        const REAL *w = of.x[0][m];
        REAL *g = of.x[1][m];
#pragma unroll 4
        for (long long i = element(); i < of.size[m]; i += stride()) {
            REAL weight = w[i];
            g[i] += l2 * weight;
            total += (double)weight * weight;
        }
    }
    if (sum_of_all(total, partial, stride()) && threadIdx.x == 0)
        *penalty = l2 / 2 * total;
}

// NumPy's default generator, PCG64, on all threads at once. Its state is a number of 128 bits; each draw replaces it by
// multiplier * state + increment (O'Neill 2014). `steps` such steps in a row are again of this form, with another
// multiplier and increment, which are found in log2(steps) squarings; so each thread jumps to its own part of the
// sequence, and all draw what NumPy would draw, to the last bit.

struct Wide // an unsigned number of 128 bits
{
    unsigned long long high, low;
};

__device__ Wide times(Wide a, Wide b)
{
    return {__umul64hi(a.low, b.low) + a.high * b.low + a.low * b.high, a.low * b.low};
}

__device__ Wide plus(Wide a, Wide b)
{
    unsigned long long low = a.low + b.low;
    return {a.high + b.high + (low < a.low), low};
}

__device__ Wide step(Wide state, Wide increment)
{
    const Wide multiplier = {2549297995355413924ULL, 4865540595714422341ULL};
    return plus(times(multiplier, state), increment);
}

__device__ Wide jump(Wide state, Wide increment, unsigned long long steps)
{
    Wide multiplier = {2549297995355413924ULL, 4865540595714422341ULL};
    for (; steps; steps /= 2) {
        if (steps % 2)
            state = plus(times(multiplier, state), increment);
        increment = plus(times(multiplier, increment), increment); // of two steps, then of four, ...
        multiplier = times(multiplier, multiplier);
    }
    return state;
}

// out = what Generator(PCG64).random(n, float32) draws from this state. A draw of 64 bits gives two numbers, the low
// half first; each is made of its upper 24 bits. A thread draws `length` times, at most.
//
// If one number is left of an earlier draw, it is out[0], and `size` more follow.
extern "C" __global__ void uniform(float *out, long long size, unsigned long long state_high,
                                   unsigned long long state_low, unsigned long long increment_high,
                                   unsigned long long increment_low, float left, int is_left, int length)
{
    long long i = element() * length * 2, end = min(i + length * 2, size);
    Wide increment = {increment_high, increment_low};
    Wide state = jump({state_high, state_low}, increment, i / 2);
    if (is_left && i == 0)
        out[0] = left;
    for (; i < end; i++) {
        if (i % 2 == 0)
            state = step(state, increment);
        unsigned long long folded = state.high ^ state.low;
        unsigned rotation = state.high >> 58;
        unsigned long long drawn = folded >> rotation | folded << (64 - rotation) % 64;
        unsigned half = i % 2 == 0 ? drawn : drawn >> 32;
        out[is_left + i] = (half >> 8) * (1.0f / 16777216);
    }
}
