/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * idle_wake.pml: [idle.wake], [idle.token] and [idle.take] of sched/idle.hpp. No machine sleeps
 * forever beside a fiber that it could run, and the count of searching machines is right in the
 * end.
 *
 *   here                  there                                          step of the tag
 *   publish               idle_machines::wake_one                        P3, P4, P5
 *   run_next, share_half  a fiber that starts another one                P1, P2
 *   remote_caller         inject                                         P1, with a full fence as P2
 *   take_global           take_global
 *   look                  work_visible                                   S4, F3
 *   stop_searching        stop_searching                                 F1, F2, F3
 *   machine               find_runnable, spin_for_work, sleep            S1, S2, S3, S4
 *   sysmon                sysmon::check: only that an idle machine is woken in the end
 *   taker                 regain, by a machine that is not modelled: takes machine 1's processor, once
 *
 * A machine that saw fibers which it cannot take sleeps for a short time, then searches again. A
 * machine that has a fiber may run it forever. Other machines then steal from it, in one step,
 * because lease.pml covers stealing.
 *
 * GAP_CLOSED is no fault: S3 is a heavy fence, which pairs with the light fences, and there is no
 * sysmon. This case shows that everything but the gap between light fence and full fence holds at
 * once, not only after sysmon's check.
 *
 * NO_SYSMON             S3 is not a heavy fence, and there is no sysmon
 * LOOK_BEFORE_LIST      a machine that goes to sleep checks the queues before it enlists
 * NO_PUBLISHER_FENCE    a publisher that sees an idle machine passes no fence before it reads
 *                       `searching`
 * LOOK_BEFORE_COUNT     the last searching machine checks before its F1: the read-modify-write is no
 *                       fence
 * TOKEN_KEPT            the token is not put back when there is no machine to wake
 * GLOBAL_FIRST          a check reads the global queue first
 * NOT_AGAIN             fibers that move from the global queue into a processor's queue are not
 *                       published again
 * NO_SEARCH_AGAIN       a machine that calls off its sleep does not count as searching
 * DISPLACED_IN_SILENCE  a machine that was displaced, and so cannot call off its sleep, wakes no other
 *                       machine
 */
#ifndef MACHINES
#define MACHINES 3
#endif
#define AGENTS (MACHINES + 2)
#define REMOTE_CALLER MACHINES
#define SYSMON (MACHINES + 1)
#define G MACHINES /* the global queue; the variables before it are the machines' queues */
#define VARIABLES (MACHINES + 1)
bool global_locked; /* until the unlocking store, the last in the buffer, has reached memory */
#define FLUSHED(v) if :: (v) == G -> global_locked = false :: else fi;
#include "tso.pml"

byte idle, searching, starts = STARTS;
bool listed[MACHINES], woken[MACHINES], searches[MACHINES], displaced[MACHINES], in_fiber[MACHINES], asleep[MACHINES];

#if MACHINES == 3
#define first(list) (list[0] -> 0 : (list[1] -> 1 : (list[2] -> 2 : MACHINES)))
#else
#define first(list) (list[0] -> 0 : (list[1] -> 1 : MACHINES))
#endif

#include "publish.pml"

inline take_global() {
    atomic { drained && !global_locked -> hand = (memory[G] > 2 -> 2 : memory[G]);
        if :: hand > 0 -> global_locked = true; add(G, -hand) :: else fi };
    if
    :: hand == 2 -> hand = 0; add(me, 1);
#ifndef NOT_AGAIN
       publish();
#endif
       goto found
    :: atomic { hand == 1 -> hand = 0; goto found }
    :: atomic { hand == 0 }
    fi
}

inline look_at_queues() {
    do
    :: atomic { at < MACHINES -> if :: load(at) > 0 -> far = true :: else fi; at++ }
    :: atomic { at == MACHINES -> at = 0; break }
    od
}
inline look() {
#ifdef GLOBAL_FIRST
    seen = load(G) > 0;
    look_at_queues()
#else
    look_at_queues();
    drained;
    seen = load(G) > 0
#endif
}

