// Runs the threads of a block one after another on one CPU thread: each runs until it returns or waits at a barrier.
//
// A waiting thread keeps its stack, so the next one runs on a new fiber. Without barriers, a block is a plain loop.
#undef _FORTIFY_SOURCE // it rejects a longjmp to another stack
#include <setjmp.h>
#include <stdio.h>
#include <ucontext.h>

struct uint3 { unsigned x, y, z; };

static uint3 threadIdx;
static const int warpSize = 32;

namespace fake {

enum State { READY, WAITING, RETURNED };

struct Fiber {
    char stack[(1 << 16) + 192]; // not a power of two, to avoid cache conflicts between stacks
    jmp_buf state;
};

// The barrier, at this source line, for those of the threads first to first + size - 1 whose lane is in the mask.
struct Barrier { int line, first, size; unsigned mask; };

struct Thread {
    uint3 index;
    State state;
    Fiber *fiber;
    Barrier barrier;
    int from; // the thread that sends the value for this one
    unsigned long long sent, received;
};

const int MAX_THREADS = 1024;
static Thread threads[MAX_THREADS + 31]; // the last warp may lack 31 lanes
static int count, started, current;      // number of threads in the block; of started ones; the running thread
static bool forward;                     // whether the threads run in ascending order
static Fiber *running, *idle[MAX_THREADS];
static int idle_count;
static jmp_buf scheduler;
static void (*kernel)(const char *arguments);
static const char *arguments;
static char problem[200];

static void jump(jmp_buf &from, jmp_buf &to)
{
    if (!_setjmp(from))
        _longjmp(to, 1);
}

static int nth(int i) { return forward ? i : count - 1 - i; }

static bool start_next()
{
    if (started == count)
        return false;
    current = nth(started++);
    threads[current].fiber = running;
    threadIdx = threads[current].index;
    return true;
}

// The main function of a fiber: runs one thread after another until one waits.
static void fiber_main()
{
    for (;;) {
        jump(running->state, scheduler);
        do {
            kernel(arguments);
            threads[current].state = RETURNED;
        } while (start_next());
        idle[idle_count++] = running;
    }
}

static Fiber *new_fiber()
{
    running = new Fiber;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = running->stack;
    context.uc_stack.ss_size = sizeof running->stack;
    makecontext(&context, fiber_main, 0);
    if (!_setjmp(scheduler))
        setcontext(&context);
    return running;
}

// Wait for all threads of the barrier; returns the value that one of them, the thread `from`, sends.
static unsigned long long wait(Barrier barrier, int from, unsigned long long sent)
{
    Thread &thread = threads[current];
    thread.state = WAITING, thread.barrier = barrier, thread.from = from, thread.sent = sent;
    jump(running->state, scheduler);
    return thread.received;
}

static bool includes(const Barrier &barrier, int thread)
{
    bool in_range = barrier.first <= thread && thread < barrier.first + barrier.size;
    return in_range && barrier.mask >> thread % warpSize & 1;
}

static bool complete(const Barrier &barrier)
{
    for (int t = barrier.first; t < barrier.first + barrier.size; t++) {
        const Thread &thread = threads[t];
        bool here = thread.state == WAITING && thread.barrier.line == barrier.line;
        if (includes(barrier, t) && !(here && thread.barrier.mask == barrier.mask && includes(barrier, thread.from)))
            return false;
    }
    return true;
}

// Release the threads at every complete barrier. Returns false if there is none.
static bool release()
{
    bool released = false;
    for (int t = 0; t < count; t++) {
        const Barrier barrier = threads[t].barrier;
        if (threads[t].state != WAITING || !complete(barrier))
            continue;
        for (int other = barrier.first; other < barrier.first + barrier.size; other++)
            if (includes(barrier, other)) {
                threads[other].received = threads[threads[other].from].sent;
                threads[other].state = READY;
                released = true;
            }
    }
    return released;
}

// Describe a thread that waits forever, and one that is missing at its barrier. Returns false if no thread waits.
static bool deadlock()
{
    int t = 0;
    while (t < count && threads[t].state == RETURNED)
        t++;
    if (t == count)
        return false;
    const Barrier &barrier = threads[t].barrier;
    int length = snprintf(problem, sizeof problem, "thread %d waits in line %d", t, barrier.line);
    for (int other = 0; other < count; other++) {
        const Thread &thread = threads[other];
        const char *format = thread.state == RETURNED ? ", thread %d has returned" : ", thread %d waits in line %d";
        if (includes(barrier, other) && (thread.state == RETURNED || thread.barrier.line != barrier.line)) {
            snprintf(problem + length, sizeof problem - length, format, other, thread.barrier.line);
            return true;
        }
    }
    snprintf(problem + length, sizeof problem - length, ", where the masks differ or include missing lanes");
    return true;
}

static bool run_block()
{
    for (started = 0; started < count;) {
        running = idle_count ? idle[--idle_count] : new_fiber();
        start_next();
        jump(scheduler, running->state);
    }
    while (forward = !forward, release()) // alternate the order, so that a missing barrier shows in one of them
        for (int i = 0; i < count; i++) {
            current = nth(i);
            if (threads[current].state == READY) {
                threadIdx = threads[current].index;
                running = threads[current].fiber;
                jump(scheduler, running->state);
            }
        }
    return !deadlock(); // threads that still wait are abandoned, with their fibers
}

} // namespace fake
