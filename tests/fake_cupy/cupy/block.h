// The threads of a block in turns, on one thread of the CPU: each runs until it returns or has to wait for others.
//
// Only when a thread waits does the next one need a stack of its own (a fiber): where nobody waits, a block is a loop.
#undef _FORTIFY_SOURCE // it would stop a longjmp to another stack
#include <setjmp.h>
#include <stdio.h>
#include <ucontext.h>

struct uint3 { unsigned x, y, z; };

static uint3 threadIdx;
static const int warpSize = 32;

namespace fake {

enum State { READY, WAITING, RETURNED };

struct Fiber {
    char stack[(1 << 16) + 192]; // no power of two: such stacks would push each other out of the cache
    jmp_buf state;
};

// A place that some threads leave together: those from `first` on, `size` of them, whose lane is in the mask.
struct Meeting { int line, first, size; unsigned mask; };

struct Thread {
    uint3 index;
    State state;
    Fiber *fiber;
    Meeting meeting;
    int from; // the thread whose value this one wants
    unsigned long long give, take;
};

const int MOST = 1024;
static Thread threads[MOST + 31];   // a last warp may lack 31
static int count, started, current; // the threads of the block; how many have begun; the one that runs
static bool forward;                // the order in which they have their turns
static Fiber *running, *idle[MOST];
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

// The life of a fiber: one thread after another, as long as none waits.
static void live()
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
    makecontext(&context, live, 0);
    if (!_setjmp(scheduler))
        setcontext(&context);
    return running;
}

// Wait for all others of the meeting; returns what the thread `from`, which is one of them, gives.
static unsigned long long meet(Meeting meeting, int from, unsigned long long give)
{
    Thread &thread = threads[current];
    thread.state = WAITING, thread.meeting = meeting, thread.from = from, thread.give = give;
    jump(running->state, scheduler);
    return thread.take;
}

static bool invited(const Meeting &meeting, int thread)
{
    bool in_range = meeting.first <= thread && thread < meeting.first + meeting.size;
    return in_range && meeting.mask >> thread % warpSize & 1;
}

static bool complete(const Meeting &meeting)
{
    for (int t = meeting.first; t < meeting.first + meeting.size; t++) {
        const Thread &thread = threads[t];
        bool here = thread.state == WAITING && thread.meeting.line == meeting.line;
        if (invited(meeting, t) && !(here && thread.meeting.mask == meeting.mask && invited(meeting, thread.from)))
            return false;
    }
    return true;
}

// End every meeting that is complete. false: there is none
static bool release()
{
    bool released = false;
    for (int t = 0; t < count; t++) {
        const Meeting meeting = threads[t].meeting;
        if (threads[t].state != WAITING || !complete(meeting))
            continue;
        for (int guest = meeting.first; guest < meeting.first + meeting.size; guest++)
            if (invited(meeting, guest)) {
                threads[guest].take = threads[threads[guest].from].give;
                threads[guest].state = READY;
                released = true;
            }
    }
    return released;
}

// Say who waits in vain, and who is missing. false: nobody waits
static bool deadlock()
{
    int t = 0;
    while (t < count && threads[t].state == RETURNED)
        t++;
    if (t == count)
        return false;
    const Meeting &meeting = threads[t].meeting;
    int length = snprintf(problem, sizeof problem, "thread %d waits in line %d", t, meeting.line);
    for (int guest = 0; guest < count; guest++) {
        const Thread &thread = threads[guest];
        const char *format = thread.state == RETURNED ? ", thread %d has returned" : ", thread %d waits in line %d";
        if (invited(meeting, guest) && (thread.state == RETURNED || thread.meeting.line != meeting.line)) {
            snprintf(problem + length, sizeof problem - length, format, guest, thread.meeting.line);
            return true;
        }
    }
    snprintf(problem + length, sizeof problem - length, ", where the masks do not agree or name absent lanes");
    return true;
}

static bool run_block()
{
    for (started = 0; started < count;) {
        running = idle_count ? idle[--idle_count] : new_fiber();
        start_next();
        jump(scheduler, running->state);
    }
    while (forward = !forward, release()) // to and fro: where a barrier is missing, one of the two goes wrong
        for (int i = 0; i < count; i++) {
            current = nth(i);
            if (threads[current].state == READY) {
                threadIdx = threads[current].index;
                running = threads[current].fiber;
                jump(scheduler, running->state);
            }
        }
    return !deadlock(); // those that wait are never woken again, nor their fibers
}

} // namespace fake
