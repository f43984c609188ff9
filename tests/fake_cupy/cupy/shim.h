// CUDA C on a CPU, compiled by g++ -include shim.h: the built-ins of CUDA compilers and the launch of a kernel.
#include "block.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(size) alignas(size)
#define __shared__ static // the blocks run one after another

struct dim3 { unsigned x = 1, y = 1, z = 1; };

static uint3 blockIdx;
static dim3 blockDim, gridDim;

inline void __syncthreads(int line = __builtin_LINE())
{
    fake::wait({line, 0, fake::count, 0xffffffff}, fake::current, 0);
}

namespace fake {

static int lane() { return current % warpSize; }
static int segment(int width) { return lane() / width * width; } // the first lane of the segment of `width` lanes

template <class T> T shuffle(unsigned mask, T value, int from, int line)
{
    unsigned long long bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = wait({line, current - lane(), warpSize, mask}, current - lane() + from, bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

} // namespace fake

inline void __syncwarp(unsigned mask = 0xffffffff, int line = __builtin_LINE())
{
    fake::shuffle(mask, 0, fake::lane(), line);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, int line = __builtin_LINE())
{
    return fake::shuffle(mask, value, fake::segment(width) + (source & (width - 1)), line);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32, int line = __builtin_LINE())
{
    int from = fake::lane() - (int)distance;
    return fake::shuffle(mask, value, from < fake::segment(width) ? fake::lane() : from, line);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32, int line = __builtin_LINE())
{
    int from = fake::lane() + (int)distance;
    return fake::shuffle(mask, value, from < fake::segment(width) + width ? from : fake::lane(), line);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, int line = __builtin_LINE())
{
    int from = fake::lane() ^ bits;
    return fake::shuffle(mask, value, from < fake::segment(width) + width ? from : fake::lane(), line);
}

inline void __threadfence() {}

inline unsigned atomicInc(unsigned *address, unsigned limit)
{
    unsigned old = *address;
    *address = old >= limit ? 0 : old + 1;
    return old;
}

inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
    return (unsigned __int128)a * b >> 64;
}

template <class T> T __ldg(const T *pointer) { return *pointer; }

inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }

// CUDA's min and max of a number and NaN return the number.
template <class A, class B> std::common_type_t<A, B> min(A a, B b)
{
    if constexpr (std::is_floating_point_v<std::common_type_t<A, B>>)
        return fmin(a, b);
    else
        return b < a ? b : a;
}

template <class A, class B> std::common_type_t<A, B> max(A a, B b)
{
    if constexpr (std::is_floating_point_v<std::common_type_t<A, B>>)
        return fmax(a, b);
    else
        return a < b ? b : a;
}

namespace fake {

static char *dynamic_shared;

// Returns an error message, or "". `packed` holds eight bytes for each argument.
static const char *launch(void (*function)(const char *), const dim3 *shape, size_t shared, const char *packed)
{
    kernel = function, arguments = packed, gridDim = shape[0], blockDim = shape[1];
    count = blockDim.x * blockDim.y * blockDim.z;
    dynamic_shared = (char *)malloc(shared);
    Thread *thread = threads;
    for (unsigned z = 0; z < blockDim.z; z++)
        for (unsigned y = 0; y < blockDim.y; y++)
            for (unsigned x = 0; x < blockDim.x; x++)
                thread++->index = {x, y, z};
    for (int lane = 0; lane < warpSize - 1; lane++)
        thread++->state = RETURNED; // the missing lanes of the last warp
    problem[0] = 0;
    forward = true;
    bool fine = true;
    for (unsigned z = 0; z < gridDim.z; z++)
        for (unsigned y = 0; y < gridDim.y; y++)
            for (unsigned x = 0; fine && x < gridDim.x; x++) {
                blockIdx = {x, y, z};
                fine = run_block();
            }
    free(dynamic_shared);
    return problem;
}

// A parameter in `packed`: a number or pointer, or the address of a struct.
template <class T> const T &parameter(const char *packed)
{
    if constexpr (std::is_class_v<T>)
        return **reinterpret_cast<const T *const *>(packed);
    else
        return *reinterpret_cast<const T *>(packed);
}

template <class... T, size_t... i>
void call(void (*function)(T...), const char *packed, std::index_sequence<i...>)
{
    function(parameter<T>(packed + 8 * i)...);
}

template <class... T> void call(void (*function)(T...), const char *packed)
{
    call(function, packed, std::index_sequence_for<T...>());
}

// Append the type code of a parameter for Python: "*f4" for float *, "i8" for long long, "s320" for a struct.
template <class T> void add_code(char *codes)
{
    if constexpr (std::is_class_v<T>) {
        sprintf(codes + strlen(codes), "s%d ", (int)sizeof(T));
        return;
    }
    using Value = std::remove_cv_t<std::remove_pointer_t<T>>;
    static_assert(std::is_arithmetic_v<Value> || std::is_class_v<T>, "a kernel takes numbers, pointers and structs");
    char kind = std::is_floating_point_v<Value> ? 'f' : std::is_signed_v<Value> ? 'i' : 'u';
    const char *star = std::is_pointer_v<T> ? "*" : "";
    sprintf(codes + strlen(codes), "%s%c%d ", star, std::is_same_v<Value, bool> ? 'b' : kind, (int)sizeof(Value));
}

template <class... T> const char *parameters(void (*)(T...))
{
    static char codes[8 * sizeof...(T) + 1];
    codes[0] = 0;
    (add_code<T>(codes), ...);
    return codes;
}

} // namespace fake

#define FAKE_KERNEL(name)                                                                                   \
    extern "C" const char *name##_parameters() { return fake::parameters(::name); }                         \
    extern "C" const char *name##_launch(const dim3 *shape, size_t shared, const char *packed)              \
    {                                                                                                       \
        return fake::launch([](const char *packed) { fake::call(::name, packed); }, shape, shared, packed); \
    }
