/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * hand_off.pml: how a processor changes its machine: [idle.take] of sched/idle.hpp and [stop] of
 * sched/scheduler.cpp. A processor always has exactly one machine. No machine sleeps forever beside
 * a runnable fiber or an expired timer. All machines end.
 *
 *   here           there
 *   find           find_runnable, find_work, spin_for_work; steal is one step, because lease.pml
 *                  covers it
 *   sleep          sleep; its deadline may pass at once
 *   end_spare      park_spare
 *   runs           a fiber's own code, which then does one of several things
 *   hand_off       hand_off, for a blocking_region; machine_pool::make fails, as at the limit of
 *                  threads
 *   regain         regain
 *   sysmon         retake, at any time
 *   init           at its end: scheduler::stop
 *
 * Lists and counts change under a lock or by read-modify-writes, so interleaving is enough.
 * idle_wake.pml has the store buffers of publishers with a light fence. Of the three machines the
 * first PROCESSORS have a processor, the first two run a fiber each, and the others are spares. MAY
 * says how often each event may happen: all events at once would be too many states.
 *
 * NO_LAST_LOOK           hand_off does not check the queues after it has enlisted the machine
 * LOOK_FIRST             hand_off checks the queues before it enlists the machine, and not after
 * BLIND_TO_TIMERS        hand_off does not check the timers
 * DISPLACED_IN_SILENCE   a machine that was displaced, and so cannot call off its sleep, wakes no
 *                        other machine
 * FORGOTTEN              the displaced machine does not become a spare
 * RETAKE_INSIDE          sysmon retakes from a machine that is inside
 * ARM_IN_SILENCE         a fiber that arms a timer without a processor wakes no machine
 * STOP_SEEN_EARLY        a spare reads `stopping` before it is on the list
 */
#define MACHINES 3
#define BEGIN 2
#include "lists.pml"

byte work[PROCESSORS], global, alive; /* fibers */
bool timer[PROCESSORS];
bool outside[MACHINES]; /* not machine::inside() */
bool released, stopping, sysmon_stops, sysmon_ended;
byte ended;
byte MAY;

#if PROCESSORS == 1
#define queues_visible (work[0] > 0)
#else
#define queues_visible (work[0] > 0 || work[1] > 0)
#endif

inline work_visible() { /* idle_wake.pml has the order of the two reads */
    atomic { far = queues_visible; seen = global > 0 }
}

inline stop_searching() {
    if
    :: atomic { searches[me] -> searches[me] = false; assert(searching > 0); searching--; seen = (searching == 0) };
       if
       :: atomic { seen && (global > 0 || queues_visible) -> seen = false }; wake_one()
       :: atomic { !seen || global == 0 && !queues_visible -> seen = false }
       fi
    :: else
    fi
}

inline hand_off() {
    atomic { first(spare); to = x; x = 0; if :: to < MACHINES -> spare[to] = false :: else fi };
    if
    :: to < MACHINES ->
       atomic { mine = has[me]; has[me] = NONE; seen = (work[mine] > 0 || timer[mine]); give(mine, to) };
       if
       :: seen -> wake(to)
       :: else ->
#ifdef LOOK_FIRST
          work_visible();
          seen = seen || far || timer[mine];
#endif
          atomic { assert(work[mine] == 0); enlist(to) };
#if !defined(LOOK_FIRST) && !defined(NO_LAST_LOOK)
          work_visible();
#ifndef BLIND_TO_TIMERS
          seen = seen || timer[mine];
#endif
          seen = seen || far;
#endif
          if
          :: seen ->
             if
             :: atomic { listed[to] -> withdraw(to); search_again(to); wake(to) }
             :: atomic { !listed[to] }; wake_one()
             fi
          :: else
          fi
       fi
    :: else
    fi;
    atomic { seen = false; far = false; mine = 0; to = 0 }
}

#include "machine.pml"

#ifdef RETAKE_INSIDE
#define may_take(m) (has[m] != NONE)
#else
#define may_take(m) (outside[m] && has[m] != NONE)
#endif

proctype sysmon() {
    byte x, mine;
end:
    do
    :: atomic { sysmon_stops -> break }
    :: atomic { retakes > 0 && anyone(spare) -> retakes--; first(spare); spare[x] = false };
       if
       :: atomic { may_take(0) -> mine = has[0]; has[0] = NONE; give(mine, x); wake(x) }
       :: atomic { may_take(1) -> mine = has[1]; has[1] = NONE; give(mine, x); wake(x) }
       :: atomic { may_take(2) -> mine = has[2]; has[2] = NONE; give(mine, x); wake(x) }
       :: spare[x] = true
       fi;
       atomic { x = 0; mine = 0 }
    od;
    sysmon_ended = true
}

proctype remote_caller() {
    byte x;
    do
    :: atomic { remote_callers > 0 -> remote_callers--; global++ }; wake_one()
    :: else -> break
    od
}

#define asleep(q) (listed[0] && has[0] == (q) || listed[1] && has[1] == (q) || listed[2] && has[2] == (q))
#if PROCESSORS == 1
#define one_each (holders(0) == 1)
#define lost (asleep(0) && (global > 0 || timer[0]))
#else
#define one_each (holders(0) == 1 && holders(1) == 1)
#define lost ((asleep(0) || asleep(1)) && global > 0 || asleep(0) && timer[0] || asleep(1) && timer[1])
#endif

init {
    byte x;
    atomic {
        alive = BEGIN + remote_callers;
        for (x : 0 .. MACHINES - 1) {
            if :: x < PROCESSORS -> has[x] = x :: else fi;
            run machine(x)
        }
        x = 0;
        if :: retakes > 0 -> run sysmon() :: else -> sysmon_ended = true fi;
        if :: remote_callers > 0 -> run remote_caller() :: else fi
    }
    if
    :: true -> timeout;
       assert(one_each && searching == 0 && !lost);
       released = true;
       timeout;
       assert(one_each && searching == 0 && alive == 0)
    :: atomic { alive == 0 && remote_callers == 0 }
    fi;
    sysmon_stops = true;
    sysmon_ended;
    stopping = true;
    wake_all();
    wake_spares();
    ended == MACHINES
}
