/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * close.pml: [close] and [close.visit] of sched/closing.hpp, [count] of sched/remote_resources.hpp
 * and base/atomics/counters.hpp. The destructor of a runtime always goes on after the last fiber has ended.
 * No agent touches the runtime after its end. The closer is a fiber of another runtime. Its commit
 * function may still run in this runtime while a second machine of the other runtime already runs
 * the closer.
 *
 *   here          there                                                step of the tag
 *   commit        the function that closing::wait_until_empty parks    D1, D2, D3
 *                 with
 *   closer        ~scheduler, after wait_until_empty; stop
 *   machine       finish, then sleep                                   M1, M2, M3
 *   wake_closer   live_fibers, wake_closer_if_empty                    D3, M3
 *   waker         inject, for a parked fiber of the runtime            [close.visit]
 *
 * How a sleeping machine wakes for work and for the end of the runtime: idle_wake.pml,
 * hand_off.pml.
 *
 * NO_FENCE           the destructor passes no fence
 * NO_MACHINE_FENCE   the machine passes neither a fence nor a lock
 * STARTS_FIRST       the starts are read before the ends
 * LOAD_CLOSER        the agent that wakes the closer reads the pointer to it, and does not take the
 *                    pointer
 * NO_WAKER_VISIT     the waker does not register as a visitor
 * NO_COMMIT_VISIT    the commit function does not register as a visitor
 */
#define MACHINES 2
#define COMMIT 2
#define WAKER 3
#define AGENTS 4
#define ENDED 0 /* two variables, one for each processor */
#define STARTED 2
#define CLOSER 4
#define CLOSING 5
#define VARIABLES 6
#include "tso.pml"

byte global;     /* fibers in the global queue */
byte children = 2;
byte visitors, machines_gone;
bool stopping, awake, gone;

#define fibers_from_outside 1

inline read_ends() {
    ends = ends + load(ENDED);
    ends = ends + load(ENDED + 1)
}
inline read_starts() {
    starts = starts + load(STARTED);
    starts = starts + load(STARTED + 1)
}

inline wake_closer() {
    assert(!gone);
#ifdef STARTS_FIRST
    read_starts();
    read_ends();
#else
    read_ends();
    read_starts();
#endif
    if
    :: starts + fibers_from_outside == ends ->
#ifdef LOAD_CLOSER
        taken = load(CLOSER);
#else
        atomic { drained -> taken = memory[CLOSER]; memory[CLOSER] = 0 };
#endif
        if
        :: taken -> atomic { assert(!awake); awake = true; taken = false }
        :: else
        fi
    :: else
    fi;
    starts = 0;
    ends = 0
}

proctype machine(byte me) {
    byte starts, ends;
    bool taken;
    do
    :: atomic { global > 0 && drained -> global--; assert(!gone && !stopping) };
       do /* a fiber */
       :: atomic { children > 0 -> children-- };
          add(STARTED + me, 1);
          atomic { drained -> global++ }
       :: break
       od;
       add(ENDED + me, 1)
    :: atomic { global == 0 || stopping };
#ifndef NO_MACHINE_FENCE
       drained;
#endif
       assert(!gone);
       if
       :: load(CLOSING) -> wake_closer()
       :: else
       fi;
       if
       :: global > 0
       :: stopping -> break
       fi
    od;
    drained;
    machines_gone++
}

proctype commit(byte me) {
    byte starts, ends;
    bool taken;
#ifndef NO_COMMIT_VISIT
    atomic { drained -> visitors++ };
#endif
    store(CLOSER, 1);
    store(CLOSING, 1);
#ifndef NO_FENCE
    drained;
#endif
    wake_closer();
    assert(!gone);
#ifndef NO_COMMIT_VISIT
    atomic { drained -> visitors-- }
#endif
}

proctype closer() {
    awake;
    stopping = true;
    machines_gone == MACHINES;
    visitors == 0;
    gone = true
}

proctype waker(byte me) {
#ifndef NO_WAKER_VISIT
    atomic { drained -> visitors++ };
#endif
    global++; /* the fiber is runnable */
    assert(!gone); /* wake_one */
    assert(!gone);
#ifndef NO_WAKER_VISIT
    visitors--
#endif
}

init {
    atomic { run machine(0); run machine(1); run commit(COMMIT); run closer(); run waker(WAKER) }
}
