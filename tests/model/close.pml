/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * close.pml: [close] and [close.visit] of sched/shutdown.cpp, [count] of remote_resources.hpp, counters.hpp. The destructor of a
 * runtime goes on once its last fiber has ended, in any case, and nobody touches the runtime once it is gone. The closer is
 * a fiber of another runtime: its commit function still stands in this one when a second machine there runs the closer.
 *
 *   here        there                                                step of the tag
 *   commit      ~scheduler, what it gives to park                    left 1, 2, 3
 *   closer      ~scheduler, after park; stop
 *   machine     finish, then sleep                                   right 1, 2, 3
 *   tell        live_fibers, wake_closer_if_empty                    3
 *   waker       inject, for a parked fiber of the runtime            [close.visit]
 *
 * A machine that sleeps gets up for work and for the end: idle_wake.pml, hand_off.pml.
 *
 * NO_FENCE           the destructor passes no fence
 * NO_MACHINE_FENCE   the machine passes none, nor a lock
 * STARTS_FIRST       the starts are read before the ends
 * LOAD_CLOSER        who is to wake the closer reads him, and does not take him
 * NO_WAKER_VISIT     the waker does not say that he is there
 * NO_COMMIT_VISIT    nor does the commit function
 */
#define MACHINES 2
#define COMMIT 2
#define WAKER 3
#define AGENTS 4
#define ENDED 0 /* and the next, one each processor */
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

inline tell() {
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
       :: load(CLOSING) -> tell()
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
    tell();
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