inline stop_searching() {
    if
#ifdef LOOK_BEFORE_COUNT
    :: searches[me] -> look();
       atomic { drained -> assert(searching > 0); searches[me] = false; searching--;
           if :: searching > 0 -> seen = false; far = false :: else fi };
       if
       :: true ->
#else
    :: atomic { searches[me] && drained -> assert(searching > 0); searches[me] = false; searching--; seen = (searching == 0) };
       if
       :: seen -> look();
#endif
          if :: atomic { seen || far -> seen = false; far = false }; publish() :: atomic { !seen && !far } fi
       :: else
       fi
    :: atomic { !searches[me] }
    fi
}

inline enlist() {
    atomic { drained -> listed[me] = true; idle++; seen = searches[me]; searches[me] = false };
    atomic { drained -> if :: seen -> assert(searching > 0); searching--; seen = false :: else fi }
}

#define may_steal(v) (searches[me] && me != v && in_fiber[v] && memory[v] > 0 && b(v).n == 0)
#define steal(v) atomic { may_steal(v) && drained -> hand = (memory[v] + 1) / 2; memory[v] = memory[v] - hand; goto stolen }

proctype machine(byte me) {
    byte x, at, hand;
    bool seen, far;
    if :: me == 0 -> goto runs :: else fi;
find:
    if
    :: atomic { load(me) > 0 -> add(me, -1); goto found }
    :: atomic { load(me) == 0 }
    fi;
    if :: load(G) > 0 -> take_global() :: load(G) == 0 fi;
    if :: atomic { !searches[me] && drained -> searching++; searches[me] = true } :: true fi;
    if
    :: searches[me] && load(G) > 0 -> take_global()
    :: steal(0)
    :: steal(1)
#if MACHINES == 3
    :: steal(2)
#endif
    :: true
    fi;
#ifdef LOOK_BEFORE_LIST
    look();
    if :: seen || far -> seen = false; far = false; goto find :: else fi;
#endif
    enlist();
#ifdef GAP_CLOSED
    membarrier(at);
#else
    drained;
#endif
#ifndef LOOK_BEFORE_LIST
    look();
#endif
    if
    :: atomic { seen -> seen = false };
       if
       :: atomic { listed[me] && drained -> listed[me] = false; idle--;
#ifndef NO_SEARCH_AGAIN
           searching++; searches[me] = true;
#endif
           far = false; goto find }
       :: atomic { !listed[me] };
#ifndef DISPLACED_IN_SILENCE
          publish();
#endif
          far = false
       fi
    :: else
    fi;
    asleep[me] = !far;
end_asleep:
    if
    :: atomic { displaced[me] -> asleep[me] = false; goto spare }
    :: atomic { woken[me] -> woken[me] = false; asleep[me] = false; far = false; goto find }
    :: atomic { far && listed[me] && drained -> listed[me] = false; idle--; searching++; searches[me] = true; far = false; goto find }
    fi;
stolen:
    atomic { if :: hand > 1 -> hand--; add(me, hand) :: else fi; hand = 0 };
found:
    stop_searching();
runs:
    if
    :: atomic { starts > 0 -> starts-- }; run_next(); goto runs
    :: goto find
    :: in_fiber[me] = true
    fi;
spare:
end_spare:
    false
}

#if MACHINES == 3
#define somebody_waits (waits_behind(0) || waits_behind(1) || waits_behind(2))
#else
#define somebody_waits (waits_behind(0) || waits_behind(1))
#endif
#define waits_behind(i) (in_fiber[i] && (memory[i] > 0 || memory[G] > 0))

proctype sysmon(byte me) {
    byte x;
end:
    do
    :: idle > 0 && searching == 0 && somebody_waits -> publish()
    od
}

proctype taker() {
    if :: atomic { listed[1] -> listed[1] = false; idle--; displaced[1] = true } :: true fi
}

proctype remote_caller(byte me) {
    byte x, n = PUSHES;
    do
    :: atomic { n > 0 -> n-- }; push_global(1); drained; publish()
    :: else -> break
    od
}

init {
    byte i;
    atomic {
        for (i : 0 .. MACHINES - 1) { run machine(i) }
        i = 0;
        run remote_caller(REMOTE_CALLER);
#if !defined(GAP_CLOSED) && !defined(NO_SYSMON)
        run sysmon(SYSMON);
#endif
        if :: TAKERS > 0 -> run taker() :: else fi
    }
    timeout;
    for (i : 0 .. MACHINES - 1) { assert(!asleep[i] || memory[0] + memory[1] + memory[2] + memory[VARIABLES - 1] == 0) }
    assert(searching == 0)
}
